/** `cordon` and `uncordon`: a person takes something out of the fleet and brings it back. */
import type { Cordon } from '../core/cordons.ts';
import { didYouMean } from '../core/nearest.ts';
import { tierOfModel } from '../core/tiers.ts';
import { findWorker } from '../core/workers.ts';
import { readCordons, writeCordons } from '../drivers/cordon-file.ts';
import { PanError } from '../protocol/error.ts';
import type { Fleet } from '../protocol/fleet.ts';

/** Throws PanError (exit 2) for an id that is neither in the fleet nor a kind of service that could come into it. Idempotent. */
export function cordon(file: string, id: string, fleet: Fleet, kinds: readonly string[], at: string): Cordon[] {
  const cordons = readCordons(file);
  if (cordons.some((one) => one.id === id)) return cordons;
  const known = [...fleet.runtimes, ...fleet.endpoints, ...fleet.workers].map((one) => one.id);
  if (!known.includes(id) && !kinds.includes(id) && findWorker(fleet, id, tierOfModel) === null)
    throw new PanError(
      'unknown-worker',
      `There is no worker, runtime or endpoint "${id}". ${didYouMean(id, known)}`,
      'Run `pancode fleet` for all of them.',
    );
  const all = [...cordons, { id, at }];
  writeCordons(file, all);
  return all;
}

/** Throws PanError (exit 2) for what is not cordoned. */
export function uncordon(file: string, id: string): Cordon[] {
  const cordons = readCordons(file);
  const rest = cordons.filter((one) => one.id !== id);
  if (rest.length === cordons.length)
    throw new PanError(
      'not-cordoned',
      `"${id}" is not cordoned. ${
        cordons.length === 0
          ? 'Nothing is.'
          : didYouMean(
              id,
              cordons.map((one) => one.id),
            )
      }`,
      'Run `pancode fleet` to see what is.',
    );
  writeCordons(file, rest);
  return rest;
}
