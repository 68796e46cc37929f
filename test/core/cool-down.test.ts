import { expect, it } from 'vitest';
import { afterRequest, type CoolDown, cooling, type Outcome, WELL } from '../../src/core/cool-down.ts';

const outcome = (status: number | null, more: Partial<Outcome> = {}): Outcome => ({
  path: '/v1/messages',
  status,
  error: null,
  complete: false,
  retryAfterMs: null,
  brokenBy: null,
  ...more,
});
const good = outcome(200, { complete: true });
const broken = outcome(500, { error: 'boom' });
/** One second apart. */
const after = (...outcomes: Outcome[]): CoolDown =>
  outcomes.reduce<CoolDown>((health, one, n) => afterRequest(health, one, n * 1_000), WELL);
const last = (n: number) => (n - 1) * 1_000;

it('forgives one failure and two, pauses at the third, and is well again after a good answer', () => {
  expect(cooling(after(broken, broken), last(2))).toBeNull();
  const third = after(broken, broken, broken);
  expect(cooling(third, last(3))).toMatchObject({
    until: last(3) + 15_000,
    state: 'unavailable',
    reason: '3 requests in a row failed, the last because it answered HTTP 500',
  });
  expect(cooling(third, last(3) + 15_000)).toBeNull();
  expect(after(broken, broken, good)).toEqual(WELL);
  const counting = { ...good, path: '/v1/messages/count_tokens' };
  expect(after(broken, counting, broken, counting, broken).until).not.toBeNull();
  expect(cooling(after(broken, broken, good, broken, broken), 4_000)).toBeNull();
});

it('does not last for a day where the clock was put back by one', () => {
  expect(cooling(after(broken, broken, broken), last(3) - 86_400_000)).toBeNull();
});

it('pauses longer each time, five minutes at most, and takes failures together for one', () => {
  let health = after(broken, broken, broken);
  const together = Array.from({ length: 50 }).reduce<CoolDown>((all) => afterRequest(all, broken, last(3)), health);
  expect(together).toEqual(health);
  const pauses: number[] = [];
  for (let n = 0; n < 8; n++) {
    const at = health.until!;
    health = afterRequest(health, broken, at);
    pauses.push(health.until! - at);
  }
  expect(pauses).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000, 300_000]);
});

it.each([429, 503, 529])('HTTP %i is left alone as long as the service asks, an hour at most', (status) => {
  expect(cooling(after(outcome(status, { retryAfterMs: 90_000 })), 0)).toMatchObject({ until: 90_000, asked: true });
  expect(after(outcome(status, { retryAfterMs: 1e12 })).until).toBe(3_600_000);
});

it('a limit without a time pauses at once', () => {
  expect(cooling(after(outcome(429)), 0)).toMatchObject({ until: 15_000, reason: 'it is at its limit (HTTP 429)' });
});

it('a longer pause that was asked for is not made shorter', () => {
  expect(after(outcome(429, { retryAfterMs: 90_000 }), outcome(429, { retryAfterMs: 5_000 })).until).toBe(90_000);
  expect(after(outcome(429, { retryAfterMs: 90_000 }), broken, broken, broken).until).toBe(90_000);
});

it.each([401, 403])('HTTP %i: the key was refused', (status) => {
  expect(cooling(after(outcome(status)), 0)).toMatchObject({ state: 'auth-required', until: 60_000 });
});

it('a service that cannot be reached, and one that breaks off, fail', () => {
  const gone = outcome(null, {
    error: 'The model server cannot be reached: nothing listens at its address (ECONNREFUSED).',
    brokenBy: 'service',
  });
  expect(after(gone, gone, gone).reason).toContain('nothing listens at its address (ECONNREFUSED)');
  const cut = outcome(200, { error: 'broke off', brokenBy: 'service' });
  expect(after(cut, cut, cut).until).not.toBeNull();
});

it.each([
  ['the agent went', outcome(200, { error: 'it went', brokenBy: 'here' })],
  ['the dispatch ended', outcome(null, { error: 'it ended', brokenBy: 'here' })],
  ['an error the service tells in its answer', outcome(200, { error: 'The model server does not like this prompt.' })],
  ['a bad request', outcome(400, { error: 'no such field' })],
  ['an unknown model', outcome(404, { error: 'no such model' })],
])('%s: says nothing of the service', (_name, one) => {
  expect(after(one, one, one, one)).toEqual(WELL);
  expect(after(broken, broken, one, broken).until).not.toBeNull();
});
