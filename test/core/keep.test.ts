/** What is kept, how long, and what of an agent's leavings fits. */
import { expect, it } from 'vitest';
import { chooseKept, isDue, settledOf } from '../../src/core/keep.ts';
import type { Amendment, Receipt } from '../../src/protocol/receipt.ts';
import { testReceipt } from '../fixtures/receipt.ts';

const DAY = 86_400_000;
const receipt = (change: Partial<Receipt> = {}) => testReceipt('A', change) as Receipt;
const changes = (applied: boolean) => ({ files: [], patchSha256: null, ref: 'r', applied, ignored: [] });
const later = (type: Amendment['type'], at = '2026-02-01T00:00:00.000Z') => ({ id: 'A', at, type }) as Amendment;

it('a change is decided when it is applied, discarded or denied, and not when it is undone', () => {
  const decided = (one: Receipt, ...amendments: Amendment[]) => settledOf(one, amendments).decided;
  expect(decided(receipt({ changes: changes(true) }))).toBe(true);
  expect(decided(receipt({ changes: changes(false) }))).toBe(false);
  expect(decided(receipt({ changes: changes(false) }), later('apply'))).toBe(true);
  expect(decided(receipt({ changes: changes(true) }), later('undo'))).toBe(false);
  expect(decided(receipt({ changes: changes(true) }), later('undo'), later('discard'))).toBe(true);
  expect(decided(receipt({ changes: changes(false) }), later('discard'), later('apply'))).toBe(true);
  const { outcome } = receipt();
  expect(decided(receipt({ changes: changes(false), outcome: { ...outcome, status: 'denied' } }))).toBe(true);
});

it('age counts from the last thing that happened', () => {
  expect(settledOf(receipt(), [later('apply')]).touched).toBe(Date.parse('2026-02-01T00:00:00.000Z'));
  expect(settledOf(receipt(), []).touched).toBe(Date.parse(receipt().time.ended));
});

it('what is not known, or from the future, is never due', () => {
  expect([isDue(0, 30, 30 * DAY), isDue(0, 30, 30 * DAY + 1)]).toEqual([false, true]);
  expect([isDue(Number.NaN, 1, DAY * 99), isDue(DAY * 99, 1, 0)]).toEqual([false, false]);
});

it('the smallest entries are kept first, up to the limit', () => {
  const [large, small, middle] = [{ bytes: 60 }, { bytes: 1 }, { bytes: 40 }];
  expect([...chooseKept([large, small, middle], 50)]).toEqual([small, middle]);
  expect([...chooseKept([large], 50)]).toEqual([]);
});
