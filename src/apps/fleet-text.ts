/** The fleet in words and lines: what `fleet`, `models` and the boot report print. Pure but for the time zone of the terminal. */
import { visibleLine } from '../core/visible.ts';
import type { EndpointEntry, Fleet, Health, ModelEntry, ModelRow, RuntimeEntry } from '../protocol/fleet.ts';
import { columns } from './output.ts';

export const NO_WORKER =
  'No worker is ready. Set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY, start Ollama, LM Studio or llama-server, or add an endpoint to the configuration (`pancode config path`); `pancode demo` needs none.';

export const mark = ({ state }: Health): string => (state === 'ready' ? 'ok' : '--');
export const kindOf = (runtime: RuntimeEntry): string => (runtime.id === 'native' ? 'NATIVE' : 'CLI');

export function fleetText(fleet: Fleet, width = terminalWidth()): string {
  const runtimes = fleet.runtimes.map((one) => [mark(one), one.id, kindOf(one), one.version ?? '', one.state]);
  const endpoints = fleet.endpoints.map((one) => [mark(one), one.id, one.provider, shownUrl(one), one.state]);
  const ready = fleet.workers.filter((worker) => worker.state === 'ready');
  return [
    ...withReasons('runtimes', runtimes, fleet.runtimes, width),
    ...withReasons('endpoints', endpoints, fleet.endpoints, width),
    ...(ready.length === 0
      ? wrap(NO_WORKER, width)
      : [
          'workers ready',
          columns(
            ready.map((worker) => [`  ${visibleLine(worker.id)}`, worker.tier]),
            width,
          ),
        ]),
    ...notReady(fleet, width),
  ].join('\n');
}

/** The user name and password a URL may hold are nobody's business on a screen. */
function shownUrl({ url }: EndpointEntry): string {
  if (!URL.canParse(url)) return visibleLine(url);
  const { origin, pathname } = new URL(url);
  return visibleLine(origin + (pathname === '/' ? '' : pathname), 60);
}

/** A heading, a line for each, and below it what is to be said of it. */
function withReasons(title: string, rows: string[][], entries: readonly Health[], width: number): string[] {
  if (rows.length === 0) return [];
  const lines = columns(rows, width).split('\n');
  return [title, ...lines.flatMap((line, n) => [line, ...wrap(said(entries[n]!), width, '      ')]), ''];
}

/** Workers by why they are not ready. */
function notReady(fleet: Fleet, width: number): string[] {
  const groups = new Map<string, string[]>();
  for (const worker of fleet.workers) {
    if (worker.state === 'ready') continue;
    const half = [...fleet.endpoints, ...fleet.runtimes].find(
      (one) => [worker.endpoint, worker.runtime].includes(one.id) && one.reason === worker.reason,
    );
    const why = half ? `${worker.state}, as ${half.id} is` : `${worker.state}: ${said(worker) || 'no reason is known'}`;
    groups.set(why, [...(groups.get(why) ?? []), visibleLine(worker.id)]);
  }
  if (groups.size === 0) return [];
  const lines = [...groups].flatMap(([why, ids]) => [
    ...wrap(ids.slice(0, 6).join(', ') + (ids.length > 6 ? `, and ${ids.length - 6} more` : ''), width, '  '),
    ...wrap(why, width, '      '),
  ]);
  return ['', 'workers not ready', ...lines];
}

/** Why, when it is tried again, and what a person can do about it. '' where there is nothing to say. */
export function said({ state, reason, retryAt, cooling }: Health): string {
  const why = visibleLine(reason ?? '', 400);
  if (!retryAt || state === 'ready') return why;
  const when = new Date(retryAt).toLocaleTimeString('en-GB');
  return cooling
    ? `${why}; not chosen until ${when}, but --worker ID tries it now`
    : `${why}; tried again at every use from ${when}`;
}

/** Words in lines of at most `width`, each with `indent`; a word that is longer is broken. [] for nothing. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const room = Math.max(20, width - indent.length);
  const lines: string[] = [];
  let line = '';
  for (const word of text
    .split(/\s+/)
    .filter(Boolean)
    .flatMap((one) => pieces(one, room))) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return (line === '' ? lines : [...lines, line]).map((one) => indent + one);
}

const pieces = (word: string, room: number): string[] =>
  Number.isFinite(room)
    ? Array.from({ length: Math.ceil(word.length / room) }, (_, n) => word.slice(n * room, (n + 1) * room))
    : [word];

export const terminalWidth = (): number => process.stdout.columns ?? Number.POSITIVE_INFINITY;

/** `32k`, `1M`; null = unknown. */
export const tokens = (count: number | null | undefined): string | null =>
  count == null
    ? null
    : count >= 1_000_000
      ? `${Math.round(count / 100_000) / 10}M`
      : count >= 1_000
        ? `${Math.round(count / (count % 1_024 === 0 ? 1_024 : 1_000))}k`
        : String(count);

/** `(32k, tools)`: what is known of a model; '' where nothing is. */
export function modelFacts(model: ModelEntry): string {
  const trained = tokens(model.trainedContext);
  const window = tokens(model.context) ?? (trained === null ? null : `up to ${trained}`);
  const tools = model.tools === null ? null : model.tools ? 'tools' : 'no tools';
  const known = [window, tools].filter((part) => part !== null);
  return known.length === 0 ? '' : ` (${known.join(', ')})`;
}

export function modelsText(models: readonly ModelRow[], width = terminalWidth()): string {
  if (models.length === 0) return wrap(NO_WORKER.replace('worker is ready', 'model is known'), width).join('\n');
  const known = (value: boolean | null) => (value === null ? '?' : value ? 'yes' : 'no');
  const rows = models.map((model) => [
    visibleLine(model.id, 60),
    model.endpoint ?? model.workers[0]?.split('/')[0] ?? '',
    tokens(model.context) ?? '?',
    tokens(model.trainedContext) ?? '?',
    known(model.tools),
    known(model.loaded),
    model.tier,
    priceText(model.price),
    model.state,
  ]);
  const head = ['MODEL', 'FROM', 'WINDOW', 'TRAINED', 'TOOLS', 'LOADED', 'TIER', '$/M IN/OUT', 'STATE'];
  const reasons = new Set(models.filter(({ state }) => state !== 'ready').map((one) => `${one.state}: ${said(one)}`));
  return [columns([head, ...rows], width), ...[...reasons].flatMap((why) => wrap(why, width))].join('\n');
}

function priceText(price: ModelRow['price']): string {
  if (price === null) return '?';
  return price.input === 0 && price.output === 0 ? 'free' : `${price.input}/${price.output}`;
}
