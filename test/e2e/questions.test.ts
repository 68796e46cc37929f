/** What waits for a person: kept over the death of terminal and daemon, answered once, applied only as it was said. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { Answered, OpenQuestion } from '../../src/protocol/question.ts';
import { type Receipt, Receipt as ReceiptSchema } from '../../src/protocol/receipt.ts';
import { ended, PROGRAM, processesOf, receiptsOf, treeState } from '../fixtures/pancode.ts';
import { onTerminal, type Terminal } from '../fixtures/terminal.ts';
import { type Bench, CLAUDE, createBench, NATIVE_CHAT, until } from '../fixtures/workers.ts';

const SCRIPT = {
  conversations: [
    {
      when: 'Guard it',
      turns: [
        {
          calls: [{ write: { path: 'Makefile', content: 'all:\n' } }, { write: { path: 'plain.txt', content: 'p\n' } }],
        },
        { text: 'Guarded.' },
      ],
    },
    {
      when: 'Link it',
      turns: [{ calls: [{ run: 'ln -s /etc/passwd out; echo p > plain.txt' }] }, { text: 'Linked.' }],
    },
    {
      turns: [
        {
          calls: [
            { edit: { path: 'src/app.js', old: '"hello"', new: '"hello, world"' } },
            { write: { path: 'docs/new note.md', content: 'new\n' } },
          ],
        },
        { text: 'Done.' },
      ],
    },
  ],
};
const FILES = ['docs/new note.md', 'src/app.js'];

let bench: Bench;
let terminal: Terminal | null = null;
afterEach(async () => {
  await terminal?.hangUp();
  terminal = null;
  await bench.close();
});

type WithOutcome = Answered & { outcome: Receipt['outcome'] };
interface Refused {
  error: { code: string; what: string; do: string };
}
const json = <T>(...args: string[]) => bench.user.json<T>(args);
const task = (...more: string[]) => ['dispatch', 'builder', 'Change it', '--worker', NATIVE_CHAT, ...more];
const detached = async (...more: string[]) => (await json<{ id: string }>(...task(...more), '--detach')).value.id;
const questions = async () => (await json<{ questions: OpenQuestion[] }>('questions')).value.questions;
const opened = async (count = 1): Promise<OpenQuestion[]> => {
  for (;;) {
    const open = await questions();
    if (open.length >= count) return open;
  }
};
const receiptOf = async (id: string) =>
  ReceiptSchema.parse((await json<{ receipt: Receipt }>('receipts', 'show', id)).value.receipt);
const read = (name: string) => fs.readFileSync(path.join(bench.user.project, name), 'utf8');
const journal = (id: string) =>
  fs
    .readFileSync(path.join(bench.user.state, 'dispatches', id, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JournalEvent);
const killDaemon = async () => {
  const { value } = await json<{ pid: number }>('daemon', 'status');
  process.kill(value.pid, 'SIGKILL');
};

describe('a dispatch that waits', () => {
  it('lists its question, shows its change, and applies it once a person says yes', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    expect((await user.pancode(['questions'])).stdout).toContain('Nothing waits for you');
    const before = treeState(user.project);
    const id = await detached('--safety', 'suggest');
    const [question] = await opened();
    expect(question).toMatchObject({
      id: `${id}-1`,
      dispatch: id,
      kind: 'apply',
      subject: FILES.join(', '),
      risk: 'ordinary',
      agent: 'builder',
      worker: NATIVE_CHAT,
      files: FILES.map((name) => ({ path: name })),
    });
    expect(question?.detail).toContain('2 files, +2 −1');
    // An hour from now, give or take what this machine took.
    const open = Date.parse(question?.deadline ?? '') - Date.parse(question?.since ?? '');
    expect(Math.abs(open - 3_600_000)).toBeLessThan(60_000);
    const { value: ps } = await json<{ dispatches: { id: string; state: string }[] }>('ps');
    expect(ps.dispatches).toMatchObject([{ id, state: 'waiting-question' }]);
    const text = (await user.pancode(['questions'])).stdout;
    for (const part of [`${id}-1`, 'src/app.js', 'docs/new note.md', 'pancode approve']) expect(text).toContain(part);
    expect((await json<{ patch: string }>('diff', id)).value.patch).toContain(
      '+export const hello = () => "hello, world";',
    );
    expect(treeState(user.project)).toEqual(before);
    expect(processesOf(id)).toEqual([]);
    // `apply` is for what has ended.
    expect((await json<Refused>('apply', id)).value.error.code).toBe('open-question');

    const yes = await json<WithOutcome>('approve', id);
    expect([yes.code, yes.value.outcome.status]).toEqual([0, 'succeeded']);
    expect(yes.value).toMatchObject({ id: `${id}-1`, dispatch: id, kind: 'apply', decision: 'allow', by: 'user' });
    expect(read('src/app.js')).toContain('hello, world');
    const receipt = await receiptOf(id);
    expect(receipt.questions).toMatchObject([
      { kind: 'apply', subject: FILES.join(', '), decision: 'allow', by: 'user', waitedMs: expect.any(Number) },
    ]);
    expect(receipt.time.questionMs).toBe(receipt.questions[0]?.waitedMs);
    expect(receipt.changes.applied).toBe(true);
    expect(receipt.outcome.evidence).toMatchObject({ applied: true, appliedBy: 'user' });
    expect(await questions()).toEqual([]);

    const second = await json<Refused>('approve', `${id}-1`);
    expect([second.code, second.value.error.code]).toEqual([1, 'already-answered']);
    expect(second.value.error.what).toMatch(/answered with yes by you at 20/);
    expect((await json<Refused>('deny', id)).value.error.code).toBe('no-question');
    expect((await json('undo', id)).code).toBe(0);
    expect(treeState(user.project)).toEqual(before);
  });

  it('is denied with the reason, exit 3, and nothing is touched', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const before = treeState(user.project);
    const waiting = ended(user.start(task('--safety', 'suggest', '--wait', '--json')));
    const [question] = await opened();
    const no = await json<WithOutcome>('deny', question?.id ?? '', '--reason', 'it is too loud');
    expect([no.code, no.value.decision]).toEqual([0, 'deny']);
    const { code, stdout } = await waiting;
    const receipt = JSON.parse(stdout) as Receipt;
    expect([receipt.outcome.status, code]).toEqual(['denied', 3]);
    expect(receipt.outcome.reason).toContain('it is too loud');
    expect(receipt.questions).toMatchObject([{ decision: 'deny', by: 'user' }]);
    expect(treeState(user.project)).toEqual(before);
    // The work is kept.
    expect(user.git('show', `${receipt.changes.ref}:docs/new note.md`)).toBe('new\n');
    expect((await json('apply', receipt.id)).code).toBe(0);
  });

  it('applies the files a person chose, and no others', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const id = await detached('--safety', 'suggest');
    await opened();
    expect((await json<Refused>('approve', id, '--files', 'nope.txt')).value.error.code).toBe('unknown-file');
    expect((await json<Refused>('approve', id, '--except', ...FILES)).value.error.code).toBe('no-file');
    const yes = await json<WithOutcome>('approve', id, '--except', 'src/app.js');
    expect([yes.code, yes.value.outcome.status]).toEqual([0, 'succeeded']);
    expect(read('docs/new note.md')).toBe('new\n');
    expect(read('src/app.js')).not.toContain('world');
    const receipt = await receiptOf(id);
    expect(receipt.changes).toMatchObject({ applied: true, only: ['docs/new note.md'] });
    expect(receipt.outcome.reason).toContain('1 of 2 files');
    expect((await user.json(['undo', id])).code).toBe(0);
  });

  it('says no by itself at its deadline', async () => {
    bench = await createBench(SCRIPT, { limits: { questionMinutes: 0.01 } });
    const before = treeState(bench.user.project);
    const { code, value } = await json<Receipt>(...task('--safety', 'suggest', '--wait'));
    expect([value.outcome.status, code]).toEqual(['needs-approval', 3]);
    expect(value.outcome.reason).toContain('Nobody answered in time');
    expect(value.questions).toMatchObject([{ kind: 'apply', decision: 'timeout', by: 'nobody' }]);
    expect(value.questions[0]?.waitedMs).toBeGreaterThanOrEqual(600);
    expect(treeState(bench.user.project)).toEqual(before);
  });

  it('holds nobody up, and is cancelled at once', async () => {
    bench = await createBench(SCRIPT, { limits: { concurrency: 1 } });
    const { user } = bench;
    const first = await detached('--safety', 'suggest');
    await opened();
    const second = await detached('--safety', 'suggest');
    const all = await opened(2);
    expect(all.map((each) => each.dispatch)).toEqual([first, second]);
    // The same change to the same base is listed once.
    const text = (await user.pancode(['questions'])).stdout;
    expect(text).toContain('asked 2 times');
    expect(text.match(/builder on/g)).toHaveLength(1);
    expect((await json<{ cancelled: string[] }>('cancel', first)).value.cancelled).toEqual([first]);
    expect((await receiptOf(first)).questions).toMatchObject([{ decision: 'none', by: 'user' }]);
    expect((await json<{ cancelled: string[] }>('cancel', '--all')).value.cancelled).toEqual([second]);
    expect(await questions()).toEqual([]);
  });
});

describe('where nobody can answer', () => {
  it('settles at once, and asks nobody in CI', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const { code, value } = await json<Receipt>(...task('--safety', 'suggest'));
    expect([value.outcome.status, code]).toEqual(['needs-approval', 3]);
    expect(value.questions).toMatchObject([{ kind: 'apply', decision: 'none', by: 'nobody' }]);
    terminal = onTerminal([process.execPath, PROGRAM, ...task('--safety', 'suggest')], {
      cwd: user.project,
      env: { ...user.env, CI: 'true' },
    });
    expect(await terminal.ended).toBe(3);
    expect(terminal.shown()).toContain('needs-approval');
    expect(terminal.shown()).not.toContain('[y]');
  });
});

describe('on a terminal', () => {
  const start = (...more: string[]) => {
    terminal = onTerminal([process.execPath, PROGRAM, ...task('--safety', 'suggest', ...more)], {
      cwd: bench.user.project,
      env: bench.user.env,
    });
    return terminal;
  };
  const prompts = (text: string, times = 1) => until(() => (terminal?.shown().split(text).length ?? 0) > times);

  it('asks right there: the diff, the files, yes', async () => {
    bench = await createBench(SCRIPT);
    const { shown, type, ended: over } = start();
    await prompts('[d] show the diff >');
    expect(shown()).toContain('src/app.js');
    type('d\n');
    await prompts('+export const hello = () => "hello, world";');
    await prompts('[d] show the diff >', 2);
    type('f\n');
    await prompts('[y/n] >');
    type('n\n');
    await prompts('[y/n] >', 2);
    type('y\n');
    expect(await over).toBe(0);
    expect(shown()).toContain('succeeded');
    expect(read('src/app.js')).toContain('hello, world');
    expect(fs.existsSync(path.join(bench.user.project, 'docs'))).toBe(false);
  });

  it('takes a no with its reason', async () => {
    bench = await createBench(SCRIPT);
    const { type, shown, ended: over } = start();
    await prompts('[d] show the diff >');
    type('n\n');
    await prompts('Why not?');
    type('too loud\n');
    expect(await over).toBe(3);
    expect(shown()).toContain('A person said no: too loud.');
  });

  it('ends the prompt when somebody else was first', async () => {
    bench = await createBench(SCRIPT);
    const { shown, ended: over } = start();
    await prompts('[d] show the diff >');
    const [question] = await opened();
    expect((await json('approve', question?.id ?? '')).code).toBe(0);
    expect(await over).toBe(0);
    expect(shown()).toContain('The question is answered');
  });

  it('Ctrl-C stops the dispatch', async () => {
    bench = await createBench(SCRIPT);
    const { type, ended: over } = start();
    await prompts('[d] show the diff >');
    type('\x03');
    expect(await over).toBe(130);
    expect(receiptsOf(bench.user)[0]?.outcome.status).toBe('cancelled');
  });

  it('loses nothing when the terminal goes: kept with --wait, else settled with the work in its ref', async () => {
    bench = await createBench(SCRIPT);
    start('--wait');
    await prompts('[d] show the diff >');
    await terminal?.hangUp();
    const [kept] = await opened();
    expect((await json<WithOutcome>('approve', kept?.dispatch ?? '')).value.outcome.status).toBe('succeeded');
    expect((await json('undo', kept?.dispatch ?? '')).code).toBe(0);

    start();
    await prompts('[d] show the diff >');
    await terminal?.hangUp();
    const [open] = await opened();
    const { value } = await json<Receipt>('wait', open?.dispatch ?? '');
    expect(value.outcome.status).toBe('needs-approval');
    expect(value.questions).toMatchObject([{ decision: 'none', by: 'nobody' }]);
    expect((await json('apply', value.id)).code).toBe(0);
  });
});

describe('a daemon that is killed', () => {
  it('has a successor that takes the question up, with its deadline', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const before = treeState(user.project);
    const id = await detached('--safety', 'suggest');
    const [asked] = await opened();
    await killDaemon();
    const [again] = await opened();
    expect(again).toMatchObject({ id: asked?.id, deadline: asked?.deadline, since: asked?.since, bound: asked?.bound });
    expect(again?.waitedMs).toBeGreaterThan(0);
    expect(treeState(user.project)).toEqual(before);
    expect((await json<{ dispatches: object[] }>('ps')).value.dispatches).toMatchObject([
      { id, state: 'waiting-question' },
    ]);
    expect((await json('approve', id)).code).toBe(0);
    expect(journal(id).filter((event) => event.type === 'question')).toHaveLength(1);
    expect(journal(id).map((event) => event.seq)).toEqual(journal(id).map((_, n) => n + 1));
    expect((await receiptOf(id)).questions).toHaveLength(1);
  });

  it('loses no answer that was given, and applies it once', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const id = await detached('--safety', 'suggest');
    const [question] = await opened();
    await killDaemon();
    // What the dead daemon had written when it was killed between the answer and what follows from it.
    const events = journal(id);
    const answer = { decision: 'allow', by: 'user', reason: null, waitedMs: 5, files: ['docs/new note.md'] };
    const line = { seq: events.length + 1, at: new Date().toISOString(), type: 'answer', id: question?.id, ...answer };
    fs.appendFileSync(path.join(user.state, 'dispatches', id, 'journal.jsonl'), `${JSON.stringify(line)}\n`);
    const { value } = await json<Receipt>('wait', id);
    expect(value.outcome.status).toBe('succeeded');
    expect(value.changes.only).toEqual(['docs/new note.md']);
    expect(read('docs/new note.md')).toBe('new\n');
    expect(read('src/app.js')).not.toContain('world');
    expect(receiptsOf(user)).toHaveLength(1);
  });

  it.each([0, 20])('%i ms after a yes: the change is there once, with one receipt', async (delayMs) => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const id = await detached('--safety', 'suggest');
    await opened();
    const { value } = await json<{ pid: number }>('daemon', 'status');
    const file = path.join(user.state, 'dispatches', id, 'journal.jsonl');
    const approving = ended(user.start(['approve', id, '--json']));
    await until(() => fs.readFileSync(file, 'utf8').includes('"type":"answer"'), 0);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    process.kill(value.pid, 'SIGKILL');
    await approving; // its daemon died under it: it may say so
    const { value: receipt } = await json<Receipt>('wait', id);
    expect([receipt.outcome.status, receipt.outcome.evidence.appliedBy]).toEqual(['succeeded', 'user']);
    expect(read('src/app.js')).toContain('hello, world');
    expect(receiptsOf(user)).toHaveLength(1);
    expect((await json('undo', id)).code).toBe(0);
    expect(read('src/app.js')).not.toContain('world');
  });
});

describe('a yes for good', () => {
  it('holds for exactly that, is asked again for anything else', async () => {
    bench = await createBench(SCRIPT);
    const first = await detached('--safety', 'suggest');
    await opened();
    expect((await json('approve', first, '--always')).code).toBe(0);
    expect((await json('undo', first)).code).toBe(0);
    const { code, value } = await json<Receipt>(...task('--safety', 'suggest'));
    expect([value.outcome.status, code]).toEqual(['succeeded', 0]);
    expect(value.questions).toMatchObject([{ kind: 'apply', decision: 'allow', by: 'policy', waitedMs: 0 }]);
    expect(value.outcome.evidence).toMatchObject({ applied: true, appliedBy: 'policy' });
    const other = await json<Receipt>(
      'dispatch',
      'builder',
      'Guard it',
      '--worker',
      NATIVE_CHAT,
      '--safety',
      'suggest',
    );
    expect([other.value.outcome.status, other.code]).toEqual(['needs-approval', 3]);
  });

  it('is never kept for protected paths', async () => {
    bench = await createBench(SCRIPT);
    const { value } = await json<{ id: string }>(
      'dispatch',
      'builder',
      'Guard it',
      '--worker',
      NATIVE_CHAT,
      '--detach',
    );
    const [question] = await opened();
    expect(question).toMatchObject({ subject: 'Makefile', risk: 'protected' });
    const refused = await json<Refused>('approve', value.id, '--always');
    expect([refused.code, refused.value.error.code]).toEqual([3, 'never-always']);
    expect(await questions()).toHaveLength(1);
    expect((await json('approve', value.id)).code).toBe(0);
    expect(read('Makefile')).toBe('all:\n');
  });
});

it('never applies what is forbidden, whatever a person says; the rest can be', async () => {
  bench = await createBench(SCRIPT);
  const { value } = await json<{ id: string }>('dispatch', 'builder', 'Link it', '--worker', NATIVE_CHAT, '--detach');
  const [question] = await opened();
  expect(question).toMatchObject({ risk: 'forbidden' });
  const refused = await json<Refused>('approve', value.id);
  expect([refused.code, refused.value.error.code]).toEqual([3, 'forbidden-path']);
  expect((await json('approve', value.id, '--except', 'out')).code).toBe(0);
  expect(read('plain.txt')).toBe('p\n');
  expect(fs.existsSync(path.join(bench.user.project, 'out'))).toBe(false);
});

describe('the stance at the gate', () => {
  const SLOW = {
    conversations: [
      {
        turns: [
          { calls: [{ run: 'touch at-it; until [ -e go ]; do sleep 0.05; done; rm go at-it; echo n > n.txt' }] },
          { text: 'Done.' },
        ],
      },
    ],
  };
  const begun = async (...more: string[]) => {
    const id = await detached(...more);
    const copy = path.join(bench.user.state, 'dispatches', id, 'copy');
    await until(() => fs.existsSync(path.join(copy, 'at-it')));
    return { id, letGo: () => fs.writeFileSync(path.join(copy, 'go'), '') };
  };

  it.each([
    [[], 'plan'],
    [['--safety', 'full-auto'], 'suggest'],
  ])('waits when the configuration was made stricter meanwhile (flags %j, then %s)', async (flags, now) => {
    bench = await createBench(SLOW);
    const { user } = bench;
    const { id, letGo } = await begun(...flags);
    const config = path.join(user.env.PANCODE_HOME as string, 'config', 'config.yaml');
    fs.appendFileSync(config, now === 'plan' ? 'mode: plan\n' : 'safety: suggest\n');
    letGo();
    const [question] = await opened();
    expect(question).toMatchObject({ dispatch: id, subject: 'n.txt' });
    expect((await json('approve', id)).code).toBe(0);
    expect(read('n.txt')).toBe('n\n');
  });

  it('asks where the configuration cannot be read by then', async () => {
    bench = await createBench(SLOW);
    const { user } = bench;
    const { letGo } = await begun();
    fs.appendFileSync(path.join(user.env.PANCODE_HOME as string, 'config', 'config.yaml'), '{{\n');
    letGo();
    const [question] = await opened();
    expect(question?.detail).toMatch(/config\.yaml.*every change waits/);
  });

  it('keeps what the command said where the configuration stayed as it was', async () => {
    bench = await createBench(SCRIPT, { mode: 'plan', safety: 'suggest' });
    const { code, value } = await json<Receipt>(...task('--mode', 'build', '--safety', 'auto-edit'));
    expect([value.outcome.status, value.changes.applied, code]).toEqual(['succeeded', true, 0]);
    expect(value.questions).toEqual([]);
  });
});

describe('send', () => {
  const STEERED = {
    conversations: [
      {
        turns: [
          { calls: [{ run: 'touch at-it; until [ -e go ]; do sleep 0.05; done; rm go at-it' }] },
          { text: 'I have heard.' },
        ],
      },
    ],
  };

  it('tells a running agent, in order, before its next model request', async () => {
    bench = await createBench(STEERED);
    const { user, model } = bench;
    const id = await detached();
    const copy = path.join(user.state, 'dispatches', id, 'copy');
    await until(() => fs.existsSync(path.join(copy, 'at-it')));
    for (const text of ['First: keep the tests.', 'Second: be quick.'])
      expect((await json<{ id: string; sent: boolean }>('send', id, text)).value).toEqual({ id, sent: true });
    fs.writeFileSync(path.join(copy, 'go'), '');
    const { value } = await json<Receipt>('wait', id);
    expect(value.outcome.status).toBe('no-change');
    const asked = model.requests
      .filter((request) => request.method === 'POST')
      .map((request) => JSON.stringify(request.body));
    expect(asked[0]).not.toContain('keep the tests');
    expect(asked.at(-1)).toMatch(/First: keep the tests\..*Second: be quick\./);
    expect(journal(id).filter((event) => event.type === 'steer')).toMatchObject([
      { text: 'First: keep the tests.' },
      { text: 'Second: be quick.' },
    ]);
    const late = await json<Refused>('send', id, 'too late');
    expect([late.code, late.value.error.code]).toEqual([3, 'ended']);
    expect(late.value.error.do).toContain(`--on ${id}`);
  });

  it('is refused by a runtime that cannot be told anything', async () => {
    bench = await createBench(STEERED);
    const { value } = await json<{ id: string }>('dispatch', 'builder', 'Change it', '--worker', CLAUDE, '--detach');
    const refused = await json<Refused>('send', value.id, 'hello');
    expect([refused.code, refused.value.error.code]).toEqual([3, 'cannot-steer']);
    await json('cancel', value.id);
  });

  it('is refused while the change waits for a person', async () => {
    bench = await createBench(SCRIPT);
    const id = await detached('--safety', 'suggest');
    await opened();
    expect((await json<Refused>('send', id, 'hello')).value.error.code).toBe('not-working');
  });
});
