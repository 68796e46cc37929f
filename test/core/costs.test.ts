import { expect, it } from 'vitest';
import { type CostRow, groupCosts } from '../../src/core/costs.ts';

const row = (
  key: string | null,
  billing: CostRow['billing'],
  usd: number,
  known: number,
  unknown: number,
): CostRow => ({
  key,
  billing,
  usd,
  known,
  unknown,
});

it('adds up what is known and counts what is not', () => {
  const { total, groups } = groupCosts('agent', [
    row('scout', 'local', 0, 3, 0),
    row('builder', 'api', 0.1, 1, 0),
    row('builder', 'api', 0.2, 1, 2),
    row('builder', 'subscription', 5, 1, 0),
  ]);
  expect(total).toEqual({
    usd: 5.3,
    known: 6,
    unknown: 2,
    spentUsd: 0.3,
    billing: {
      local: { usd: 0, known: 3, unknown: 0 },
      api: { usd: 0.3, known: 2, unknown: 2 },
      subscription: { usd: 5, known: 1, unknown: 0 },
    },
  });
  expect(groups.map(({ key, usd, spentUsd }) => [key, usd, spentUsd])).toEqual([
    ['builder', 5.3, 0.3],
    ['scout', 0, 0],
  ]);
});

it('never makes 0 of what nobody knows', () => {
  const { total, groups } = groupCosts('model', [row(null, 'unknown', 0, 0, 2), row('m', 'api', 0, 0, 1)]);
  expect(total).toMatchObject({ usd: null, known: 0, unknown: 3, spentUsd: null });
  expect(groups.map(({ key, usd }) => [key, usd])).toEqual([
    [null, null],
    ['m', null],
  ]);
  expect(groupCosts('model', []).total).toMatchObject({ usd: 0, known: 0, unknown: 0, spentUsd: 0 });
});

it('puts the dearest first, and the newest day', () => {
  const keys = (by: 'agent' | 'day') =>
    groupCosts(by, [row('2026-01-01', 'api', 9, 1, 0), row('2026-01-02', 'api', 1, 1, 0)]).groups.map(({ key }) => key);
  expect(keys('agent')).toEqual(['2026-01-01', '2026-01-02']);
  expect(keys('day')).toEqual(['2026-01-02', '2026-01-01']);
});
