import { expect, test } from 'vitest';
import { asksModel, usageOf } from '../../src/core/usage.ts';
import { metered } from '../fixtures/metered.ts';

const reported = {
  seq: 1,
  at: '',
  type: 'usage',
  input: 5,
  cacheRead: 1,
  cacheWrite: null,
  output: 2,
  costUsd: 1,
} as const;

test('sums of what was measured', () => {
  const one = metered({ input: 10, cacheRead: 100, cacheWrite: 7, output: 3 });
  expect(usageOf([one, one], null, 4)).toEqual({
    input: 20,
    cacheRead: 200,
    cacheWrite: 14,
    output: 6,
    reasoning: null,
    requests: 2,
    turns: 4,
    grade: 'measured',
  });
});

test('a reported 0 is 0; a field no request knows is null; one known by some is their sum', () => {
  const without = metered({ cacheRead: null, cacheWrite: null });
  expect(usageOf([without], null, null)).toMatchObject({ cacheRead: null, cacheWrite: null });
  expect(usageOf([without, metered({ cacheRead: 0, cacheWrite: null })], null, null)).toMatchObject({
    cacheRead: 0,
    cacheWrite: null,
  });
});

test('failed requests are counted as requests and add no tokens; the grade is that of the others', () => {
  const none = {
    input: null,
    cacheRead: null,
    cacheWrite: null,
    output: null,
    grade: 'unknown',
    complete: false,
  } as const;
  const failed = [
    metered({ ...none, status: 429 }),
    metered({ ...none, status: 500, error: 'x' }),
    metered({ ...none, status: null, error: 'cannot be reached' }),
  ];
  expect(usageOf([...failed, metered({ input: 10, output: 3 })], null, null)).toMatchObject({
    input: 10,
    output: 3,
    requests: 4,
    grade: 'measured',
  });
  expect(usageOf(failed, null, null)).toMatchObject({ input: null, output: null, requests: 3, grade: 'unknown' });
  const unseen = metered({ ...none, status: null, error: null });
  expect(usageOf([unseen, metered({ input: 10, output: 3 })], null, null)).toMatchObject({
    input: 10,
    grade: 'estimated',
  });
  const garbage = metered({ ...none, status: 200, error: 'no answer of this kind' });
  expect(usageOf([garbage, metered({ input: 10, output: 3 })], null, null)).toMatchObject({
    input: 10,
    grade: 'estimated',
  });
});

test('one estimate makes the sum an estimate', () => {
  expect(usageOf([metered({}), metered({ grade: 'estimated' })], null, null).grade).toBe('estimated');
});

test('token counting and model lists are no model requests', () => {
  expect(asksModel('/v1/messages')).toBe(true);
  expect(asksModel('/v1/chat/completions')).toBe(true);
  expect(asksModel('/v1/responses')).toBe(true);
  expect(asksModel('/v1beta/models/gemini-2.5-pro:streamGenerateContent')).toBe(true);
  expect(asksModel('/v1/models/qwen3:8b:generateContent')).toBe(true);
  for (const path of ['/v1/responses/input_tokens', '/v1beta/models/m:countTokens', '/v1beta/models'])
    expect(asksModel(path)).toBe(false);
  const others = ['/v1/messages/count_tokens', '/v1/models', '/v1/models/m'].map((path) =>
    metered({ path, grade: 'unknown', input: null, output: null }),
  );
  expect(usageOf(others, null, null)).toMatchObject({ requests: 0, input: null, grade: 'unknown' });
  expect(usageOf([...others, metered({})], null, null)).toMatchObject({ requests: 1, grade: 'measured' });
});

test('what the runtime reports holds only where nothing passed the gateway', () => {
  expect(usageOf([], reported, 1)).toEqual({
    input: 5,
    cacheRead: 1,
    cacheWrite: null,
    output: 2,
    reasoning: null,
    requests: 0,
    turns: 1,
    grade: 'reported',
  });
  expect(usageOf([metered({ input: 10 })], reported, 1)).toMatchObject({ input: 10, grade: 'measured' });
  expect(usageOf([], { ...reported, input: null, cacheRead: null, output: null }, null).grade).toBe('unknown');
});

test('nothing at all is unknown, with 0 requests', () => {
  expect(usageOf([], null, null)).toEqual({
    input: null,
    cacheRead: null,
    cacheWrite: null,
    output: null,
    reasoning: null,
    requests: 0,
    turns: null,
    grade: 'unknown',
  });
});
