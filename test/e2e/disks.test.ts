/** Disks that are full from the start or on the way, and states that cannot be used: one sentence, the tree untouched, nothing lost. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { SalvageItem } from '../../src/control/salvage.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { ended, processesOf, receiptsOf, treeState, type User } from '../fixtures/pancode.ts';
import { type Bench, createBench, NATIVE_CHAT, until } from '../fixtures/workers.ts';

const filling = (file: string, bytes = 300e6) => [
  { calls: [{ write: { path: 'work.txt', content: 'the work\n' } }] },
  { calls: [{ run: `mkdir -p ignored; head -c ${bytes} /dev/urandom > ${file}; true` }] },
  { calls: [{ run: 'echo more' }] },
  { text: 'Done.' },
];
const SCRIPT = {
  conversations: [
    { when: 'Fill the copy', turns: filling('big.bin') },
    { when: 'Half fill', turns: filling('big.bin', 45e6) },
    { when: 'Fill beside', turns: filling('ignored/big.bin') },
    {
      when: 'Wait',
      turns: [
        { calls: [{ write: { path: 'work.txt', content: 'the work\n' } }] },
        { calls: [{ run: 'touch at-it; until [ -e go ]; do sleep 0.05; done; rm go at-it' }] },
        ...Array.from({ length: 200 }, (_, n) => ({ calls: [{ run: `echo ${n}` }] })),
        { text: 'Done.' },
      ],
    },
    { when: 'Work', turns: [{ calls: [{ write: { path: 'work.txt', content: 'the work\n' } }] }, { text: 'Done.' }] },
  ],
};

interface Failure {
  error: { code: string; what: string; do: string };
}

let bench: Bench;
let mounted: string | null = null;
afterEach(async () => {
  await bench.user.pancode(['daemon', 'stop', '--workers']);
  if (mounted) execFileSync('umount', ['-l', mounted]);
  mounted = null;
  await bench.close();
});

/** A file system of its own in memory as the state directory. */
function mountState(user: User, options: string): void {
  fs.mkdirSync(user.state, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', user.state]);
  mounted = user.state;
}
const remount = (options: string) => execFileSync('mount', ['-o', `remount,${options}`, mounted as string]);
/** Only root may mount; without it there is no small disk to fill. */
const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

const dispatch = (task: string) => ['dispatch', 'builder', task, '--worker', NATIVE_CHAT];
const fails = async (user: User, task: string) => {
  const before = treeState(user.project);
  const { code, value } = await user.json<Failure>(dispatch(task));
  expect(value.error, JSON.stringify(value)).toBeDefined();
  expect(treeState(user.project)).toEqual(before);
  return { exit: code, ...value.error };
};

describe.skipIf(!mayMount)('a disk', () => {
  it('that is full is said before anything starts, and again when there is too little', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    mountState(user, 'size=8m');
    const ballast = path.join(user.state, 'ballast');
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M'], { stdio: 'ignore' });
    const full = await fails(user, 'Work');
    expect([full.exit, full.code, full.what]).toEqual([1, 'disk-full', expect.stringContaining(user.state)]);
    fs.rmSync(ballast);
    const little = await fails(user, 'Work');
    expect([little.exit, little.code, little.what]).toEqual([1, 'disk-full', expect.stringMatching(/has \d+ MB left/)]);
    expect(fs.readdirSync(path.join(user.state, 'dispatches'))).toEqual([]);
    // It fills up while the daemon is there.
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], { stdio: 'ignore' });
    expect((await fails(user, 'Work')).code).toBe('disk-full');
    fs.rmSync(ballast);
    remount('size=256m');
    expect((await user.json<Receipt>(dispatch('Work'))).value.outcome.status).toBe('succeeded');
  });

  it('that an agent fills with its work: what cannot be brought into git is kept, and brought back later', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    mountState(user, 'size=48m');
    const before = treeState(user.project);
    const { value: receipt, code } = await user.json<Receipt>(dispatch('Fill the copy'));
    expect([code, receipt.outcome.status]).toEqual([1, 'lost']);
    expect(receipt.outcome.reason).toMatch(/(no space|disk ?space).*kept in .*pancode salvage/is);
    expect(processesOf(receipt.id)).toEqual([]);
    expect(treeState(user.project)).toEqual(before);
    const early = (await user.json<Failure>(['salvage', receipt.id])).value.error;
    expect([early.code, early.what]).toEqual(['not-saved', expect.stringMatching(/no space|disk ?space/i)]);
    remount('size=900m');
    const { value } = await user.json<{ items: SalvageItem[] }>(['salvage', receipt.id]);
    expect(value.items).toMatchObject([{ id: receipt.id, copy: null }]);
    expect(user.git('show', `${value.items[0]?.ref}:work.txt`)).toBe('the work\n');
    expect(treeState(user.project)).toEqual(before);
  });

  it('that an agent fills beside its work: the work still comes into git', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    mountState(user, 'size=48m');
    const { value: receipt } = await user.json<Receipt>([...dispatch('Fill beside'), '--no-apply']);
    expect(receipt.outcome.status, receipt.outcome.reason).not.toBe('lost');
    expect(receipt.changes.ignored).toEqual(['ignored/']);
    expect(user.git('show', `${receipt.changes.ref}:work.txt`)).toBe('the work\n');
  });

  it('that is full while the journal is written stops the agent, and everything is there when there is room again', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    mountState(user, 'size=48m');
    const before = treeState(user.project);
    const done = ended(user.start([...dispatch('Wait'), '--json']));
    const copy = () =>
      path.join(user.state, 'dispatches', fs.readdirSync(path.join(user.state, 'dispatches'))[0] ?? '', 'copy');
    await until(() => fs.existsSync(path.join(user.state, 'dispatches')) && fs.existsSync(path.join(copy(), 'at-it')));
    const ballast = path.join(user.state, 'ballast');
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], { stdio: 'ignore' });
    fs.writeFileSync(path.join(copy(), 'go'), '');
    const { stdout, code } = await done;
    const receipt = JSON.parse(stdout) as Receipt;
    expect([code, receipt.outcome.status]).toEqual([1, 'failed']);
    expect(receipt.outcome.reason).toContain('disk that keeps its journal is full');
    expect(user.git('show', `${receipt.changes.ref}:work.txt`)).toBe('the work\n');
    expect(processesOf(receipt.id)).toEqual([]);
    expect(treeState(user.project)).toEqual(before);
    fs.rmSync(ballast);
    expect((await user.json<{ faults: object[] }>(['receipts', 'verify'])).value.faults).toEqual([]);
    expect(receiptsOf(user)).toHaveLength(1);
  });

  it('of a repository that is full, or becomes full, is said, and no work is lost', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const cwd = path.join(user.home, 'small');
    fs.mkdirSync(cwd);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', cwd]);
    mounted = cwd;
    const git = (...args: string[]) => execFileSync('git', args, { cwd, env: user.env, encoding: 'utf8' });
    git('init', '-q');
    fs.writeFileSync(path.join(cwd, '.gitignore'), 'ballast\n');
    fs.writeFileSync(path.join(cwd, 'ballast'), Buffer.alloc(20e6));
    const full = await user.json<Failure>(dispatch('Fill the copy'), { cwd });
    expect([full.code, full.value.error.code, full.value.error.what]).toEqual([
      1,
      'disk-full',
      expect.stringContaining(cwd),
    ]);
    fs.rmSync(path.join(cwd, 'ballast'));
    const before = treeState(cwd);
    const { value: receipt, code } = await user.json<Receipt>(dispatch('Half fill'), { cwd });
    expect([code, receipt.outcome.status]).toEqual([1, 'lost']);
    expect(treeState(cwd)).toEqual(before);
    remount('size=400m');
    const { value } = await user.json<{ items: SalvageItem[] }>(['salvage', receipt.id], { cwd });
    expect(git('show', `${value.items[0]?.ref}:work.txt`)).toBe('the work\n');
    expect(treeState(cwd)).toEqual(before);
  });

  it('that is read-only is said, and what is in git is found all the same', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    mountState(user, 'ro');
    const { exit, code, what } = await fails(user, 'Work');
    expect([exit, code, what]).toEqual([2, 'read-only', expect.stringContaining(user.state)]);
    user.git('update-ref', 'refs/pancode/01AAAAAAAAAAAAAAAAAAAAAAAA/result', 'HEAD');
    const { code: found, value } = await user.json<{ items: SalvageItem[] }>(['salvage']);
    expect([found, value.items.map(({ id }) => id)]).toEqual([0, ['01AAAAAAAAAAAAAAAAAAAAAAAA']]);
  });
});

it('a state directory that is a file, or cannot be written by this user, is said', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  fs.writeFileSync(user.state, 'mine');
  const { exit, code } = await fails(user, 'Work');
  expect([exit, code]).toEqual([2, 'no-directory']);
  expect(fs.readFileSync(user.state, 'utf8')).toBe('mine');
  fs.rmSync(user.state);
  if (process.getuid?.() === 0) return; // nothing is closed to root
  fs.mkdirSync(user.state, { mode: 0o500 });
  const closed = await fails(user, 'Work');
  fs.chmodSync(user.state, 0o700);
  expect([closed.exit, closed.code]).toEqual([2, 'read-only']);
});

it('a receipt that cannot be written yet is told to whoever waits, and written when it can be', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  await user.json(['daemon', 'start']);
  const receipts = path.join(user.state, 'receipts.jsonl');
  fs.mkdirSync(receipts); // nobody can append to a directory
  const client = user.start(dispatch('Work'));
  let said = '';
  client.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const done = ended(client);
  await until(() => said.includes('receipt cannot be written yet'));
  const { dispatches } = (await user.json<{ dispatches: { reason: string }[] }>(['ps'])).value;
  expect(dispatches[0]?.reason).toContain('receipt cannot be written yet');
  fs.rmdirSync(receipts);
  expect((await done).code).toBe(0);
  expect(receiptsOf(user).map(({ outcome }) => outcome.status)).toEqual(['succeeded']);
  expect(fs.readFileSync(path.join(user.project, 'work.txt'), 'utf8')).toBe('the work\n');
});
