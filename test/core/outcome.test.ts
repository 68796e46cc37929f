import { describe, expect, it } from 'vitest';
import { type OutcomeFacts, outcomeOf } from '../../src/core/outcome.ts';

const well: OutcomeFacts = {
  end: { type: 'end', ok: true, status: 'succeeded', reason: 'done', answer: 'a', turns: 1 },
  stopped: null,
  crashed: false,
  readonly: false,
  changed: true,
  harvestFault: null,
  verify: null,
};
const check = (exitCode: number | null, base: 'pass' | 'fail' | null) => ({
  command: 'npm test',
  exitCode,
  ms: 1,
  base,
});

describe('how a dispatch ended', () => {
  it.each<[string, Partial<OutcomeFacts>, string]>([
    ['a writer that finished and changed something', {}, 'succeeded'],
    ['a writer that finished and changed nothing', { changed: false }, 'no-change'],
    ['a reader that finished', { readonly: true, changed: false }, 'succeeded'],
    ['no terminal event', { end: null }, 'failed'],
    ['a terminal event that says no', { end: { ...well.end!, ok: false, status: 'failed' } }, 'failed'],
    ['a contradiction: not ok, yet "succeeded"', { end: { ...well.end!, ok: false } }, 'failed'],
    ['a refused key', { end: { ...well.end!, ok: false, status: 'auth-required' } }, 'auth-required'],
    ['a check that failed', { verify: check(1, 'pass') }, 'verify-failed'],
    ['a check that could not be run', { verify: check(null, null) }, 'verify-failed'],
    ['a check that passed', { verify: check(0, null) }, 'succeeded'],
    ['a person who cancelled, whatever the agent claims', { stopped: 'user' }, 'cancelled'],
    ['a time limit', { stopped: 'timeout' }, 'timed-out'],
    ['a budget', { stopped: 'budget' }, 'over-budget'],
    ['a dead shim, even after a claim of success', { crashed: true }, 'crashed'],
    ['work that could not be brought into git', { harvestFault: 'It is kept in /x.' }, 'lost'],
  ])('%s', (_name, facts, status) => {
    expect(outcomeOf({ ...well, ...facts }).status).toBe(status);
  });

  it('says that a check failed before the change too', () => {
    expect(outcomeOf({ ...well, verify: check(1, 'fail') }).reason).toContain('before this change too');
  });

  it('tells where the work of a broken dispatch is', () => {
    for (const facts of [{ crashed: true }, { stopped: 'user' as const }, { end: null }])
      expect(outcomeOf({ ...well, ...facts }).reason).toContain('pancode diff');
  });
});
