/** Deaths: of the daemon, of the shim, of both, and of everything a cancelled agent started. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { applyChanges } from '../../src/drivers/workspace/apply.ts';
import { inspectProject } from '../../src/drivers/workspace/inspect.ts';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { commandOf, ended, processesOf, receiptsOf, treeState } from '../fixtures/pancode.ts';
import { type Bench, CLAUDE, createBench, NATIVE_CHAT, until } from '../fixtures/workers.ts';

/** It writes a file, then a command ignores SIGTERM until the test makes a file named `go` in its copy. */
const SCRIPT = {
  conversations: [
    {
      when: 'Take your time',
      turns: [
        { calls: [{ write: { path: 'work.txt', content: 'half of it\n' } }] },
        { calls: [{ run: "trap '' TERM INT HUP; touch at-it; until [ -e go ]; do sleep 0.05; done; rm go at-it" }] },
        { text: 'Through.' },
      ],
    },
  ],
};

/** A zombie is dead. */
function processAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false; // there is no such process
  }
}

let bench: Bench;
afterEach(() => bench.close());

async function begin(worker: string): Promise<string> {
  bench = await createBench(SCRIPT);
  const { value } = await bench.user.json<{ id: string }>([
    'dispatch',
    'builder',
    'Take your time',
    '--worker',
    worker,
    '--detach',
  ]);
  await until(() => fs.existsSync(path.join(copyOf(value.id), 'at-it')));
  return value.id;
}
const copyOf = (id: string) => path.join(bench.user.state, 'dispatches', id, 'copy');
const letGo = (id: string) => fs.writeFileSync(path.join(copyOf(id), 'go'), '');
const journal = (id: string) =>
  fs
    .readFileSync(path.join(bench.user.state, 'dispatches', id, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JournalEvent);
const shimOf = (id: string) => (journal(id).find((event) => event.type === 'started') as { pid: number }).pid;
const daemonPid = async () => (await bench.user.json<{ pid: number }>(['daemon', 'status'])).value.pid;

describe.each([CLAUDE, NATIVE_CHAT])('%s', (worker) => {
  it('finishes when the daemon is killed, with one receipt and no event lost or doubled', async () => {
    const id = await begin(worker);
    const { user } = bench;
    const logs = user.start(['logs', id, '-f', '--json']);
    const followed = ended(logs);
    process.kill(await daemonPid(), 'SIGKILL');
    letGo(id);
    const { code, value: receipt } = await user.json<Receipt>(['wait', id]);
    expect([receipt.outcome.status, receipt.outcome.reason, code]).toEqual(['succeeded', expect.any(String), 0]);
    expect(receiptsOf(user).map((each) => each.id)).toEqual([id]);
    expect(fs.readFileSync(path.join(user.project, 'work.txt'), 'utf8')).toBe('half of it\n');
    const seen = (await followed).stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as JournalEvent).seq);
    expect(seen).toEqual(journal(id).map((event) => event.seq));
    expect(processesOf(id)).toEqual([]);
  });

  it('is crashed when its shim is killed: nothing lives on, the work is in its ref', async () => {
    const id = await begin(worker);
    const { user } = bench;
    const before = treeState(user.project);
    process.kill(shimOf(id), 'SIGKILL');
    const { code, value: receipt } = await user.json<Receipt>(['wait', id]);
    expect([receipt.outcome.status, code]).toEqual(['crashed', 1]);
    expect(user.git('show', `${receipt.changes.ref}:work.txt`)).toBe('half of it\n');
    expect(processesOf(id)).toEqual([]);
    expect(treeState(user.project)).toEqual(before);
    expect(receiptsOf(user)).toHaveLength(1);
  });

  it('is crashed after the next start when daemon and shim are killed', async () => {
    const id = await begin(worker);
    const { user } = bench;
    process.kill(await daemonPid(), 'SIGKILL');
    process.kill(shimOf(id), 'SIGKILL');
    // Without any daemon: the agent process dies with its shim by itself.
    await until(() => processesOf(id).length === 0);
    expect(receiptsOf(user)).toEqual([]);
    const { value: receipt } = await user.json<Receipt>(['wait', id]);
    expect(receipt.outcome.status).toBe('crashed');
    expect(user.git('show', `${receipt.changes.ref}:work.txt`)).toBe('half of it\n');
    expect(receiptsOf(user)).toHaveLength(1);
  });

  it('loses nothing when the sandbox that waits for its end is killed', async () => {
    const id = await begin(worker);
    const { user } = bench;
    const waits = () => processesOf(id).filter((pid) => commandOf(pid).join('\0').startsWith('/bin/sh\0-c\0\nset -u'));
    await until(() => waits().length === 1);
    for (const pid of waits()) process.kill(pid, 'SIGKILL');
    letGo(id);
    const { value: receipt } = await user.json<Receipt>(['wait', id]);
    expect(receipt.outcome.status).toBe('succeeded');
    expect(fs.readFileSync(path.join(user.project, 'work.txt'), 'utf8')).toBe('half of it\n');
    expect(processesOf(id)).toEqual([]);
  });

  it('leaves nothing alive when it is cancelled while a command ignores every signal it can', async () => {
    const id = await begin(worker);
    const { user } = bench;
    const { code, value } = await user.json<{ cancelled: string[] }>(['cancel', id]);
    expect([code, value.cancelled]).toEqual([0, [id]]);
    expect(processesOf(id)).toEqual([]);
    const [receipt] = receiptsOf(user);
    expect(receipt?.outcome.status).toBe('cancelled');
    expect(user.git('show', `${receipt?.changes.ref}:work.txt`)).toBe('half of it\n');
    expect((await user.json<Receipt>(['wait', id])).code).toBe(130);
  });
});

describe('the daemon', () => {
  it('goes on with dispatches after a polite stop, and takes them along with --workers', async () => {
    const id = await begin(NATIVE_CHAT);
    const { user } = bench;
    await user.json(['daemon', 'stop']);
    expect(processesOf(id).length).toBeGreaterThan(0);
    expect((await user.json<{ running: boolean }>(['daemon', 'status'])).value.running).toBe(false);
    const { value: listed } = await user.json<{ dispatches: { id: string; state: string; pid: number | null }[] }>([
      'ps',
    ]);
    expect(listed.dispatches).toMatchObject([{ id, state: 'working' }]);
    await user.json(['daemon', 'stop', '--workers']);
    expect(processesOf(id)).toEqual([]);
    expect(receiptsOf(user)[0]?.outcome.status).toBe('cancelled');
  });

  it('ends when its directory is removed', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const { pid } = (await user.json<{ pid: number }>(['daemon', 'start'])).value;
    fs.rmSync(user.state, { recursive: true });
    await until(() => !processAlive(pid));
  });

  it('is one, however many commands start it at once', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const answers = await Promise.all(Array.from({ length: 6 }, () => user.json<{ pid: number }>(['daemon', 'start'])));
    expect(new Set(answers.map((answer) => answer.value.pid)).size).toBe(1);
  });
});

it('records an apply that was done by a daemon that died before it could say so', async () => {
  bench = await createBench({
    conversations: [{ turns: [{ calls: [{ write: { path: 'new.txt', content: 'x' } }] }, { text: 'Done.' }] }],
  });
  const { user } = bench;
  const before = treeState(user.project);
  const { value: receipt } = await user.json<Receipt>([
    'dispatch',
    'builder',
    'Write',
    '--worker',
    NATIVE_CHAT,
    '--no-apply',
  ]);
  await user.json(['daemon', 'stop']);
  const host = { home: user.home, path: process.env.PATH ?? '' };
  const journalDir = path.join(user.state, 'dispatches', receipt.id, 'apply');
  await applyChanges(await inspectProject(user.project, host), host, {
    id: receipt.id,
    base: receipt.base?.commit ?? '',
    result: receipt.changes.ref ?? '',
    journalDir,
  });
  expect(fs.existsSync(path.join(user.project, 'new.txt'))).toBe(true);
  expect((await user.json<{ error?: { code: string } }>(['apply', receipt.id])).value.error?.code).toBe(
    'already-applied',
  );
  const { value: shown } = await user.json<{ amendments: { type: string; by: string }[] }>([
    'receipts',
    'show',
    receipt.id,
  ]);
  expect(shown.amendments).toMatchObject([{ type: 'apply', by: 'user', files: ['new.txt'] }]);
  expect((await user.json(['undo', receipt.id])).code).toBe(0);
  expect(treeState(user.project)).toEqual(before);
});

/** Live shims of one state directory. */
const shimsOf = (state: string) =>
  fs
    .readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && processAlive(Number(pid)))
    .filter((pid) => {
      const words = commandOf(Number(pid));
      return words.includes(state) && words.some((word) => word.endsWith('shim.js'));
    });

describe('in the first moments', () => {
  const QUICK = {
    conversations: [
      { turns: [{ calls: [{ write: { path: 'new.txt', content: 'x' } }], delayMs: 300 }, { text: 'Done.' }] },
    ],
  };
  const dispatchArgs = ['dispatch', 'builder', 'Write it', '--worker', NATIVE_CHAT, '--json'];
  /** When a file of that name is in the directory of any dispatch. */
  const appears = (name: string) => {
    const dir = path.join(bench.user.state, 'dispatches');
    return until(
      () => fs.existsSync(dir) && fs.readdirSync(dir).some((id) => fs.existsSync(path.join(dir, id, name))),
      0,
    );
  };

  it.each(['job.json', 'shim.log', 'shim.lock', 'journal.jsonl', 'result.json'])(
    'the daemon is killed when %s appears: one dispatch, one receipt, and it succeeds',
    async (name) => {
      bench = await createBench(QUICK);
      const { user } = bench;
      const pid = (await user.json<{ pid: number }>(['daemon', 'start'])).value.pid;
      const ran = ended(user.start(dispatchArgs));
      await appears(name);
      process.kill(pid, 'SIGKILL');
      const { code, stdout, stderr } = await ran;
      const receipt = JSON.parse(stdout) as Receipt;
      expect([receipt.outcome?.status, receipt.outcome?.reason, code, stderr]).toEqual([
        'succeeded',
        expect.any(String),
        0,
        '',
      ]);
      expect(receiptsOf(user).map((each) => each.id)).toEqual([receipt.id]);
      expect(fs.readFileSync(path.join(user.project, 'new.txt'), 'utf8')).toBe('x');
      await until(() => processesOf(receipt.id).length === 0);
      expect(fs.readdirSync(path.join(user.state, 'dispatches'))).toEqual([receipt.id]);
    },
  );

  it('a dispatch that is not admitted leaves neither a directory nor a process', async () => {
    bench = await createBench(QUICK);
    const { user } = bench;
    expect((await user.json([...dispatchArgs, '--mode', 'plan'])).code).toBe(3);
    expect((await user.json(['dispatch', 'nobody', 'Write it'])).code).toBe(2);
    expect(fs.readdirSync(path.join(user.state, 'dispatches'))).toEqual([]);
    await until(() => shimsOf(user.state).length === 0);
  });

  it('what waits in the queue has no process yet', async () => {
    bench = await createBench(SCRIPT, { limits: { concurrency: 1 } });
    const { user } = bench;
    const task = ['dispatch', 'builder', 'Take your time', '--worker', NATIVE_CHAT, '--detach'];
    const all = await Promise.all(Array.from({ length: 6 }, () => user.json<{ id: string }>(task)));
    expect(new Set(all.map(({ value }) => value.id)).size).toBe(6);
    await until(() => shimsOf(user.state).length === 1);
    const { value } = await user.json<{ dispatches: { state: string }[] }>(['ps']);
    expect(value.dispatches.filter(({ state }) => state === 'queued')).toHaveLength(5);
    expect(shimsOf(user.state)).toHaveLength(1);
  });

  it('a daemon that is killed while it admits leaves no process', async () => {
    bench = await createBench(QUICK);
    const { user } = bench;
    const pid = (await user.json<{ pid: number }>(['daemon', 'start'])).value.pid;
    const child = user.start(dispatchArgs);
    await until(() => shimsOf(user.state).length > 0, 0);
    process.kill(child.pid as number, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await until(() => !processAlive(pid));
    const [directory] = fs.readdirSync(path.join(user.state, 'dispatches'));
    // Accepted before the kill or not: either it is run to its end by the next daemon, or nothing of it is left.
    const accepted = fs.existsSync(path.join(user.state, 'dispatches', directory as string, 'job.json'));
    await user.json(['daemon', 'start']);
    if (accepted) await user.json(['wait', directory as string]);
    else expect(fs.readdirSync(path.join(user.state, 'dispatches'))).toEqual([]);
    await until(() => shimsOf(user.state).length === 0);
  });

  it.each(['job.json', 'shim.log', 'copy'])(
    'an interrupt when %s appears stops it, and nothing is changed',
    async (name) => {
      bench = await createBench(QUICK);
      const { user } = bench;
      const before = treeState(user.project);
      const child = user.start(dispatchArgs);
      const ran = ended(child);
      await appears(name);
      child.kill('SIGINT');
      const { code, stdout } = await ran;
      const receipt = JSON.parse(stdout) as Receipt;
      expect([receipt.outcome.status, code]).toEqual(['cancelled', 130]);
      expect(receiptsOf(user)).toHaveLength(1);
      expect(treeState(user.project)).toEqual(before);
    },
  );
});

it('keeps the work when the journal of a killed dispatch has lost its beginning', async () => {
  const id = await begin(NATIVE_CHAT);
  const { user } = bench;
  process.kill(await daemonPid(), 'SIGKILL');
  process.kill(shimOf(id), 'SIGKILL');
  await until(() => processesOf(id).length === 0);
  const file = path.join(user.state, 'dispatches', id, 'journal.jsonl');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').split('\n').slice(4).join('\n'));
  const { value: receipt } = await user.json<Receipt>(['wait', id]);
  expect(receipt.outcome.status).toBe('crashed');
  expect(user.git('show', `refs/pancode/${id}/result:work.txt`)).toBe('half of it\n');
});
