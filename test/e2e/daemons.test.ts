/** Daemons that die without a word, or are of another version: always one, and nothing lost. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { decodeTime, ulid } from 'ulid';
import { afterEach, expect, it } from 'vitest';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { commandOf, ended, PROGRAM, receiptsOf, type User } from '../fixtures/pancode.ts';
import { type Bench, createBench, NATIVE_CHAT, until } from '../fixtures/workers.ts';

const SCRIPT = {
  conversations: [
    {
      when: 'Wait',
      turns: [
        { calls: [{ run: 'touch at-it; until [ -e go ]; do sleep 0.05; done; rm go at-it; echo work > work.txt' }] },
        { text: 'Done.' },
      ],
    },
    { turns: [{ text: 'Hello.' }] },
  ],
};

let bench: Bench;
afterEach(() => bench.close());

interface Status {
  running: boolean;
  pid: number;
  version: string;
}
const status = async (user: User) => (await user.json<Status>(['daemon', 'status'])).value;
/** Daemons of this user: their environment names the state. */
const daemons = (user: User) =>
  fs
    .readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && commandOf(pid).some((word) => word.endsWith('/daemon.js')) && belongs(pid, user));
const belongs = (pid: number, user: User) => {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(user.root);
  } catch {
    return false; // it ended while we looked
  }
};

it('what a dead daemon left at the socket’s place is replaced', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  await user.json(['ps']);
  const first = await status(user);
  const socket = path.join(user.state, 'daemon', 'sock');
  process.kill(first.pid, 'SIGKILL');
  await until(() => daemons(user).length === 0);
  expect(fs.lstatSync(socket).isSocket()).toBe(true);
  expect((await user.json(['ps'])).code).toBe(0);
  const second = await status(user);
  expect(second.pid).not.toBe(first.pid);

  process.kill(second.pid, 'SIGKILL');
  await until(() => daemons(user).length === 0);
  fs.rmSync(socket);
  fs.writeFileSync(socket, 'no socket at all');
  expect((await user.json(['ps'])).code).toBe(0);
  expect(daemons(user)).toHaveLength(1);
});

it('a daemon of another version is replaced, and its dispatch goes on', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  // The same program under an older number, as an upgrade finds it.
  const { version } = (await user.json<Status>(['daemon', 'start'])).value;
  await user.json(['daemon', 'stop']);
  const old = path.join(user.root, 'old');
  const root = path.dirname(path.dirname(PROGRAM));
  fs.cpSync(path.join(root, 'dist'), path.join(old, 'dist'), { recursive: true });
  for (const name of ['agents', 'bin']) fs.cpSync(path.join(root, name), path.join(old, name), { recursive: true });
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(old, 'node_modules'));
  for (const name of ['main.js', 'daemon.js']) {
    const file = path.join(old, 'dist', name);
    const text = fs.readFileSync(file, 'utf8');
    expect(text).toContain(`"${version}"`);
    fs.writeFileSync(file, text.replaceAll(`"${version}"`, '"0.0.1"'));
  }
  const args = ['dispatch', 'builder', 'Wait', '--worker', NATIVE_CHAT, '--detach', '--json'];
  const older = spawn(process.execPath, [path.join(old, 'bin', 'pancode.js'), ...args], {
    cwd: user.project,
    env: user.env,
  });
  const { stdout, stderr } = await ended(older);
  expect(stdout, stderr).not.toBe('');
  const { id } = JSON.parse(stdout) as { id: string };
  expect(await status(user)).toMatchObject({ running: true, version: '0.0.1' });
  const copy = path.join(user.state, 'dispatches', id, 'copy');
  await until(() => fs.existsSync(path.join(copy, 'at-it')));

  const { dispatches } = (await user.json<{ dispatches: { id: string }[] }>(['ps'])).value;
  expect(dispatches.map((each) => each.id)).toEqual([id]);
  expect(await status(user)).toMatchObject({ version });
  expect(daemons(user)).toHaveLength(1);
  fs.writeFileSync(path.join(copy, 'go'), '');
  const { value: receipt } = await user.json<Receipt>(['wait', id]);
  expect(receipt.outcome.status).toBe('succeeded');
  expect(receiptsOf(user)).toHaveLength(1);
  expect(fs.readFileSync(path.join(user.project, 'work.txt'), 'utf8')).toBe('work\n');
});

it('a stranger that listens at the socket’s place is not talked into anything', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const dir = path.join(user.state, 'daemon');
  fs.mkdirSync(dir, { recursive: true });
  const stranger = net.createServer((connection) => connection.resume().end('220 hello\r\n'));
  stranger.listen(path.join(dir, 'sock'));
  await new Promise((resolve) => stranger.once('listening', resolve));
  try {
    const { code, value } = await user.json<{ error?: { code: string; what: string; do: string } }>(['ps']);
    expect([code, value.error?.code]).toEqual([1, 'no-daemon']);
  } finally {
    await new Promise((resolve) => stranger.close(resolve));
  }
});

it('a dispatch after one from the future has the newer id', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  await user.json(['daemon', 'start']);
  const future = ulid(Date.now() + 86_400_000);
  fs.writeFileSync(path.join(user.state, 'last-id'), future);
  const { value } = await user.json<Receipt>(['dispatch', 'scout', 'Hi', '--worker', NATIVE_CHAT]);
  expect(value.id > future).toBe(true);
  expect(decodeTime(value.id)).toBe(decodeTime(future) + 1);
  expect(value.time.wallMs).toBeGreaterThan(0);
});
