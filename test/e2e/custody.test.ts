/** Nothing is lost: discarded work comes back, work is found by git alone, and what is old goes only when a person says so. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { PruneReport } from '../../src/control/prune.ts';
import type { SalvageItem } from '../../src/control/salvage.ts';
import type { Amendment, Receipt } from '../../src/protocol/receipt.ts';
import { receiptsOf, treeState, type User } from '../fixtures/pancode.ts';
import { type Bench, createBench, NATIVE_CHAT } from '../fixtures/workers.ts';

const write = (file: string, content: string) => ({ write: { path: file, content } });
const SCRIPT = {
  conversations: [
    {
      when: 'Work',
      turns: [
        {
          calls: [
            write('work.txt', 'the work\n'),
            write('ignored/left.txt', 'left\n'),
            write('src/app.js', 'better\n'),
          ],
        },
        { text: 'Done.' },
      ],
    },
    { when: 'Look', turns: [{ text: 'Looked.' }] },
  ],
};

let bench: Bench;
afterEach(() => bench.close());

interface Failure {
  error: { code: string; what: string; do: string };
}
const dispatch = async (task = 'Work', ...more: string[]): Promise<Receipt> => {
  const { value } = await bench.user.json<Receipt>(['dispatch', 'builder', task, '--worker', NATIVE_CHAT, ...more]);
  expect(value.outcome, JSON.stringify(value)).toBeDefined();
  return value;
};
const salvage = async (...args: string[]) =>
  (await bench.user.json<{ items: SalvageItem[] } & Partial<Failure>>(['salvage', ...args])).value;
const refs = (user: User) =>
  user.git('for-each-ref', '--format=%(refname)', 'refs/pancode').split('\n').filter(Boolean);
const FILES = ['src/app.js', 'work.txt'];

describe('discard', () => {
  it('is a no that can be taken back', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const { id, changes } = await dispatch('Work', '--no-apply');
    const before = treeState(user.project);
    const { code, value: amendment } = await user.json<Amendment>(['discard', id.slice(0, 20)]);
    expect([code, amendment.id, amendment.type, amendment.by, amendment.files]).toEqual([0, id, 'discard', 'user', []]);
    expect(refs(user).every((ref) => ref.startsWith(`refs/pancode/trash/${id}/`))).toBe(true);
    const gone = await user.json<Failure>(['apply', id]);
    expect([gone.code, gone.value.error.do]).toEqual([1, expect.stringContaining('salvage')]);
    expect((await user.json<Failure>(['discard', id])).value.error.code).toBe('already-discarded');
    expect(await salvage()).toMatchObject({ items: [{ id, discarded: true, files: FILES }] });
    expect(treeState(user.project)).toEqual(before);

    expect(await salvage(id)).toMatchObject({ items: [{ id, ref: changes.ref, files: FILES, discarded: false }] });
    expect((await user.json<Amendment>(['apply', id])).code).toBe(0);
    expect(fs.readFileSync(path.join(user.project, 'work.txt'), 'utf8')).toBe('the work\n');
    expect((await user.json<Failure>(['discard', id])).value.error.code).toBe('already-applied');
    const { value } = await user.json<{ amendments: Amendment[] }>(['receipts', 'show', id]);
    expect(value.amendments.map(({ type }) => type)).toEqual(['discard', 'apply']);
    expect((await user.json<{ faults: object[] }>(['receipts', 'verify'])).value.faults).toEqual([]);
  });

  it('is written down by the next one where a daemon died in the middle', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const { id } = await dispatch('Work', '--no-apply');
    // As it died: the refs are moved, and nothing says so.
    for (const name of ['base', 'result']) {
      user.git('update-ref', `refs/pancode/trash/${id}/${name}`, `refs/pancode/${id}/${name}`);
      user.git('update-ref', '-d', `refs/pancode/${id}/${name}`);
    }
    expect((await user.json<Amendment>(['discard', id])).value).toMatchObject({ id, type: 'discard' });
    expect((await user.json<Failure>(['discard', id])).value.error.code).toBe('already-discarded');
  });

  it('says what it cannot do', async () => {
    bench = await createBench(SCRIPT);
    const looked = await dispatch('Look');
    const { code, value } = await bench.user.json<Failure>(['discard', looked.id]);
    expect([code, value.error.code]).toEqual([1, 'nothing-to-discard']);
    expect((await bench.user.json<Failure>(['discard', 'NOSUCH'])).value.error.code).toBe('unknown-dispatch');
    expect((await salvage()).items).toEqual([]);
    expect((await salvage('NOSUCH')).error?.code).toBe('unknown-dispatch');
  });
});

it('works the same for a project that is no git repository', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const cwd = path.join(user.home, 'no repository');
  fs.mkdirSync(cwd);
  fs.writeFileSync(path.join(cwd, 'notes.txt'), 'mine\n');
  const args = ['dispatch', 'builder', 'Work', '--worker', NATIVE_CHAT, '--no-apply'];
  const { value: receipt } = await user.json<Receipt>(args, { cwd });
  expect(receipt.outcome?.status, JSON.stringify(receipt)).toBe('succeeded');
  const before = treeState(cwd);
  expect((await user.json<Amendment>(['discard', receipt.id], { cwd })).value.type).toBe('discard');
  expect((await user.json<{ items: SalvageItem[] }>(['salvage'], { cwd })).value.items).toMatchObject([
    { id: receipt.id, discarded: true },
  ]);
  const back = await user.pancode(['salvage', receipt.id], { cwd });
  expect([back.code, back.stdout]).toEqual([0, expect.stringContaining('git --git-dir=')]);
  expect(treeState(cwd)).toEqual(before);
  // The command it names brings the work into the files.
  const command = back.stdout.split('\n').find((line) => line.startsWith('Without PanCode:')) as string;
  execFileSync('sh', ['-c', command.slice(command.indexOf('cd '))], { cwd: '/', env: user.env });
  expect(fs.readFileSync(path.join(cwd, 'work.txt'), 'utf8')).toBe('the work\n');
});

describe('salvage', () => {
  it('finds work when everything of ours is gone, and starts no daemon', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const { id } = await dispatch('Work', '--no-apply');
    const before = treeState(user.project);
    await user.json(['daemon', 'stop']);
    fs.rmSync(path.join(user.root, 'pancode'), { recursive: true });
    const { items } = await salvage();
    expect(items).toEqual([
      { id, ref: `refs/pancode/${id}/result`, files: FILES, discarded: false, copy: null, beside: null, task: null },
    ]);
    expect((await salvage(id.slice(0, 12).toLowerCase())).items[0]?.ref).toBe(`refs/pancode/${id}/result`);
    expect(user.git('show', `${items[0]?.ref}:work.txt`)).toBe('the work\n');
    expect((await user.json<{ running: boolean }>(['daemon', 'status'])).value.running).toBe(false);
    expect(treeState(user.project)).toEqual(before);
  });

  it.each([true, false])('brings a copy that is in no ref into one (with its job: %s)', async (withJob) => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const { id } = await dispatch('Work', '--no-apply');
    await user.json(['daemon', 'stop']);
    // As a crash leaves it: a copy with work, its snapshot in a ref, and no record of anything.
    const [base, result] = [`refs/pancode/${id}/base`, `refs/pancode/${id}/result`];
    const dir = path.join(user.state, 'dispatches', id);
    const copy = path.join(dir, 'copy');
    user.git('clone', '-q', '--shared', '--no-checkout', '.', copy);
    user.git('-C', copy, 'fetch', '-q', user.project, base);
    user.git('-C', copy, 'checkout', '-q', '--detach', 'FETCH_HEAD');
    fs.writeFileSync(path.join(copy, 'work.txt'), 'only here\n');
    fs.mkdirSync(path.join(copy, 'ignored'));
    fs.writeFileSync(path.join(copy, 'ignored', 'left.txt'), 'only here too\n');
    user.git('update-ref', '-d', result);
    for (const name of fs.readdirSync(user.state))
      if (name !== 'dispatches') fs.rmSync(path.join(user.state, name), { recursive: true });
    for (const name of fs.readdirSync(dir))
      if (name !== 'copy' && !(withJob && name === 'job.json')) fs.rmSync(path.join(dir, name), { recursive: true });
    const before = treeState(user.project);

    if (!withJob) await user.json(['ps']); // a daemon that starts does not take it for an admission that was cut off
    expect((await salvage()).items).toMatchObject([
      { id, ref: null, files: null, copy, task: withJob ? 'Work' : null },
    ]);
    const { items } = await salvage(id);
    expect(items).toMatchObject([{ id, ref: result, files: ['work.txt'], copy: null }]);
    expect(user.git('show', `${result}:work.txt`)).toBe('only here\n');
    expect(fs.readFileSync(path.join(items[0]?.beside ?? '', 'ignored', 'left.txt'), 'utf8')).toBe('only here too\n');
    expect(fs.existsSync(copy)).toBe(false);
    expect(treeState(user.project)).toEqual(before);
  });
});

it('new ignored files are in the receipt and in the trash, and the copy is gone', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const { id, changes, base } = await dispatch();
  expect(changes.ignored).toEqual(['ignored/']);
  expect(base?.omitted).toEqual(['.env']);
  expect(user.git('ls-tree', '-r', '--name-only', `refs/pancode/${id}/base`)).not.toContain('.env');
  const trash = path.join(user.state, 'trash', id);
  expect(fs.readFileSync(path.join(trash, 'files', 'ignored', 'left.txt'), 'utf8')).toBe('left\n');
  expect(JSON.parse(fs.readFileSync(path.join(trash, 'kept.json'), 'utf8'))).toMatchObject({
    project: user.project,
    files: [{ path: 'ignored', bytes: 5, kept: true }],
  });
  expect(fs.existsSync(path.join(user.state, 'dispatches', id, 'copy'))).toBe(false);
  expect((await salvage()).items).toMatchObject([{ id, beside: path.join(trash, 'files') }]);
});

describe('prune', () => {
  it('removes what was kept long enough, says how much nobody decided about, and leaves the rest', async () => {
    bench = await createBench(SCRIPT, { keep: { refsDays: 1e-9, journalDays: 1e-9, trashDays: 1e-9 } });
    const { user } = bench;
    const open = await dispatch('Work', '--no-apply');
    const no = await dispatch('Work', '--no-apply');
    const yes = await dispatch();
    await user.json(['discard', no.id]);
    const foreign = 'refs/pancode/01AAAAAAAAAAAAAAAAAAAAAAAA/result';
    user.git('update-ref', foreign, 'HEAD');
    const before = {
      refs: refs(user),
      tree: treeState(user.project),
      receipts: fs.readFileSync(path.join(user.state, 'receipts.jsonl'), 'utf8'),
    };

    user.configure({ ...configOf(user), keep: { refsDays: 1, journalDays: 1, trashDays: 1 } });
    const none = (await user.json<PruneReport>(['prune'])).value;
    expect([none.removed, none.freedBytes, none.undecided]).toEqual([[], 0, []]);
    user.configure({ ...configOf(user), keep: { refsDays: 1e-9, journalDays: 1e-9, trashDays: 1e-9 } });
    const dry = (await user.json<PruneReport>(['prune', '--dry-run'])).value;
    expect(refs(user)).toEqual(before.refs);
    expect(fs.existsSync(path.join(user.state, 'dispatches', yes.id, 'journal.jsonl'))).toBe(true);

    const { code, value } = await user.json<PruneReport>(['prune']);
    expect(code).toBe(0);
    expect(value).toEqual({ ...dry, dryRun: false });
    const what = (id: string) =>
      value.removed
        .filter((one) => one.id === id)
        .map((one) => one.what)
        .sort();
    expect(what(open.id)).toEqual(['journal', 'refs', 'trash']);
    expect(what(no.id)).toEqual(['journal', 'refs', 'trash']);
    expect(what(yes.id)).toEqual(['journal', 'refs', 'trash', 'undo']);
    expect(value.undecided).toEqual([open.id]);
    expect(value.freedBytes).toBeGreaterThan(1_000);
    expect(refs(user)).toEqual([foreign]);
    expect(fs.readdirSync(path.join(user.state, 'dispatches'))).toEqual([]);
    expect(fs.readdirSync(path.join(user.state, 'trash'))).toEqual([]);
    expect(treeState(user.project)).toEqual(before.tree);
    expect(fs.readFileSync(path.join(user.state, 'receipts.jsonl'), 'utf8')).toBe(before.receipts);
    expect(receiptsOf(user)).toHaveLength(3);
    // What it was is still known, and that it is gone is said.
    expect((await user.json<Receipt>(['wait', open.id])).value.id).toBe(open.id);
    expect((await user.json<Failure>(['apply', open.id])).value.error.code).toBe('no-commit');
    expect((await user.pancode(['prune'])).stdout).toContain('Nothing');
  });

  it('never touches a copy whose work is in no ref', async () => {
    bench = await createBench(SCRIPT, { keep: { refsDays: 1e-9, journalDays: 1e-9, trashDays: 1e-9 } });
    const { user } = bench;
    const { id } = await dispatch('Work', '--no-apply');
    const copy = path.join(user.state, 'dispatches', id, 'copy');
    fs.mkdirSync(copy);
    fs.writeFileSync(path.join(copy, 'only-here'), '');
    const { value } = await user.json<PruneReport>(['prune']);
    expect([value.unsaved, value.removed.map(({ what }) => what)]).toEqual([[id], ['trash']]);
    expect(fs.existsSync(path.join(copy, 'only-here'))).toBe(true);
    expect(refs(user)).toContain(`refs/pancode/${id}/base`);
  });
});

const configOf = (user: User): object =>
  parse(fs.readFileSync(path.join(user.root, 'pancode', 'config', 'config.yaml'), 'utf8'));
