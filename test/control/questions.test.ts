/** Questions on a real journal: what a clock, a client that goes, a full disk and a second daemon do to them. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Asking, createQuestions } from '../../src/control/questions.ts';
import { dispatchPlaces } from '../../src/core/places.ts';
import type { Put } from '../../src/core/questions.ts';
import { readJournal } from '../../src/drivers/store/journal.ts';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { Job } from '../../src/protocol/job.ts';
import { testJob } from '../fixtures/run-host.ts';
import { tempDir } from '../fixtures/temp.ts';

const DAY = 86_400_000;
const PUT: Put = {
  ...{ kind: 'apply', subject: 'a.ts', detail: 'Why.', risk: 'ordinary', bound: 'hash', patchSha256: 'p' },
  files: [{ path: 'a.ts', added: 1, deleted: 0, class: 'ordinary' }],
};

let state: string;
/** What is added to the real clock. */
let jumpMs = 0;
const now = () => new Date(Date.now() + jumpMs);
const book = () => createQuestions({ state, now, log: () => {} });
const delivered: JournalEvent[] = [];
const asking = (answers: Job['answers'], change: Partial<Asking> = {}): Asking => {
  const job = testJob(state, { answers });
  const places = dispatchPlaces(state, job.id);
  fs.mkdirSync(places.dir, { recursive: true });
  const deliver = (event: JournalEvent) => void delivered.push(event);
  return { job, places, put: PUT, stance: job.stance, notify: null, usd: null, deliver, ...change };
};

beforeEach(() => {
  state = tempDir();
  jumpMs = 0;
  delivered.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  fs.rmSync(state, { recursive: true, force: true });
});

it('is in the journal before it is delivered, and its answer before it counts', async () => {
  const questions = book();
  const about = asking('kept');
  const answer = questions.ask(about);
  const [question] = questions.list();
  expect(readJournal(about.places.journal).events).toEqual(delivered);
  questions.answer(question?.id ?? '', { decision: 'deny', reason: 'no need' });
  expect(readJournal(about.places.journal).events).toEqual(delivered);
  expect(await answer).toMatchObject({ decision: 'deny', by: 'user', reason: 'no need' });
  expect(delivered.map((event) => event.type)).toEqual(['question', 'answer']);
  expect(questions.list()).toEqual([]);
  expect(() => questions.answer(question?.id ?? '', { decision: 'allow' })).toThrow(/was answered with no by you at/);
  expect(() => questions.answer(`${about.job.id}-7`, { decision: 'allow' })).toThrow(/no open question/);
});

it('takes an answer only for what was looked at', () => {
  const questions = book();
  void questions.ask(asking('kept'));
  const id = questions.list()[0]?.id ?? '';
  expect(() => questions.answer(id, { decision: 'allow', bound: 'another hash' })).toThrow(/another change/);
  expect(questions.list()).toHaveLength(1);
  expect(questions.answer(id, { decision: 'allow', bound: 'hash' })).toMatchObject({ decision: 'allow' });
});

describe('a clock that jumps', () => {
  it.each([DAY, -DAY])('by %i ms neither ends a question nor counts as waiting', async (jump) => {
    const questions = book();
    const answer = questions.ask(asking('kept'));
    jumpMs = jump;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [open] = questions.list();
    expect(open?.waitedMs).toBeGreaterThanOrEqual(15);
    expect(open?.waitedMs).toBeLessThan(60_000);
    questions.answer(open?.id ?? '', { decision: 'allow' });
    expect((await answer).waitedMs).toBeLessThan(60_000);
  });

  it('backwards over a restart never makes it longer than it was', async () => {
    const about = asking('kept');
    about.job.limits.questionMs = 50;
    // The first daemon dies with its timer.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    void book().ask(about);
    vi.useRealTimers();
    jumpMs = -DAY;
    expect(await book().ask(about)).toMatchObject({ decision: 'timeout', by: 'nobody' });
  });
});

it('goes on after a restart with the same id, and an answer from before counts', async () => {
  const about = asking('kept');
  void book().ask(about);
  const second = book();
  const answer = second.ask(about);
  expect(second.list().map(({ id }) => id)).toEqual([`${about.job.id}-1`]);
  second.answer(`${about.job.id}-1`, { decision: 'allow', files: ['a.ts'] });
  const given = await answer;
  expect(await book().ask(about)).toEqual(given);
  expect(given.files).toEqual(['a.ts']);
  expect(readJournal(about.places.journal).events.map((event) => event.type)).toEqual(['question', 'answer']);
});

it('is another question when base or patch is another one', async () => {
  const questions = book();
  const answer = questions.ask(asking('kept'));
  const [first] = questions.list();
  questions.answer(first?.id ?? '', { decision: 'allow' });
  await answer;
  void book().ask(asking('kept', { put: { ...PUT, bound: 'other' } }));
  const { events } = readJournal(asking('kept').places.journal);
  expect(events.map((event) => (event.type === 'question' ? event.id.slice(-2) : event.type))).toEqual([
    '-1',
    'answer',
    '-2',
  ]);
});

describe('who can answer', () => {
  it('nobody: given up at once', async () => {
    expect(await book().ask(asking('nobody'))).toMatchObject({ decision: 'none', by: 'nobody' });
  });

  it('a client that follows: while it is there, and a little longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const questions = book();
    const about = asking('attached');
    about.job.limits.questionMs = DAY;
    const leave = questions.attach(about.job.id);
    const also = questions.attach(about.job.id);
    const answer = questions.ask(about);
    leave();
    vi.advanceTimersByTime(60_000);
    expect(questions.list()).toHaveLength(1);
    also();
    vi.advanceTimersByTime(5_000);
    const back = questions.attach(about.job.id);
    vi.advanceTimersByTime(60_000);
    expect(questions.list()).toHaveLength(1);
    back();
    vi.advanceTimersByTime(60_000);
    expect(questions.list()).toEqual([]);
    expect(await answer).toMatchObject({ decision: 'none', by: 'nobody' });
  });

  it('a client that comes to a dispatch whose question nobody was to answer', async () => {
    const questions = book();
    const about = asking('nobody');
    questions.attach(about.job.id);
    void questions.ask(about);
    expect(questions.list()).toHaveLength(1);
  });
});

it('rejects what cannot be written down, and keeps a question whose answer cannot be', async () => {
  const questions = book();
  const about = asking('kept');
  fs.mkdirSync(about.places.journal);
  await expect(questions.ask(about)).rejects.toThrow(/EISDIR/);
  expect(questions.list()).toEqual([]);
  fs.rmdirSync(about.places.journal);
  const answer = questions.ask(about);
  fs.renameSync(about.places.journal, `${about.places.journal}.away`);
  fs.mkdirSync(about.places.journal);
  const id = questions.list()[0]?.id ?? '';
  expect(() => questions.answer(id, { decision: 'allow' })).toThrow(/EISDIR/);
  expect(questions.list()).toHaveLength(1);
  fs.rmdirSync(about.places.journal);
  fs.renameSync(`${about.places.journal}.away`, about.places.journal);
  questions.answer(id, { decision: 'allow' });
  expect(await answer).toMatchObject({ decision: 'allow' });
});

it('asks where the answers kept for good cannot be read', () => {
  fs.writeFileSync(path.join(state, 'always.json'), '{');
  const questions = book();
  void questions.ask(asking('kept'));
  const id = questions.list()[0]?.id ?? '';
  expect(() => questions.answer(id, { decision: 'allow', always: true })).toThrow(/cannot be read/);
  expect(questions.list()).toHaveLength(1);
});

it('runs the command of the user when it waits, and only then', async () => {
  const file = path.join(state, 'told');
  // Text goes by environment: nothing in it is run.
  const notify = `printf '%s|%s' "$PANCODE_QUESTION" "$PANCODE_TEXT" > '${file}.part' && mv '${file}.part' '${file}'`;
  const put = { ...PUT, subject: '$(touch hacked)`touch hacked`' };
  await book().ask(asking('nobody', { notify, put: { ...put, bound: 'first' } }));
  void book().ask(asking('kept', { notify, put }));
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(fs.readFileSync(file, 'utf8')).toBe(
    `${asking('kept').job.id}-2|builder: $(touch hacked)\`touch hacked\`. Why.`,
  );
});

it('forgets what was said for good in one project', async () => {
  const questions = book();
  const about = asking('kept');
  void questions.ask(about);
  questions.answer(`${about.job.id}-1`, { decision: 'allow', always: true });
  expect(await book().ask(asking('nobody', { put: { ...PUT, bound: 'later' } }))).toMatchObject({ by: 'policy' });
  expect(questions.forget('/another')).toBe(0);
  expect(questions.forget(about.job.project.root)).toBe(1);
  expect(await book().ask(asking('nobody', { put: { ...PUT, bound: 'last' } }))).toMatchObject({ by: 'nobody' });
});
