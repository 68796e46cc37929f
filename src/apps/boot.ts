/** The boot report: what was found, what is ready, and why the rest is not. Pure. */
import { visibleLine } from '../core/visible.ts';
import type { Boot, Fleet, Health, RuntimeEntry } from '../protocol/fleet.ts';
import { kindOf, mark, modelFacts, NO_WORKER, said, wrap } from './fleet-text.ts';

/** Models named on one line. */
const SHOWN = 3;

/** `width` in columns; `ms`: how long the start took. */
export function bootText(boot: Boot, version: string, ms: number, width: number): string {
  const { fleet } = boot;
  const there = fleet.runtimes.filter(isThere);
  const missing = fleet.runtimes.filter((runtime) => !isThere(runtime)).map((runtime) => runtime.id);
  const rows = [
    ...there.map((one) => ({
      cells: [mark(one), one.id, kindOf(one), one.version ?? '', one.state],
      text: one.state === 'ready' ? modelsOf(one, fleet) : said(one),
    })),
    // A ready one shows by its models.
    ...fleet.endpoints
      .filter((one) => one.state !== 'ready')
      .map((one) => ({ cells: [mark(one), one.id, 'ENDPOINT', '', one.state], text: said(one) })),
  ];
  const ready = fleet.workers.filter(({ state }) => state === 'ready').length;
  const endpoints = fleet.endpoints.filter(({ state }) => state === 'ready').length;
  const summary = [
    count(there.length, 'runtime'),
    count(endpoints, 'endpoint'),
    count(ready, 'worker'),
    boot.sandbox.backend === 'none' ? 'UNSANDBOXED (see `pancode doctor`)' : `sandbox ${boot.sandbox.backend}`,
    'receipts on',
    budgetText(boot.budget),
  ];
  return [
    ...hanging(rows, width),
    ...(missing.length === 0 ? [] : wrap(`not found: ${missing.join(', ')}`, width, '    ')),
    ...dotted(summary, width - 'summary  '.length).map((line, n) => `${n === 0 ? 'summary' : '       '}  ${line}`),
    `ready  pancode ${version} in ${Math.round(ms)} ms`,
    ...(ready === 0 ? ['', ...wrap(NO_WORKER, width)] : []),
  ].join('\n');
}

const isThere = (runtime: RuntimeEntry): boolean =>
  runtime.path !== null || runtime.id === 'native' || !['unavailable', 'cordoned'].includes(runtime.state);

/** Aligned cells, and behind them a text that goes on below itself; where too little room is left, below the cells. */
function hanging(rows: { cells: string[]; text: string }[], width: number): string[] {
  const widths = (rows[0]?.cells ?? []).map((_, n) => Math.max(...rows.map(({ cells }) => cells[n]!.length)));
  return rows.flatMap(({ cells, text }) => {
    const head = `${cells.map((cell, n) => cell.padEnd(widths[n]!)).join('  ')}  `;
    if (width - head.length < 24) return [head.trimEnd(), ...wrap(text, width, '    ')];
    const [first = '', ...rest] = wrap(text, width, ' '.repeat(head.length));
    return [(head + first.trimStart()).trimEnd(), ...rest];
  });
}

/** Of native `endpoint/model` with what is known of it, of another runtime its own models. */
function modelsOf(runtime: RuntimeEntry, fleet: Fleet): string {
  const workers = fleet.workers.filter((worker) => worker.runtime === runtime.id && worker.state === 'ready');
  const names = workers.slice(0, SHOWN).map((worker) => {
    const endpoint = fleet.endpoints.find((one) => one.id === worker.endpoint);
    const model = endpoint?.models.find((one) => one.id === worker.model);
    const name = worker.endpoint === null ? worker.model : `${worker.endpoint}/${worker.model}`;
    return visibleLine(name, 60) + (model ? modelFacts(model) : '');
  });
  const more = workers.length > SHOWN ? [`and ${workers.length - SHOWN} more`] : [];
  const where = notes(runtime);
  const what = names.length === 0 ? 'no model is ready' : [...names, ...more].join(', ');
  return where === '' ? what : `${what}; ${where}`;
}

/** A ready one may have something to say too: where it was found. */
const notes = (health: Health): string => (health.state === 'ready' ? visibleLine(health.reason ?? '') : '');

/** Parts on lines of at most `width`, none of them broken. */
function dotted(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = `${lines.at(-1)} · ${part}`;
    if (lines.length === 0 || longer.length > width) lines.push(part);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function budgetText(budget: Boot['budget']): string {
  const parts = (['dispatch', 'session', 'day'] as const).flatMap((of) =>
    budget[of] === null ? [] : [`$${budget[of]} a ${of}`],
  );
  return parts.length === 0 ? 'no budget' : `budget ${parts.join(', ')}`;
}
