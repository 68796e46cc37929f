/** An agent's own question: kept by its shim over the death of terminal and daemon, answered once, in words. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { Answered, OpenQuestion } from '../../src/protocol/question.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { ended, PROGRAM, processesOf, receiptsOf } from '../fixtures/pancode.ts';
import { onTerminal, type Terminal } from '../fixtures/terminal.ts';
import { type Bench, createBench, NATIVE_CHAT, NATIVE_MESSAGES, until } from '../fixtures/workers.ts';

const QUESTION = 'Old name or new?\nBoth \u001b[31mexist\u001b[0m.';
const ask = (question = QUESTION) => ({ call: { name: 'ask', args: { question } } });
const SCRIPT = {
  conversations: [
    { when: 'Just write', turns: [{ calls: [{ write: { path: 'w.txt', content: 'w\n' } }] }, { text: 'Written.' }] },
    { when: 'Ask twice', turns: [{ calls: [ask('One?'), ask('Two?')] }, { text: 'Both heard.' }] },
    {
      turns: [
        { calls: [ask()] },
        { calls: [{ write: { path: 'heard.txt', content: 'heard\n' } }] },
        { text: 'Done as I was told.' },
      ],
    },
  ],
};

let bench: Bench;
let terminal: Terminal | null = null;
afterEach(async () => {
  await terminal?.hangUp();
  terminal = null;
  await bench.close();
});

interface Refused {
  error: { code: string; what: string; do: string };
}
const json = <T>(...args: string[]) => bench.user.json<T>(args);
const task = (...more: string[]) => ['dispatch', 'builder', 'Ask it', '--worker', NATIVE_CHAT, ...more];
const detached = async (...more: string[]) => (await json<{ id: string }>(...task(...more), '--detach')).value.id;
const questions = async () => (await json<{ questions: OpenQuestion[] }>('questions')).value.questions;
const opened = async (count = 1): Promise<OpenQuestion[]> => {
  for (;;) {
    const open = await questions();
    if (open.length >= count) return open;
  }
};
const settled = async (id: string) => (await json<Receipt>('wait', id)).value;
const directory = (id: string) => path.join(bench.user.state, 'dispatches', id);
const journal = (id: string) =>
  fs
    .readFileSync(path.join(directory(id), 'journal.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JournalEvent);
/** What the agent was told, as its model got it. */
const told = () => {
  const bodies = bench.model.requests.filter(({ method }) => method === 'POST').map(({ body }) => body);
  const messages = bodies.flatMap((body) => (body as { messages: { role: string; content: string }[] }).messages);
  return messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
};
const offered = () =>
  bench.model.requests.filter(({ method }) => method === 'POST').map(({ body }) => JSON.stringify(body));
const killDaemon = async () => {
  const { value } = await json<{ pid: number }>('daemon', 'status');
  process.kill(value.pid, 'SIGKILL');
};

describe('a question of an agent', () => {
  it('waits with its process, is answered in words, and is in the records', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const id = await detached();
    const [question] = await opened();
    expect(offered()[0]).toContain('"name":"ask"');
    expect(question).toMatchObject({
      ...{ id: `${id}-1`, dispatch: id, kind: 'ask', subject: QUESTION, risk: 'ordinary', bound: null, files: [] },
      ...{ agent: 'builder', worker: NATIVE_CHAT, task: 'Ask it' },
    });
    const open = Date.parse(question?.deadline ?? '') - Date.parse(question?.since ?? '');
    expect(Math.abs(open - 3_600_000)).toBeLessThan(60_000);
    expect(question?.usd).toBeGreaterThan(0);
    expect((await json<{ dispatches: object[] }>('ps')).value.dispatches).toMatchObject([
      { id, state: 'waiting-question' },
    ]);
    expect(processesOf(id)).not.toEqual([]);
    const listed = (await user.pancode(['questions'])).stdout;
    expect(listed).toContain('| Old name or new?\n');
    expect(listed).toContain('pancode answer ID TEXT');
    expect(listed).not.toContain('\u001b');

    for (const wrong of [
      ['approve', id],
      ['approve', id, '--always'],
    ])
      expect((await json<Refused>(...wrong)).value.error).toMatchObject({
        code: 'needs-words',
        do: expect.stringContaining(`pancode answer ${id}-1 TEXT`),
      });
    const answered = await json<Answered & { outcome: null }>('answer', id, 'The new', 'one.');
    expect([answered.code, answered.value]).toMatchObject([
      0,
      { id: `${id}-1`, dispatch: id, kind: 'ask', decision: 'allow', by: 'user', outcome: null },
    ]);
    const receipt = await settled(id);
    expect(receipt.outcome.status).toBe('succeeded');
    expect(told()[0]).toBe('The new one.');
    expect(receipt.questions).toMatchObject([{ kind: 'ask', subject: QUESTION, decision: 'allow', by: 'user' }]);
    expect(receipt.time.questionMs).toBe(receipt.questions[0]?.waitedMs);
    expect(receipt.actions).toEqual({ ask: 1, 'file.write': 1 });
    expect(journal(id).filter(({ type }) => ['question', 'answer'].includes(type))).toMatchObject([
      { type: 'question', id: `${id}-1`, kind: 'ask', subject: QUESTION },
      { type: 'answer', id: `${id}-1`, decision: 'allow', text: 'The new one.' },
    ]);
    const late = await json<Refused>('answer', `${id}-1`, 'again');
    expect([late.code, late.value.error.code]).toEqual([1, 'already-answered']);
    expect(await questions()).toEqual([]);
  });

  it('gets words of any kind, as they are', async () => {
    bench = await createBench(SCRIPT);
    const text = `-- \u001b[2J"quoted" \\ \t\r\n\n${'ä'.repeat(25_000)}${'x'.repeat(50_000)}\n\u202e`;
    expect(Buffer.byteLength(text)).toBeGreaterThan(100_000);
    const id = await detached();
    await opened();
    expect((await json<Refused>('answer', id, ' ', '\n')).value.error.code).toBe('usage');
    expect((await bench.user.pancode(['answer', id, '--', text])).code).toBe(0);
    expect((await settled(id)).outcome.status).toBe('succeeded');
    expect(told()[0]).toBe(text);
    expect((await bench.user.pancode(['logs', id])).stdout).not.toContain('\u001b');
  });

  it('is left to the agent where a person does not want to answer, with the reason', async () => {
    bench = await createBench(SCRIPT);
    const id = await detached();
    await opened();
    expect((await json<Answered>('deny', id, '--reason', 'no idea')).value.decision).toBe('deny');
    const receipt = await settled(id);
    expect(receipt.questions).toMatchObject([{ decision: 'deny', by: 'user' }]);
    expect(told()[0]).toMatch(/does not want to answer this: no idea\n.*what you assumed/);
    expect(receipt).toMatchObject({ denied: 0, outcome: { status: 'succeeded' } });
  });

  it('is answered by the first of two who answer at once, and the other is told', async () => {
    bench = await createBench(SCRIPT);
    const id = await detached();
    await opened();
    const both = await Promise.all(['one', 'two'].map((text) => json<Answered & Refused>('answer', `${id}-1`, text)));
    expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(both.find(({ code }) => code === 1)?.value.error.code).toBe('already-answered');
    await settled(id);
    expect(told()[0]).toBe(both[0]?.code === 0 ? 'one' : 'two');
    expect(journal(id).filter(({ type }) => type === 'answer')).toHaveLength(1);
  });

  it('may be one of several at once', async () => {
    bench = await createBench(SCRIPT);
    const { value } = await json<{ id: string }>(
      'dispatch',
      'builder',
      'Ask twice',
      '--worker',
      NATIVE_CHAT,
      '--detach',
    );
    expect((await opened(2)).map(({ subject }) => subject)).toEqual(['One?', 'Two?']);
    expect((await json<Refused>('answer', value.id, 'which')).value.error.code).toBe('which-question');
    await json('answer', `${value.id}-2`, 'second');
    expect((await questions()).map(({ id }) => id)).toEqual([`${value.id}-1`]);
    await json('answer', value.id, 'first');
    expect((await settled(value.id)).result).toBe('Both heard.');
    expect(told()).toEqual(['first', 'second']);
  });

  it('can be answered where a reader asks, on the other wire', async () => {
    bench = await createBench({ conversations: [{ turns: [{ calls: [ask()] }, { text: 'Read.' }] }] });
    const { value } = await json<{ id: string }>('dispatch', 'scout', 'Look', '--worker', NATIVE_MESSAGES, '--detach');
    await opened();
    await json('answer', value.id, 'Here.');
    expect((await settled(value.id)).outcome.status).toBe('succeeded');
    expect(offered().at(-1)).toContain('Here.');
  });
});

describe('where nobody answers', () => {
  it('the tool is not offered', async () => {
    bench = await createBench(SCRIPT);
    const { value } = await json<Receipt>(...task());
    expect(offered()[0]).not.toContain('"name":"ask"');
    expect(told()[0]).toContain('There is no tool "ask".');
    expect(value.questions).toEqual([]);
  });

  it('the agent decides at the deadline, which its shim keeps without a daemon', async () => {
    bench = await createBench(SCRIPT, { limits: { questionMinutes: 0.05 } });
    const id = await detached();
    await until(
      () =>
        fs.existsSync(path.join(directory(id), 'journal.jsonl')) && journal(id).some(({ type }) => type === 'question'),
    );
    await killDaemon();
    await until(() => fs.existsSync(path.join(directory(id), 'result.json')));
    const receipt = await settled(id);
    expect(receipt.questions).toMatchObject([{ kind: 'ask', decision: 'timeout', by: 'nobody' }]);
    expect(told()[0]).toMatch(/^Nobody answered\.\nDecide by yourself/);
    expect(receipt.outcome.status).toBe('succeeded');
  });

  it('it is given up when the terminal it was asked on is gone', async () => {
    bench = await createBench(SCRIPT);
    terminal = onTerminal([process.execPath, PROGRAM, ...task()], { cwd: bench.user.project, env: bench.user.env });
    await until(() => terminal?.shown().includes('Your answer') ?? false);
    const [question] = await opened();
    await terminal.hangUp();
    expect(await questions()).toHaveLength(1); // it may come back
    const receipt = await settled(question?.dispatch ?? '');
    expect(receipt.questions).toMatchObject([{ decision: 'none', by: 'nobody' }]);
    expect(told()[0]).toContain('Nobody answered.');
  });
});

describe('time and place', () => {
  it('the time limit stands still while a person is waited for', async () => {
    bench = await createBench(SCRIPT);
    const id = await detached('--timeout', '10');
    const [question] = await opened();
    await new Promise((resolve) => setTimeout(resolve, 10_500));
    expect((await questions()).map((each) => each.id)).toEqual([question?.id]);
    await json('answer', id, 'Go on.');
    const receipt = await settled(id);
    expect(receipt.outcome.status).toBe('succeeded');
    expect(receipt.questions[0]?.waitedMs).toBeGreaterThan(10_000);
  });

  it('it holds nobody up', async () => {
    bench = await createBench(SCRIPT, { limits: { concurrency: 1 } });
    const id = await detached();
    await opened();
    const other = await json<Receipt>('dispatch', 'builder', 'Just write', '--worker', NATIVE_CHAT);
    expect(other.value.outcome.status).toBe('succeeded');
    await json('answer', id, 'Go on.');
    expect((await settled(id)).outcome.status).toBe('succeeded');
  });

  it('it is cancelled at once, and ends with its agent', async () => {
    bench = await createBench(SCRIPT);
    const first = await detached();
    await opened();
    expect((await json<{ cancelled: string[] }>('cancel', first)).value.cancelled).toEqual([first]);
    const cancelled = await settled(first);
    expect(cancelled.outcome.status).toBe('cancelled');
    expect(cancelled.questions).toMatchObject([{ decision: 'none', by: 'user' }]);

    const second = await detached();
    await opened();
    const agent = journal(second).findLast((event) => event.type === 'agent-process');
    process.kill(agent?.pid ?? 0, 'SIGKILL');
    const killed = await settled(second);
    expect(killed.outcome.status).toBe('failed');
    expect(killed.questions).toMatchObject([{ decision: 'none', by: 'nobody' }]);
    expect(await questions()).toEqual([]);

    const third = await detached();
    await opened();
    const shim = journal(third).find((event) => event.type === 'started');
    process.kill(shim?.pid ?? 0, 'SIGKILL');
    const crashed = await settled(third);
    expect(crashed.outcome.status).toBe('crashed');
    expect(crashed.questions).toMatchObject([{ decision: 'none', by: 'nobody' }]);
    expect(await questions()).toEqual([]);
    expect((await json<Refused>('answer', `${third}-1`, 'late')).code).not.toBe(0);
    expect([first, second, third].flatMap(processesOf)).toEqual([]);
  });
});

it('outlives its daemon: the same question, one answer', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const waiting = ended(user.start(task('--wait', '--json')));
  const [asked] = await opened();
  const id = asked?.dispatch ?? '';
  await killDaemon();
  const [again] = await opened();
  expect(again).toMatchObject({ id: asked?.id, since: asked?.since, deadline: asked?.deadline });
  expect(again?.waitedMs).toBeGreaterThan(0);
  await killDaemon();
  expect((await json('answer', id, 'Now.')).code).toBe(0);
  const { code, stdout } = await waiting;
  expect([code, (JSON.parse(stdout) as Receipt).outcome.status]).toEqual([0, 'succeeded']);
  expect(told()[0]).toBe('Now.');
  expect(journal(id).filter(({ type }) => ['question', 'answer'].includes(type))).toHaveLength(2);
  expect(receiptsOf(user)).toHaveLength(1);
});

describe('on a terminal', () => {
  const start = (...words: string[]) => {
    terminal = onTerminal([process.execPath, PROGRAM, ...words], { cwd: bench.user.project, env: bench.user.env });
    return terminal;
  };
  const shows = (text: string, times = 1) => until(() => (terminal?.shown().split(text).length ?? 0) > times);

  it('asks right there, one question after the other', async () => {
    bench = await createBench(SCRIPT);
    const { type, ended: over } = start('dispatch', 'builder', 'Ask twice', '--worker', NATIVE_CHAT);
    await shows('Your answer');
    type('first\\\n');
    await shows('\n> ');
    type('and more\n');
    await shows('Your answer', 2);
    type('\n');
    expect(await over).toBe(0);
    expect(told()[0]).toBe('first\nand more');
    expect(told()[1]).toContain('does not want to answer');
  });

  it('keeps the question for whoever comes back, over the death of the daemon', async () => {
    bench = await createBench(SCRIPT);
    const { type, ended: over } = start(...task());
    await shows('Your answer');
    await killDaemon();
    await new Promise((resolve) => setTimeout(resolve, 12_000)); // longer than an absent client is waited for
    expect(await questions()).toHaveLength(1);
    type('Still here.\n');
    expect(await over).toBe(0);
    expect(told()[0]).toBe('Still here.');
  });
});
