/**
 * Chooses the worker of a dispatch: filter by what it needs, then rank. Until there is evidence from receipts the rank is tier fit,
 * then price, then local first. Every choice carries its reason, every worker left out the reason for that.
 */
import type { Agent } from '../protocol/agent.ts';
import type { Config } from '../protocol/config.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Fleet, WorkerEntry } from '../protocol/fleet.ts';
import type { Route } from '../protocol/receipt.ts';
import type { Tier } from '../protocol/words.ts';
import { didYouMean } from './nearest.ts';
import { tierOfModel } from './tiers.ts';
import { findWorker } from './workers.ts';

const POLICY = 'tier-price-local/1';

/** What is known about a worker besides its health. */
export interface WorkerFacts {
  local: boolean;
  /** USD per million tokens, input and output blended as agents use them; 0 for engines known to be local, null = unknown. */
  price: number | null;
  /** Window in use, tokens; null = unknown. */
  window: number | null;
}

export interface RouteRequest {
  agent: Pick<Agent, 'name' | 'tier' | 'worker'>;
  /** The sealed read-only flag. */
  readonly: boolean;
  /** `ask: action` with a writer: the runtime must put its actions to a person. */
  questions: boolean;
  /** Window it needs before the first answer, tokens. */
  window: number;
  /** `--worker`, `--runtime`, `--model`. */
  worker?: string | undefined;
  runtime?: string | undefined;
  model?: string | undefined;
}

export interface Choice {
  worker: WorkerEntry;
  route: Route;
  /** What a person should know who named a worker that would not have been chosen; one sentence. */
  warning: string | null;
}

/**
 * Throws PanError: exit 2 unknown worker, runtime or model (with the nearest); exit 3 a named worker that may not or cannot do it;
 * exit 5 nothing is ready (with what would change that).
 */
export function chooseWorker(
  request: RouteRequest,
  fleet: Fleet,
  config: Pick<Config, 'agents' | 'route'>,
  factsOf: (worker: WorkerEntry) => WorkerFacts,
): Choice {
  const named = namedWorker(request, config);
  if (named !== null) {
    const worker = chosenByName(named, request, fleet, config, factsOf);
    const warning = worker.state === 'ready' ? null : `${worker.id} failed lately (${why(worker)}).`;
    return { worker, warning, route: routeOf(warning ? `${named.why}, though ${warning}` : named.why, null, []) };
  }

  checkFilters(request, fleet);
  const candidates = candidatesOf(request, fleet);
  const excluded: Route['excluded'] = [];
  const able = candidates.filter((worker) => {
    const reason = obstacle(worker, request, fleet, config, factsOf);
    if (reason !== null) excluded.push({ worker: worker.id, reason });
    return reason === null;
  });
  if (able.length === 0) throw nothingReady(request, fleet, candidates, excluded);

  const need = request.agent.tier;
  const fitting = able.filter((worker) => tierStep(worker.tier, need) < BELOW);
  const ranked = (fitting.length > 0 ? fitting : able)
    .map((worker) => ({ worker, facts: factsOf(worker), step: tierStep(worker.tier, need) }))
    .sort(
      (a, b) =>
        preference(config.route.prefer, a) - preference(config.route.prefer, b) ||
        a.step - b.step ||
        (a.facts.price ?? Infinity) - (b.facts.price ?? Infinity) ||
        Number(b.facts.local) - Number(a.facts.local) ||
        (a.worker.id < b.worker.id ? -1 : 1),
    );
  if (fitting.length > 0)
    for (const worker of able)
      if (!fitting.includes(worker))
        excluded.push({
          worker: worker.id,
          reason: `its tier ${worker.tier} is below ${need}, and a better one is ready`,
        });
  const first = ranked[0]!;
  return {
    worker: first.worker,
    warning: null,
    route: routeOf(reasonFor(first, need, ranked.length), ranked[1]?.worker.id ?? null, excluded),
  };
}

const routeOf = (reason: string, runnerUp: string | null, excluded: Route['excluded']): Route => ({
  reason,
  p: null,
  expectedUsd: null,
  runnerUp,
  priorShare: 1,
  policy: POLICY,
  excluded,
});

interface Named {
  id: string;
  why: string;
}

/** A flag beats the configuration, the configuration the agent's file; `--runtime` and `--model` beat both of these. */
function namedWorker(request: RouteRequest, config: Pick<Config, 'agents'>): Named | null {
  const { name, worker } = request.agent;
  if (request.worker !== undefined) return { id: request.worker, why: 'it was asked for by name' };
  if (request.runtime !== undefined || request.model !== undefined) return null;
  const configured = config.agents[name]?.worker;
  if (configured !== undefined) return { id: configured, why: `the configuration names it for ${name}` };
  return worker === undefined ? null : { id: worker, why: `the agent file of ${name} names it` };
}

function chosenByName(
  named: Named,
  request: RouteRequest,
  fleet: Fleet,
  config: Pick<Config, 'route'>,
  factsOf: (worker: WorkerEntry) => WorkerFacts,
): WorkerEntry {
  const worker = findWorker(fleet, named.id, tierOfModel);
  if (worker === null)
    throw new PanError(
      'unknown-worker',
      `There is no worker "${named.id}"${named.why.startsWith('it') ? '' : `, though ${named.why}`}. ${didYouMean(
        named.id,
        fleet.workers.map((one) => one.id),
      )}`,
      'Run `pancode fleet` for all workers.',
    );
  for (const part of ['runtime', 'model'] as const)
    if (request[part] !== undefined && request[part] !== worker[part])
      throw new PanError(
        'contradiction',
        `The worker ${worker.id} has the ${part} "${worker[part]}", but --${part} says "${request[part]}".`,
        `Leave out --worker or --${part}.`,
      );
  // One that is left alone after failures can be tried before its time, by a person.
  const forced = worker.cooling === true && request.worker !== undefined;
  if (worker.state !== 'ready' && !forced)
    throw new PanError(
      worker.state === 'auth-required' ? 'auth-required' : 'worker-not-ready',
      `The worker ${worker.id} is ${worker.state}: ${why(worker)}.`,
      `${fix(worker)} Or name another worker; \`pancode fleet\` lists them.`,
      EXIT.unavailable,
    );
  const reason = obstacle({ ...worker, state: 'ready' }, request, fleet, config, factsOf);
  if (reason !== null)
    throw new PanError(
      'worker-cannot',
      `The worker ${worker.id} cannot take this: ${reason}.`,
      'Name another worker, or none.',
      EXIT.refused,
    );
  return worker;
}

/** Unknown names in `--runtime` and `--model` are mistakes, not empty results. */
function checkFilters(request: RouteRequest, fleet: Fleet): void {
  const { runtime, model } = request;
  const runtimes = fleet.runtimes.map((one) => one.id);
  if (runtime !== undefined && !runtimes.includes(runtime))
    throw new PanError(
      'unknown-runtime',
      `There is no runtime "${runtime}". ${didYouMean(runtime, runtimes)}`,
      'Run `pancode fleet` for all of them.',
    );
  const models = [
    ...new Set(fleet.workers.filter((one) => runtime === undefined || one.runtime === runtime).map((one) => one.model)),
  ];
  if (model !== undefined && candidatesOf(request, fleet).length === 0)
    throw new PanError(
      'unknown-model',
      `No worker has the model "${model}". ${didYouMean(model, models)}`,
      'Run `pancode fleet` for all workers.',
    );
}

function candidatesOf(request: RouteRequest, fleet: Fleet): WorkerEntry[] {
  const { runtime, model } = request;
  const listed = fleet.workers.filter(
    (worker) =>
      (runtime === undefined || worker.runtime === runtime) && (model === undefined || worker.model === model),
  );
  if (listed.length > 0 || runtime === undefined || model === undefined) return listed;
  // A model no list holds, on a runtime that takes any.
  const open = findWorker(fleet, `${runtime}/${model}`, tierOfModel);
  return open === null ? [] : [open];
}

/** Why this worker cannot or may not do it, in a few words; null = it can. */
function obstacle(
  worker: WorkerEntry,
  request: RouteRequest,
  fleet: Fleet,
  config: Pick<Config, 'route'>,
  factsOf: (worker: WorkerEntry) => WorkerFacts,
): string | null {
  if (worker.state !== 'ready') return `${worker.state}: ${why(worker)}`;
  const can = fleet.runtimes.find((runtime) => runtime.id === worker.runtime)?.can;
  if (request.readonly && !can?.readonly) return `${worker.runtime} cannot work read-only`;
  if (request.questions && !can?.questions) return `${worker.runtime} cannot ask before each action`;
  const facts = factsOf(worker);
  if (facts.window !== null && facts.window < request.window)
    return `its window in use holds ${facts.window} tokens, and this needs about ${request.window}`;
  const rule = config.route.never.find((pattern) => matches(pattern, worker, facts));
  return rule === undefined ? null : `route.never excludes it ("${rule}")`;
}

/** `cloud`, `local`, a runtime, an endpoint, a worker id, or any of these as the start of an id before `*`. */
function matches(pattern: string, worker: WorkerEntry, facts: WorkerFacts): boolean {
  if (pattern === 'cloud') return !facts.local;
  if (pattern === 'local') return facts.local;
  if (pattern.endsWith('*')) return worker.id.startsWith(pattern.slice(0, -1));
  return [worker.id, worker.runtime, worker.endpoint].includes(pattern);
}

const preference = (prefer: string | null, one: { worker: WorkerEntry; facts: WorkerFacts }): number =>
  prefer !== null && !matches(prefer, one.worker, one.facts) ? 1 : 0;

const ORDER: Record<Exclude<Tier, 'any'>, number> = { small: 0, mid: 1, frontier: 2 };
/** A tier nobody knows is tried before one known to be too low, and after every one known to do. */
const UNKNOWN = 3;
const BELOW = 4;

/** How far a model's tier is from the one needed: 0 fits exactly, 1–2 is better than needed, 4–5 is too low. */
function tierStep(has: Tier, needs: Tier): number {
  if (needs === 'any') return 0;
  if (has === 'any') return UNKNOWN;
  const above = ORDER[has] - ORDER[needs];
  return above >= 0 ? above : BELOW - 1 - above;
}

function reasonFor(
  first: { worker: WorkerEntry; facts: WorkerFacts; step: number },
  need: Tier,
  ready: number,
): string {
  const { worker, facts, step } = first;
  const tier =
    need === 'any'
      ? 'any tier will do'
      : step === 0
        ? `its tier ${need} is the one needed`
        : step === UNKNOWN
          ? `its tier is unknown and no worker known to be ${need} is ready`
          : step < BELOW
            ? `its tier ${worker.tier} is the nearest above ${need}`
            : `no ${need} worker is ready and its tier ${worker.tier} is the nearest`;
  const price =
    facts.price === null
      ? 'price unknown'
      : facts.price === 0
        ? 'free of charge'
        : `about $${facts.price.toFixed(2)} per million tokens`;
  const among = ready === 1 ? 'the only one that fits' : `first of ${ready} that fit`;
  return `${among}: ${tier}, ${price}, ${facts.local ? 'local' : 'not local'}.`;
}

function nothingReady(
  request: RouteRequest,
  fleet: Fleet,
  candidates: WorkerEntry[],
  excluded: Route['excluded'],
): PanError {
  if (candidates.length === 0) {
    const why = [...fleet.runtimes, ...fleet.endpoints]
      .filter((one) => one.state === 'auth-required' || (one.state === 'unavailable' && one.reason !== null))
      .map((one) => `${one.id}: ${one.reason}`);
    return new PanError(
      'no-worker',
      `No worker is ready for ${request.agent.name}${why.length > 0 ? ` (${why.slice(0, 4).join('; ')})` : ': no model is known'}.`,
      'Set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY, start Ollama, LM Studio or llama-server, or add an endpoint to the configuration (`pancode config path`).',
      EXIT.unavailable,
    );
  }
  const shown = excluded.slice(0, 4).map(({ worker, reason }) => `${worker}: ${reason}`);
  const more = excluded.length > 4 ? `; and ${excluded.length - 4} more` : '';
  const fixable =
    candidates.find((worker) => worker.state === 'auth-required') ??
    candidates.find((worker) => worker.state !== 'ready');
  return new PanError(
    candidates.every((worker) => worker.state === 'auth-required') ? 'auth-required' : 'no-worker',
    `No worker is ready for ${request.agent.name} (${shown.join('; ')}${more}).`,
    fixable ? fix(fixable) : 'Change `route.never` or `ask` in the configuration, or name a worker with --worker.',
    EXIT.unavailable,
  );
}

/** Why it is not ready, and until when. */
const why = ({ reason, retryAt, cooling }: WorkerEntry): string =>
  `${reason ?? 'no reason is known'}${cooling && retryAt ? `; it is left alone until ${retryAt}` : ''}`;

function fix(worker: WorkerEntry): string {
  if (worker.state === 'cordoned') return `Bring it back with \`pancode uncordon\`.`;
  if (worker.cooling) return `Wait, or try it all the same with --worker ${worker.id}.`;
  if (worker.state === 'auth-required') return 'Do what the reason says and run the command again.';
  if (worker.state === 'unavailable')
    return `Start or install what ${worker.endpoint ?? worker.runtime} needs, then run \`pancode fleet --refresh\`.`;
  return 'Run `pancode fleet` to see what is ready.';
}
