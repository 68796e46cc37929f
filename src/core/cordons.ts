/** What a person has taken out of the fleet. Pure. */
import type { Fleet, Health } from '../protocol/fleet.ts';
import { tierOfModel } from './tiers.ts';
import { findWorker } from './workers.ts';

export interface Cordon {
  /** Of a runtime, an endpoint or a worker. */
  id: string;
  /** ISO 8601. */
  at: string;
}

/** The fleet with everything that is cordoned, by itself or with its runtime or endpoint, in that state. */
export function withCordons(fleet: Fleet, cordons: readonly Cordon[]): Fleet {
  if (cordons.length === 0) return fleet;
  const mark = <T extends Health>(entry: T, ids: readonly (string | null)[]): T => {
    const cordon = cordons.find((one) => ids.includes(one.id));
    if (!cordon) return entry;
    const reason = `cordoned on ${cordon.at.slice(0, 10)}: \`pancode uncordon ${cordon.id}\` brings it back`;
    return { ...entry, state: 'cordoned', reason, retryAt: null, cooling: false };
  };
  // One whose model no list holds can be named all the same, so it has to be in the list to be kept out.
  const named = cordons.map(({ id }) => findWorker(fleet, id, tierOfModel)).filter((worker) => worker !== null);
  const unlisted = named.filter(({ id }) => !fleet.workers.some((worker) => worker.id === id));
  return {
    runtimes: fleet.runtimes.map((runtime) => mark(runtime, [runtime.id])),
    endpoints: fleet.endpoints.map((endpoint) => mark(endpoint, [endpoint.id])),
    workers: [...fleet.workers, ...unlisted].map((worker) =>
      mark(worker, [worker.id, worker.endpoint, worker.runtime]),
    ),
  };
}
