import { describe, expect, it } from 'vitest';
import { liveView, startFold, step } from '../../src/core/live-state.ts';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { MeteredRequest } from '../../src/protocol/usage.ts';

const T0 = Date.parse('2026-01-01T00:00:00.000Z');
const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();
const request = (change: Partial<MeteredRequest>): MeteredRequest => ({
  n: 1,
  path: '/v1/messages',
  model: null,
  status: 200,
  input: 1,
  cacheRead: 0,
  cacheWrite: 0,
  output: 1,
  reasoning: 0,
  grade: 'measured',
  complete: true,
  simulated: true,
  ms: 1,
  firstTokenMs: 1,
  retryAfterMs: null,
  error: null,
  brokenBy: null,
  ...change,
});
const stateAfter = (events: object[], seconds: number) => {
  const journal = events.map((event, i) => ({ seq: i + 1, at: at(i), ...event }) as JournalEvent);
  return liveView(journal.reduce(step, startFold(at(0))), T0 + seconds * 1000).state;
};
const QUESTION = {
  type: 'question',
  id: 'q',
  kind: 'action',
  subject: 's',
  detail: '',
  risk: 'ordinary',
  deadline: '',
  bound: null,
};
const working = [
  { type: 'started', pid: 1, startTime: '1', bootId: 'b' },
  { type: 'phase', phase: 'agent' },
];

describe('the live state', () => {
  it.each<[string, object[], number, string]>([
    ['nothing happened yet', [], 0, 'queued'],
    ['the shim has started', working.slice(0, 1), 1, 'starting'],
    ['the agent works', working, 2, 'working'],
    ['silence is a stall', working, 1000, 'stalled'],
    [
      'an open model request is not a stall',
      [...working, { type: 'request-started', n: 1, path: '/' }],
      1000,
      'working',
    ],
    ['a question is not a stall', [...working, QUESTION], 1000, 'waiting-question'],
    [
      'an answered question',
      [
        ...working,
        QUESTION,
        { type: 'answer', id: 'q', decision: 'allow', by: 'user', reason: null, waitedMs: 1, files: null },
      ],
      5,
      'working',
    ],
    [
      'a limit is not a stall',
      [...working, { type: 'request', request: request({ status: 429, retryAfterMs: 60_000 }) }],
      1000,
      'waiting-limit',
    ],
    [
      'a limit that is over',
      [
        ...working,
        { type: 'request', request: request({ status: 429 }) },
        { type: 'request', request: request({ n: 2 }) },
      ],
      5,
      'working',
    ],
    ['the harvest', [...working, { type: 'phase', phase: 'harvest' }], 5, 'ending'],
    ['the check', [...working, { type: 'phase', phase: 'verify' }], 5, 'verifying'],
    ['a cancel', [...working, { type: 'cancel', why: 'user' }], 5, 'ending'],
  ])('%s', (_name, events, seconds, state) => {
    expect(stateAfter(events, seconds)).toBe(state);
  });
});
