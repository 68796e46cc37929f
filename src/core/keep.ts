/** What may go after how long (`keep` in the configuration). Pure; times are ms since 1970. */
import type { Config } from '../protocol/config.ts';
import type { Amendment, Receipt } from '../protocol/receipt.ts';
import { isApplied } from './applied.ts';

export type Keep = Config['keep'];

const DAY_MS = 86_400_000;

/** What can be said of a settled dispatch without looking at git or the disk. */
export interface Settled {
  /** Its change is in the user's working tree, or a person said no to it; else nobody has decided about it. */
  decided: boolean;
  /** When something last happened to it. */
  touched: number;
}

export function settledOf(receipt: Receipt, amendments: Amendment[]): Settled {
  const refused = receipt.outcome.status === 'denied' || amendments.at(-1)?.type === 'discard';
  return {
    decided: refused || isApplied(receipt, amendments),
    touched: Math.max(Date.parse(receipt.time.ended), ...amendments.map((amendment) => Date.parse(amendment.at))),
  };
}

/** A time that is not known, or lies in the future because the clock was put back, is never long ago. */
export function isDue(since: number, days: number, now: number): boolean {
  return now - since > days * DAY_MS;
}

/** How much of what an agent left beside its result is kept in the trash, bytes per dispatch. */
export const TRASH_BYTES = 500e6;

/** Which entries fit: the smallest first, so that one large build output does not cost a file somebody wrote. */
export function chooseKept<T extends { bytes: number }>(entries: T[], limit = TRASH_BYTES): Set<T> {
  const kept = new Set<T>();
  let total = 0;
  for (const entry of entries.toSorted((a, b) => a.bytes - b.bytes)) {
    total += entry.bytes;
    if (total > limit) break;
    kept.add(entry);
  }
  return kept;
}
