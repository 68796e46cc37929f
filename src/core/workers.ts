/** Worker ids, and the workers a set of runtimes and endpoints makes. */
import type { EndpointEntry, Fleet, Health, RuntimeEntry, WorkerEntry } from '../protocol/fleet.ts';
import { WIRES } from '../protocol/words.ts';

export interface WorkerName {
  runtime: string;
  endpoint: string | null;
  model: string;
}

export const workerId = ({ runtime, endpoint, model }: WorkerName): string =>
  endpoint === null ? `${runtime}/${model}` : `${runtime}/${endpoint}/${model}`;

/**
 * Takes an id apart by known prefixes, since model names may hold `/` and `:`. The native runtime always goes through an endpoint, any
 * other where the next part is the id of one. null: unknown runtime or endpoint, or no model.
 */
export function parseWorkerId(
  id: string,
  known: { runtimes: readonly string[]; endpoints: readonly string[] },
): WorkerName | null {
  const after = (text: string, prefixes: readonly string[]): [string, string] | null => {
    const hits = prefixes.filter((prefix) => text.startsWith(`${prefix}/`)).sort((a, b) => b.length - a.length);
    return hits[0] === undefined ? null : [hits[0], text.slice(hits[0].length + 1)];
  };
  const runtime = after(id, known.runtimes);
  if (runtime === null || runtime[1] === '') return null;
  const endpoint = after(runtime[1], known.endpoints);
  if (endpoint !== null && endpoint[1] !== '')
    return { runtime: runtime[0], endpoint: endpoint[0], model: endpoint[1] };
  return runtime[0] === 'native' ? null : { runtime: runtime[0], endpoint: null, model: runtime[1] };
}

/** A runtime with the models it offers by itself, or `throughEndpoints`: it uses every endpoint's models instead. */
export interface RuntimeModels {
  entry: RuntimeEntry;
  throughEndpoints: boolean;
  models: readonly { id: string; tier: WorkerEntry['tier'] }[];
}

/** Native × every endpoint's models, and each other runtime × its own models. A worker is as ready as its worse half. */
export function buildWorkers(runtimes: readonly RuntimeModels[], endpoints: readonly EndpointEntry[]): WorkerEntry[] {
  const workers = runtimes.flatMap(({ entry, throughEndpoints, models }) =>
    throughEndpoints
      ? endpoints.flatMap((endpoint) => endpoint.models.map((model) => workerOf(entry, endpoint, model)))
      : models.map((model) => workerOf(entry, null, model)),
  );
  return [...new Map(workers.map((worker) => [worker.id, worker])).values()];
}

export function workerOf(
  runtime: RuntimeEntry,
  endpoint: EndpointEntry | null,
  model: { id: string; tier: WorkerEntry['tier']; tools?: boolean | null },
): WorkerEntry {
  const name = { runtime: runtime.id, endpoint: endpoint?.id ?? null, model: model.id };
  const worse = endpoint !== null && runtime.state === 'ready' ? endpoint : runtime;
  const health: Health =
    worse.state === 'ready'
      ? { state: 'ready', reason: null, retryAt: null }
      : { state: worse.state, reason: worse.reason, retryAt: worse.retryAt ?? null, cooling: worse.cooling ?? false };
  if (health.state === 'ready' && endpoint !== null && (endpoint.wire === null || !WIRES.includes(endpoint.wire)))
    Object.assign(health, { state: 'unsupported', reason: `the gateway cannot meter what ${endpoint.id} speaks` });
  else if (health.state === 'ready' && model.tools === false)
    Object.assign(health, { state: 'unsupported', reason: `${model.id} cannot call tools, which every agent needs` });
  return { id: workerId(name), ...name, tier: model.tier, ...health };
}

/** A worker of the fleet by id, also one whose model no list holds where the runtime or endpoint takes any model. null: there is none. */
export function findWorker(
  fleet: Fleet,
  id: string,
  tierOf: (model: string) => WorkerEntry['tier'],
): WorkerEntry | null {
  const listed = fleet.workers.find((worker) => worker.id === id);
  if (listed) return listed;
  const name = parseWorkerId(id, {
    runtimes: fleet.runtimes.map((runtime) => runtime.id),
    endpoints: fleet.endpoints.map((endpoint) => endpoint.id),
  });
  const runtime = fleet.runtimes.find((one) => one.id === name?.runtime);
  if (name === null || runtime === undefined) return null;
  const model = { id: name.model, tier: tierOf(name.model) };
  if (runtime.id !== 'native') return name.endpoint === null ? workerOf(runtime, null, model) : null;
  const endpoint = fleet.endpoints.find((one) => one.id === name.endpoint);
  // Where the endpoint is not ready its list says nothing; the reason why it is not helps more than "unknown".
  return endpoint && (endpoint.openEnded || endpoint.state !== 'ready') ? workerOf(runtime, endpoint, model) : null;
}
