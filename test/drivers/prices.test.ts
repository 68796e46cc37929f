import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { calcPrice } from '@pydantic/genai-prices';
import { expect, test } from 'vitest';
import { type PriceQuestion, priceOf } from '../../src/drivers/prices.ts';

const ask = (change: Partial<PriceQuestion>) =>
  priceOf({
    workerId: 'claude-code/x',
    endpoint: null,
    model: null,
    provider: null,
    overrides: {},
    at: new Date('2026-11-01'),
    ...change,
  });

test('the table’s own price, named by the version that is installed', async () => {
  const found = await ask({ model: 'claude-opus-4-8' });
  expect(found).toMatchObject({ input: 5, output: 25, cacheRead: 0.5, cacheWrite: 6.25 });
  const main = createRequire(import.meta.url).resolve('@pydantic/genai-prices');
  const { version } = JSON.parse(fs.readFileSync(path.join(path.dirname(main), '..', 'package.json'), 'utf8'));
  expect(found?.table).toBe(`genai-prices ${version}`);
});

test.each([
  'claude-haiku-4-5-20251001',
  'claude-opus-4-8[1m]',
  'claude-sonnet-4-20250514',
  'claude-3-5-haiku-latest',
  'Claude-Sonnet-5',
  'claude-sonnet-5',
])('%s has a price', async (model) => expect(await ask({ model })).not.toBe(null));

test.each(['claude-sonnet-5-turbo', 'claude-opus-4-8x', 'claude-haiku-4-5-pro'])(
  'the table gives %s its family’s price; here it is unknown',
  async (model) => {
    expect(calcPrice({ input_tokens: 1 }, model, { providerId: 'anthropic' })).not.toBe(null);
    expect(await ask({ model })).toBe(null);
  },
);

test.each(['claude', 'claude-opus-4-9', 'gpt-5-turbo', 'qwen3:8b', 'constructor', '', 'my claude-v2 finetune'])(
  '%j is unknown',
  async (model) => expect(await ask({ model })).toBe(null),
);

test.each([
  ['openai', 'gpt-5.4-mini', 0.75],
  ['google', 'gemini-3.5-flash', 1.5],
])('%s has a price list too: %s', async (provider, model, input) =>
  expect(await ask({ endpoint: provider, provider, model })).toMatchObject({ input }),
);

test('another vendor’s price that rises with the prompt is unknown: nothing keeps the prompt short', async () => {
  expect(await ask({ endpoint: 'google', provider: 'google', model: 'gemini-2.5-pro' })).toBe(null);
  expect(await ask({ endpoint: 'openai', provider: 'openai', model: 'gpt-5.5' })).toBe(null);
});

test('a price that rises with the prompt is taken only where the prompt stays short', async () => {
  expect(await ask({ model: 'claude-sonnet-4-5' })).toMatchObject({ input: 3, output: 15 });
  expect(await ask({ model: 'claude-sonnet-4-5[1m]' })).toBe(null);
});

test('the price of the day', async () => {
  expect(await ask({ model: 'claude-opus-4-6[1m]', at: new Date('2026-03-01') })).toBe(null);
  expect(await ask({ model: 'claude-opus-4-6[1m]', at: new Date('2026-03-14') })).toMatchObject({ input: 5 });
});

test('an endpoint’s models have the list price only where its provider is that vendor', async () => {
  const model = 'claude-sonnet-5';
  expect(await ask({ model, endpoint: 'a', provider: 'anthropic' })).not.toBe(null);
  for (const provider of ['openai-compatible', 'ollama', 'simulated', 'constructor', null])
    expect(await ask({ model, endpoint: 'a', provider })).toBe(null);
});

test('the user’s prices go first: worker, endpoint/model, model', async () => {
  const price = (input: number) => ({ input, output: input });
  const overrides = { 'native/lab/m1': price(1), 'lab/m1': price(2), m1: price(3) };
  const lab = { workerId: 'native/lab/m1', endpoint: 'lab', provider: 'openai-compatible', model: 'm1' };
  expect(await ask({ ...lab, overrides })).toEqual({ input: 1, output: 1, table: 'config' });
  expect(await ask({ ...lab, workerId: 'x', overrides })).toMatchObject({ input: 2 });
  expect(await ask({ ...lab, workerId: 'x', endpoint: 'other', overrides })).toMatchObject({ input: 3 });
  expect(await ask({ ...lab, model: null, overrides })).toMatchObject({ input: 1 });
  expect(
    await ask({ model: 'claude-sonnet-5-20260101[1m]', overrides: { 'claude-sonnet-5': price(7) } }),
  ).toMatchObject({ input: 7, table: 'config' });
  expect(await ask({ model: 'toString', overrides })).toBe(null);
});
