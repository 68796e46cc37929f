import fc from 'fast-check';
import { expect, test } from 'vitest';
import { costOf, otherModels } from '../../src/core/cost.ts';
import { plainModel } from '../../src/core/model-name.ts';
import type { Usage } from '../../src/protocol/usage.ts';
import { metered } from '../fixtures/metered.ts';

const usage = (change: Partial<Usage> = {}): Usage => ({
  input: 1_000,
  cacheRead: 20_000,
  cacheWrite: 3_000,
  output: 400,
  reasoning: null,
  requests: 1,
  turns: 1,
  grade: 'measured',
  ...change,
});
const price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, table: 't 1' };
const api = { billing: 'api', simulated: false } as const;

test('tokens times their own prices', () => {
  expect(costOf(usage(), price, api)).toEqual({ usd: 0.02625, grade: 'priced', billing: 'api', priceTable: 't 1' });
});

test('a missing cache price is that of input; unknown cache tokens are inside input', () => {
  expect(costOf(usage(), { input: 1, output: 1, table: 't' }, api).usd).toBe(0.0244);
  expect(costOf(usage({ cacheRead: null, cacheWrite: null }), price, api).usd).toBe(0.009);
});

test('whole micro-dollars, whatever the prices', () => {
  expect(
    costOf(usage({ input: 1, cacheRead: 0, cacheWrite: 0, output: 0 }), { input: 0.4, output: 1, table: 't' }, api).usd,
  ).toBe(0);
  expect(
    costOf(usage({ input: 3, cacheRead: 0, cacheWrite: 0, output: 0 }), { input: 0.1, output: 1, table: 't' }, api).usd,
  ).toBe(0);
  const rate = fc.double({ min: 0, max: 500, noNaN: true });
  fc.assert(
    fc.property(fc.nat(10 ** 9), fc.nat(10 ** 9), rate, rate, (input, output, a, b) => {
      const { usd } = costOf(
        usage({ input, output, cacheRead: null, cacheWrite: null }),
        { input: a, output: b, table: 't' },
        api,
      );
      const exact = (input * a + output * b) / 1e6;
      expect(Math.abs(usd! - exact)).toBeLessThanOrEqual(5.1e-7 + exact * 1e-12);
      expect(Math.round(usd! * 1e6) / 1e6).toBe(usd);
    }),
  );
});

test('unknown stays unknown: no price, no tokens, other models', () => {
  const unknown = { usd: null, grade: 'unknown', billing: 'api', priceTable: null };
  expect(costOf(usage(), null, api)).toEqual(unknown);
  expect(costOf(usage({ input: null }), price, api)).toEqual(unknown);
  expect(costOf(usage({ output: null }), price, api)).toEqual(unknown);
  expect(costOf(usage(), price, { ...api, mixed: true })).toEqual(unknown);
});

test('engines of this machine cost 0, counted or not; simulated is labelled and priced like the real one', () => {
  expect(costOf(usage(), null, { billing: 'local', simulated: false })).toMatchObject({
    usd: 0,
    grade: 'priced',
    billing: 'local',
  });
  expect(costOf(usage({ input: null, output: null }), price, { billing: 'local', simulated: false }).usd).toBe(0);
  expect(costOf(usage(), price, { billing: 'api', simulated: true })).toMatchObject({
    usd: 0.02625,
    billing: 'simulated',
  });
  expect(costOf(usage(), price, { billing: 'subscription', simulated: false }).billing).toBe('subscription');
});

test('the models that took part besides the worker’s own, without those that only failed', () => {
  const requests = [
    metered({ model: 'claude-sonnet-4-5-20250929' }),
    metered({ model: 'claude-haiku-4-5' }),
    metered({ model: 'claude-haiku-4-5' }),
    metered({ model: 'claude-gone', grade: 'unknown', status: 404 }),
    metered({ model: null }),
    metered({ model: 'x', path: '/v1/models' }),
  ];
  expect(otherModels(requests, 'claude-sonnet-4-5[1m]')).toEqual(['claude-haiku-4-5']);
  expect(otherModels(requests, null)).toEqual(['claude-sonnet-4-5-20250929', 'claude-haiku-4-5']);
});

test.each([
  ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
  ['claude-opus-4-8[1m]', 'claude-opus-4-8'],
  ['claude-sonnet-4@20250514', 'claude-sonnet-4'],
  ['claude-3-5-haiku-latest', 'claude-3-5-haiku'],
  ['Qwen3:8b', 'qwen3:8b'],
  ['claude-sonnet-5-1', 'claude-sonnet-5-1'],
  ['model-12345678', 'model-12345678'],
])('%s is %s', (id, plain) => expect(plainModel(id)).toBe(plain));
