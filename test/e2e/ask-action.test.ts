/** `ask: action`: every write and command of a writer is put to a person first, by the native agent and by the real Claude Code. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Answered, OpenQuestion } from '../../src/protocol/question.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { PROGRAM } from '../fixtures/pancode.ts';
import { onTerminal, type Terminal } from '../fixtures/terminal.ts';
import { type Bench, CLAUDE, createBench, NATIVE_CHAT, until } from '../fixtures/workers.ts';

const SCRIPT = {
  conversations: [
    {
      when: 'Guard it',
      turns: [{ calls: [{ write: { path: 'Makefile', content: 'all:\n' } }] }, { text: 'Guarded.' }],
    },
    { when: 'Run it', turns: [{ calls: [{ run: 'echo ran > r.txt' }] }, { text: 'Ran.' }] },
    {
      turns: [
        {
          calls: [
            { read: 'src/app.js' },
            { edit: { path: 'src/app.js', old: '"hello"', new: '"hello, world"' } },
            { run: 'echo ran > r.txt' },
          ],
        },
        { text: 'Done.' },
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
  error: { code: string; what: string };
}
const json = <T>(...args: string[]) => bench.user.json<T>(args);
const task = (text = 'Change it', worker = NATIVE_CHAT) => ['dispatch', 'builder', text, '--worker', worker];
const detached = async (...given: Parameters<typeof task>) =>
  (await json<{ id: string }>(...task(...given), '--detach')).value.id;
const opened = async (): Promise<OpenQuestion> => {
  for (;;) {
    const [open] = (await json<{ questions: OpenQuestion[] }>('questions')).value.questions;
    if (open) return open;
  }
};
const settled = async (id: string) => (await json<Receipt>('wait', id)).value;
const start = (script = SCRIPT) => createBench(script, { ask: 'action' });
const told = () => bench.model.requests.map(({ body }) => JSON.stringify(body)).join('\n');

describe.each([NATIVE_CHAT, CLAUDE])('%s', (worker) => {
  it('does what a person allows, one after the other, and reads unasked', async () => {
    bench = await start();
    const id = await detached('Change it', worker);
    const first = await opened();
    expect(first).toMatchObject({
      ...{ id: `${id}-1`, dispatch: id, kind: 'action', action: 'file.write', subject: 'src/app.js', risk: 'ordinary' },
      detail: '-"hello"\n+"hello, world"',
    });
    expect((await json<{ dispatches: object[] }>('ps')).value.dispatches).toMatchObject([
      { id, state: 'waiting-question' },
    ]);
    const copy = path.join(bench.user.state, 'dispatches', id, 'copy');
    expect(fs.readFileSync(path.join(copy, 'src/app.js'), 'utf8')).not.toContain('world');
    expect((await json<Refused>('answer', id, 'yes')).value.error.code).toBe('needs-decision');
    expect((await json<Answered>('approve', id)).value).toMatchObject({ kind: 'action', decision: 'allow' });
    await until(() => fs.readFileSync(path.join(copy, 'src/app.js'), 'utf8').includes('world'));
    const second = await opened();
    expect(second).toMatchObject({ id: `${id}-2`, action: 'command.run', subject: 'echo ran > r.txt' });
    expect(fs.existsSync(path.join(copy, 'r.txt'))).toBe(false);
    expect((await bench.user.pancode(['questions'])).stdout).toContain('| echo ran > r.txt');
    await json('approve', `${id}-2`);
    const receipt = await settled(id);
    expect(receipt.outcome.status).toBe('succeeded');
    expect(receipt.changes.files.map(({ path: name }) => name).sort()).toEqual(['r.txt', 'src/app.js']);
    expect(receipt.questions).toMatchObject([
      { kind: 'action', subject: 'src/app.js', decision: 'allow', by: 'user' },
      { kind: 'action', subject: 'echo ran > r.txt', decision: 'allow', by: 'user' },
    ]);
    expect(receipt.denied).toBe(0);
  });

  it('does not do what a person forbids, and hears why', async () => {
    bench = await start();
    const id = await detached('Run it', worker);
    await opened();
    await json('deny', id, '--reason', 'the moon is full');
    const receipt = await settled(id);
    expect(receipt).toMatchObject({ denied: 1, outcome: { status: 'no-change' } });
    expect(receipt.questions).toMatchObject([{ decision: 'deny', by: 'user' }]);
    expect(told()).toContain('the moon is full');
  });

  it('does nothing where nobody can answer, at once, and says that it waits for a person', async () => {
    bench = await start();
    const { code, value } = await json<Receipt>(...task('Change it', worker));
    expect([value.outcome.status, code]).toEqual(['needs-approval', 3]);
    expect(value.outcome.reason).toContain('2 actions that nobody answered');
    expect(value.questions).toMatchObject([
      { kind: 'action', decision: 'none', by: 'nobody' },
      { kind: 'action', decision: 'none', by: 'nobody' },
    ]);
    expect(value.denied).toBe(2);
    expect(told()).toContain('Nobody answered');
  });

  it('is cancelled while it waits', async () => {
    bench = await start();
    const id = await detached('Run it', worker);
    await opened();
    await json('cancel', id);
    const receipt = await settled(id);
    expect(receipt.outcome.status).toBe('cancelled');
    expect(receipt.questions).toMatchObject([{ decision: 'none', by: 'user' }]);
  });
});

it('keeps a yes for exactly that command in this project, and never for protected files', async () => {
  bench = await start();
  const id = await detached('Run it');
  await opened();
  expect((await json('approve', id, '--always')).code).toBe(0);
  expect((await settled(id)).outcome.status).toBe('succeeded');
  await json('undo', id);
  const again = (await json<Receipt>(...task('Run it'))).value;
  expect(again.questions).toMatchObject([{ kind: 'action', decision: 'allow', by: 'policy' }]);
  expect(again.outcome.status).toBe('succeeded');

  const guarded = await detached('Guard it');
  expect(await opened()).toMatchObject({ subject: 'Makefile', risk: 'protected' });
  const refused = await json<Refused>('approve', guarded, '--always');
  expect([refused.code, refused.value.error.code]).toEqual([3, 'never-always']);
  await json('cancel', guarded);

  expect((await json<{ forgotten: number }>('questions', '--forget')).value.forgotten).toBe(1);
  expect((await json<Receipt>(...task('Run it'))).value.outcome.status).toBe('needs-approval');
});

it('asks on the terminal: yes, and no with its reason', async () => {
  bench = await start();
  terminal = onTerminal([process.execPath, PROGRAM, ...task()], { cwd: bench.user.project, env: bench.user.env });
  const { type, shown, ended } = terminal;
  await until(() => shown().includes('[n] no  >'));
  expect(shown()).toContain('+"hello, world"');
  type('y\n');
  await until(() => shown().split('[n] no  >').length > 2);
  type('n\n');
  await until(() => shown().includes('Why not?'));
  type('not now\n');
  expect(await ended).toBe(0);
  expect(told()).toContain('not now');
});

it('does not ask a reader', async () => {
  bench = await createBench(
    { conversations: [{ turns: [{ calls: [{ run: 'echo read' }] }, { text: 'Read.' }] }] },
    { ask: 'action' },
  );
  const { value } = await json<Receipt>('dispatch', 'scout', 'Look', '--worker', NATIVE_CHAT);
  expect(value.outcome.status).toBe('succeeded');
  expect(value.questions).toEqual([]);
});
