/** Whether a change is in the user's working tree, as far as the records say. Pure. */
import type { Amendment, Receipt } from '../protocol/receipt.ts';

/** The last word counts: what settled it, or a person's later apply or undo. */
export function isApplied(receipt: Receipt, amendments: Amendment[]): boolean {
  const last = amendments.findLast(({ type }) => type === 'apply' || type === 'undo');
  return last ? last.type === 'apply' : receipt.changes.applied;
}
