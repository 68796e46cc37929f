import { describe, expect, it } from 'vitest';
import { journalFacts } from '../../src/core/journal-facts.ts';
import {
  agentQuestion,
  applyQuestion,
  askedIn,
  boundTo,
  changeText,
  chosenFiles,
  collapse,
  coveredByAlways,
  toldAgent,
  whyNotAlways,
} from '../../src/core/questions.ts';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { OpenQuestion } from '../../src/protocol/question.ts';
import type { ChangedFile } from '../../src/protocol/receipt.ts';

const file = (path: string, change: Partial<ChangedFile> = {}): ChangedFile => ({
  ...{ path, added: 1, deleted: 0, class: 'ordinary' },
  ...change,
});
const found = (files: ChangedFile[], change: object = {}) => ({
  ...{ files, forbidden: [], protected: [], risky: [], patchSha256: 'p' },
  ...change,
});
const decision = (asking: string[]) => ({ decision: 'ask' as const, reason: 'It asks.', asking });
const build = { mode: 'build' as const, safety: 'suggest' as const, readonly: false };

describe('a change as a question', () => {
  it('says what a yes does, and is bound to base and patch', () => {
    const put = applyQuestion(
      'base',
      found([file('a.ts', { added: 3, deleted: 1 }), file('b.png', { added: null })]),
      decision(['a.ts']),
    );
    expect(put).toMatchObject({
      kind: 'apply',
      subject: 'a.ts',
      detail: 'It asks. A yes applies 2 files, +3 −1, 1 of them binary to the working tree.',
      risk: 'ordinary',
      bound: boundTo('base', 'p'),
    });
    expect(boundTo('base', 'p')).not.toBe(boundTo('base', 'q'));
    expect(boundTo('base', 'p')).not.toBe(boundTo('other', 'p'));
  });

  it.each([
    ['forbidden', { forbidden: [{ path: 'x', why: '' }], protected: [{ path: 'y', why: '', boundary: true }] }],
    [
      'boundary',
      {
        protected: [
          { path: 'x', why: '', boundary: false },
          { path: 'y', why: '', boundary: true },
        ],
      },
    ],
    ['protected', { protected: [{ path: 'x', why: '', boundary: false }], risky: [{ reason: '', paths: [] }] }],
    ['risky', { risky: [{ reason: '', paths: [] }] }],
    ['ordinary', {}],
  ])('is as risky as its strictest path: %s', (risk, change) => {
    expect(applyQuestion('b', found([file('x')], change), decision(['x'])).risk).toBe(risk);
  });

  it('never reads the same for two lists of paths', () => {
    const subject = (...names: string[]) => applyQuestion('b', found([]), decision(names)).subject;
    expect(subject('a, b')).not.toBe(subject('a', 'b'));
    expect(subject('"a, b"')).not.toBe(subject('a, b'));
    expect(subject('a\nb')).toBe('"a\\nb"');
  });

  it('counts lines without binary files', () => {
    expect(changeText([file('a')])).toBe('1 file, +1 −0');
    expect(changeText([file('a', { added: null, deleted: null })])).toBe('1 file, 1 of them binary');
  });
});

describe('a yes for good', () => {
  const put = applyQuestion('b', found([file('a')]), decision(['a']));
  const kept = [{ project: '/p', kind: 'apply' as const, subject: 'a', at: '' }];

  it('is for exactly this subject of this kind in this project', () => {
    expect(coveredByAlways(kept, '/p', put, build)).toBe(true);
    expect(coveredByAlways(kept, '/p/q', put, build)).toBe(false);
    expect(coveredByAlways(kept, '/p', { ...put, subject: 'a, b' }, build)).toBe(false);
    expect(coveredByAlways([{ ...kept[0]!, kind: 'action' }], '/p', put, build)).toBe(false);
    expect(coveredByAlways([], '/p', put, build)).toBe(false);
  });

  it('is never for protected paths, nor in plan and review mode', () => {
    const guarded = { ...put, files: [file('a'), file('Makefile', { class: 'protected' })] };
    expect(coveredByAlways(kept, '/p', guarded, build)).toBe(false);
    expect(whyNotAlways(guarded)).toContain('Makefile is protected');
    expect(coveredByAlways(kept, '/p', put, { ...build, mode: 'plan' })).toBe(false);
    expect(coveredByAlways(kept, '/p', put, { ...build, mode: 'review' })).toBe(false);
  });
});

it('chooses files, and names one that is not there', () => {
  const paths = ['a', 'b', 'c'];
  expect(chosenFiles(paths, {})).toEqual({ chosen: null });
  expect(chosenFiles(paths, { files: ['c', 'a'] })).toEqual({ chosen: ['a', 'c'] });
  expect(chosenFiles(paths, { except: ['a'] })).toEqual({ chosen: ['b', 'c'] });
  expect(chosenFiles(paths, { files: ['a', 'x'] })).toEqual({ unknown: 'x' });
});

it('reads questions and their first answers from a journal', () => {
  const events = [
    { type: 'question', id: 'd-1' },
    { type: 'answer', id: 'd-9', decision: 'allow' },
    { type: 'answer', id: 'd-1', decision: 'deny' },
    { type: 'answer', id: 'd-1', decision: 'allow' },
    { type: 'question', id: 'd-2' },
  ] as JournalEvent[];
  expect(askedIn(events).map(({ question, answer }) => [question.id, answer?.decision ?? null])).toEqual([
    ['d-1', 'deny'],
    ['d-2', null],
  ]);
});

it('tells an agent the words as they are, or to decide by itself', () => {
  expect(toldAgent({ decision: 'allow', reason: null, text: ' as\nis ' })).toEqual({ ok: true, text: ' as\nis ' });
  expect(toldAgent({ decision: 'deny', reason: 'no idea' }).text).toMatch(
    /want to answer this: no idea\nDecide by yourself/,
  );
  for (const decision of ['timeout', 'none'] as const)
    expect(toldAgent({ decision, reason: null })).toMatchObject({
      ok: false,
      text: expect.stringMatching(/^Nobody ans/),
    });
  expect(whyNotAlways(agentQuestion('Which?'))).toContain('words');
});

it('keeps a question whose shim died in the records, with the time that is known', () => {
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
  const events = [
    { type: 'question', id: 'd-1', kind: 'ask', subject: 'One?', at: at(1) },
    { type: 'question', id: 'd-2', kind: 'ask', subject: 'Two?', at: at(2) },
    { type: 'answer', id: 'd-1', decision: 'allow', by: 'user', waitedMs: 1_500, at: at(3) },
    { type: 'text', text: 'x', at: at(7) },
  ] as JournalEvent[];
  expect(journalFacts(events)).toMatchObject({
    questionMs: 6_500,
    questions: [
      { subject: 'One?', decision: 'allow', by: 'user', waitedMs: 1_500 },
      { subject: 'Two?', decision: 'none', by: 'nobody', waitedMs: 5_000 },
    ],
  });
});

it('puts together what asks the very same', () => {
  const open = (id: string, patchSha256: string, subject = 's') =>
    ({ id, project: '/p', kind: 'apply', subject, patchSha256 }) as OpenQuestion;
  const groups = collapse([open('1', 'x'), open('2', 'y'), open('3', 'x'), open('4', 'x', 't')]);
  expect(groups.map((group) => group.map(({ id }) => id))).toEqual([['1', '3'], ['2'], ['4']]);
});
