import { describe, expect, it } from 'vitest';
import { afterReply, afterTools, type ReplyFacts, retryDelayMs, START, turnCap } from '../../src/core/loop.ts';

const reply = (facts: Partial<ReplyFacts>): ReplyFacts => ({
  finish: 'stop',
  rawFinish: 'stop',
  hasText: false,
  calls: 0,
  ...facts,
});

describe('afterReply', () => {
  it.each([
    ['text', reply({ hasText: true }), 'done'],
    ['calls, whatever the reason says', reply({ calls: 1 }), 'tools'],
    ['a reason of its own with calls', reply({ finish: 'other', rawFinish: 'pause', calls: 1 }), 'tools'],
    ['a reason of its own with text', reply({ finish: 'other', rawFinish: 'pause', hasText: true }), 'fail'],
    ['the output limit, even with calls', reply({ finish: 'length', calls: 1, hasText: true }), 'nudge'],
    ['a content filter', reply({ finish: 'content-filter', hasText: true }), 'fail'],
    ['nothing', reply({ finish: 'tool-calls' }), 'nudge'],
  ])('%s', (_name, facts, next) => {
    expect(afterReply(START, facts).next.do).toBe(next);
  });

  it('nudges once about nothing, three times about the limit, then fails; progress starts the count anew', () => {
    const empty = afterReply(START, reply({}));
    expect(afterReply(empty.state, reply({})).next.do).toBe('fail');
    expect(afterReply(afterReply(empty.state, reply({ calls: 1 })).state, reply({})).next.do).toBe('nudge');
    let cut = afterReply(START, reply({ finish: 'length' }));
    cut = afterReply(cut.state, reply({ finish: 'length' }));
    expect(cut.next.do).toBe('nudge');
    expect(afterReply(cut.state, reply({ finish: 'length' })).next.do).toBe('fail');
  });
});

it('a repeated call is told at the third time and ended at the sixth; any change starts anew', () => {
  let state = START;
  const notes: (string | null)[] = [];
  for (let n = 0; n < 5; n += 1) {
    const after = afterTools(state, 'same');
    state = after.state;
    notes.push(after.next.do === 'go-on' ? after.next.note : 'failed');
  }
  expect(notes.map((note) => note !== null)).toEqual([false, false, true, true, true]);
  expect(afterTools(state, 'same').next.do).toBe('fail');
  expect(afterTools(state, 'other').next).toEqual({ do: 'go-on', note: null });
});

it('the turn cap holds before the next request', () => {
  expect(turnCap({ ...START, turns: 2 }, 3)).toBeNull();
  expect(turnCap({ ...START, turns: 3 }, 3)).toContain('limit of 3');
  expect(turnCap({ ...START, turns: 999 }, null)).toBeNull();
});

describe('retryDelayMs', () => {
  it.each([
    ['a limit that says how long', 429, 5_000, 0, 0, 5_000],
    ['a limit longer than we wait', 429, 61_000, 0, 0, null],
    ['a limit, after most of the wait', 429, 5_000, 3, 56_000, null],
    ['a limit that does not say', 429, null, 2, 3_000, 4_000],
    ['a limit that does not say, for ever', 429, null, 5, 0, null],
    ['overload', 529, null, 0, 0, 1_000],
    ['a server error', 500, null, 1, 1_000, 2_000],
    ['a server error, again', 503, null, 2, 3_000, null],
    ['a wrong request', 400, null, 0, 0, null],
    ['no money', 402, 1_000, 0, 0, null],
    ['no key', 401, null, 0, 0, null],
    ['no answer', null, null, 0, 0, null],
  ])('%s', (_name, status, after, attempts, waitedMs, delay) => {
    expect(retryDelayMs(status, after, { attempts, waitedMs }, 60_000)).toBe(delay);
  });
});
