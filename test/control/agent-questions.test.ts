/** What a running agent asks, on a real journal: its time, its end, a disk that refuses. */
import fs from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAgentQuestions } from '../../src/control/agent-questions.ts';
import { createTimeLimit } from '../../src/control/time-limit.ts';
import { dispatchPlaces } from '../../src/core/places.ts';
import { type Journal, openJournal, readJournal } from '../../src/drivers/store/journal.ts';
import type { Job } from '../../src/protocol/job.ts';
import { testJob } from '../fixtures/run-host.ts';
import { tempDir } from '../fixtures/temp.ts';

let state: string;
let journal: Journal;
beforeEach(() => {
  state = tempDir();
});
afterEach(() => {
  journal.close();
  fs.rmSync(state, { recursive: true, force: true });
});

/** `onFull`: called where the journal refuses, as the shim stops its run there. */
const setUp = (answers: Job['answers'] = 'kept', questionMs = 60_000, onFull = () => {}) => {
  const job = testJob(state, { answers });
  job.limits.questionMs = questionMs;
  const places = dispatchPlaces(state, job.id);
  fs.mkdirSync(places.dir, { recursive: true });
  const now = () => new Date();
  journal = openJournal(places.journal, now);
  const full = { is: false };
  const time = createTimeLimit();
  const questions = createAgentQuestions(job, places, {
    emit(event) {
      if (!full.is) return journal.append(event);
      onFull();
      return null;
    },
    now,
    log: () => {},
    time,
  });
  return { questions, time, full, id: `${job.id}-1`, events: () => readJournal(places.journal).events };
};

it('gives the words to the agent once they are written down, and its time stood still', async () => {
  const { questions, time, id, events } = setUp();
  const told = questions.askPerson('Which?');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(events()).toMatchObject([{ type: 'question', id, kind: 'ask', subject: 'Which?' }]);
  expect(questions.answer(id, { decision: 'allow', text: 'This.\n' })).toMatchObject({ kind: 'ask', by: 'user' });
  expect(events()[1]).toMatchObject({ type: 'answer', text: 'This.\n' });
  expect(await told).toEqual({ ok: true, text: 'This.\n' });
  const held = time.heldMs();
  expect(held).toBeGreaterThanOrEqual(15);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(time.heldMs()).toBe(held);
});

it('asks the same again as another question', async () => {
  const { questions, id, events } = setUp();
  const first = questions.askPerson('Which?');
  questions.answer(id, { decision: 'allow', text: 'This.' });
  await first;
  void questions.askPerson('Which?');
  expect(events().map(({ type }) => type)).toEqual(['question', 'answer', 'question']);
  questions.close('nobody');
});

it.each([
  ['nobody', 60_000, 'none'],
  ['kept', 10, 'timeout'],
] as const)('is left to the agent where %s may answer within %i ms', async (answers, questionMs, decision) => {
  const { questions, events } = setUp(answers, questionMs);
  const told = await questions.askPerson('Which?');
  expect(told.ok).toBe(false);
  expect(told.text).toMatch(/^Nobody answered\.\nDecide by yourself/);
  expect(events().at(-1)).toMatchObject({ type: 'answer', decision, by: 'nobody' });
});

it('waits while a client that can answer is there', async () => {
  const { questions, events } = setUp('attached', 50);
  questions.attach();
  await questions.askPerson('Which?');
  expect(events().at(-1)).toMatchObject({ decision: 'timeout' });
});

it('gives up what is open when the agent ends, and puts nothing afterwards', async () => {
  const { questions, events } = setUp();
  const told = questions.askPerson('Which?');
  questions.close('user');
  questions.close('nobody');
  expect((await told).ok).toBe(false);
  expect(events().at(-1)).toMatchObject({ type: 'answer', decision: 'none', by: 'user' });
  const before = events().length;
  expect((await questions.askPerson('Again?')).text).toMatch(/ending/);
  expect(events()).toHaveLength(before);
});

it('takes words only for words, and a yes only for what it can be said to', async () => {
  const { questions, id } = setUp();
  const told = questions.askPerson('Which?');
  expect(() => questions.answer(id, { decision: 'allow' })).toThrow(/asks for words/);
  expect(() => questions.answer(id, { decision: 'allow', text: 'x', always: true })).toThrow(/cannot be kept for good/);
  questions.answer(id, { decision: 'deny', reason: 'no idea' });
  expect((await told).text).toContain('no idea');
});

it('tells the agent nothing that could not be written down', async () => {
  const { questions, full, id, events } = setUp('kept', 60_000, () => questions.close('nobody'));
  const told = questions.askPerson('Which?');
  full.is = true;
  expect(() => questions.answer(id, { decision: 'allow', text: 'This.' })).toThrow(/cannot be written/);
  expect(events()).toHaveLength(1);
  full.is = false;
  let heard = false;
  void told.then(() => {
    heard = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(heard).toBe(false);
  expect((await questions.askPerson('Another?')).ok).toBe(false);
});

it('does not wait for a question that could not be put', async () => {
  const { questions, full, events } = setUp();
  full.is = true;
  expect((await questions.askPerson('Which?')).text).toMatch(/could not be put.*Decide by yourself/s);
  expect(events()).toEqual([]);
});
