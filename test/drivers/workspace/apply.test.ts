import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyChanges, recoverApply } from '../../../src/drivers/workspace/apply.ts';
import { appliedRef } from '../../../src/drivers/workspace/refs.ts';
import { undoApply } from '../../../src/drivers/workspace/undo.ts';
import { at, filesIn, gitDirectory, type Repository, repository, userView, type Work, work } from './work-tree.ts';

const apply = async (repo: Repository, done: Work, more: { only?: string[]; onStep?: (step: string) => void } = {}) =>
  applyChanges(await repo.project(), repo.host, { ...done, ...more });
const undo = async (repo: Repository, done: Work) => undoApply(await repo.project(), repo.host, done);

/** Everything that must not change by apply but the working tree. */
const gitSide = (repo: Repository) => ({
  git: gitDirectory(path.join(repo.root, '.git')),
  staged: repo.git('diff', '--cached', '--raw'),
});

/** Applies, expects only the working tree to differ, undoes, expects everything to be as before to the byte. */
async function roundTrip(repo: Repository, done: Work): Promise<{ files: string[]; after: Record<string, string> }> {
  const before = { files: filesIn(repo.root), side: gitSide(repo), view: userView(repo) };
  const applied = await apply(repo, done);
  if (applied.outcome !== 'applied') throw new Error(applied.reason);
  const after = filesIn(repo.root);
  expect(gitSide(repo)).toEqual(before.side);
  expect(await undo(repo, done)).toEqual({ outcome: 'applied', files: expect.arrayContaining(applied.files) });
  expect(filesIn(repo.root)).toEqual(before.files);
  expect(gitSide(repo)).toEqual(before.side);
  expect(userView(repo)).toBe(before.view);
  return { files: applied.files, after };
}

/** Expects a conflict that touched nothing and left nothing. */
async function refused(repo: Repository, done: Work, reason: RegExp, only?: string[]) {
  const before = { files: filesIn(repo.root), side: gitSide(repo) };
  const outcome = await apply(repo, done, { only });
  expect(outcome).toEqual({ outcome: 'conflict', reason: expect.stringMatching(reason) });
  expect({ files: filesIn(repo.root), side: gitSide(repo) }).toEqual(before);
  expect(fs.existsSync(done.journalDir)).toBe(false);
  expect(repo.git('for-each-ref', appliedRef(done.id))).toBe('');
}

describe('apply and undo', () => {
  test('files written, edited, deleted, renamed, linked and made runnable, in a dirty tree', async () => {
    const repo = repository({
      'edit.txt': '1\n2\n3\n',
      'gone/deep/file.txt': 'x\n',
      'move me.txt': 'move\n',
      'run.sh': '#!/bin/sh\n',
      'stop.sh': '#!/bin/sh\n',
      'private.txt': 'p\n',
      'user.txt': 'u\n',
    });
    repo.git('stash', 'list');
    fs.chmodSync(path.join(repo.root, 'private.txt'), 0o600);
    repo.write('stop.sh', '#!/bin/sh\n', 0o755);
    repo.write('staged.txt', 'staged\n');
    repo.git('add', 'staged.txt', 'stop.sh');
    repo.write('staged.txt', 'staged, then edited\n');
    repo.write('untracked.txt', 'untracked\n');
    const done = await work(repo, 'A1', (copy) => {
      copy.write('edit.txt', '1\ntwo\n3\n');
      copy.write('private.txt', 'p2\n');
      copy.write('untracked.txt', 'by agent\n');
      copy.write('staged.txt', 'by agent too\n');
      copy.write('new/dir/-dash\n"name" ünï.txt', 'new\n');
      copy.write('empty', '');
      fs.rmSync(path.join(copy.root, 'gone'), { recursive: true });
      fs.renameSync(path.join(copy.root, 'move me.txt'), path.join(copy.root, 'moved.txt'));
      fs.chmodSync(path.join(copy.root, 'run.sh'), 0o755);
      fs.chmodSync(path.join(copy.root, 'stop.sh'), 0o644);
      fs.symlinkSync('edit.txt', path.join(copy.root, 'link'));
    });
    const { files, after } = await roundTrip(repo, done);
    expect(files.sort()).toEqual(
      [
        'edit.txt',
        'empty',
        'gone/deep/file.txt',
        'link',
        'move me.txt',
        'moved.txt',
        'new/dir/-dash\n"name" ünï.txt',
        'private.txt',
        'run.sh',
        'staged.txt',
        'stop.sh',
        'untracked.txt',
      ].sort(),
    );
    const names = Object.keys(after);
    expect(names).not.toContain('gone/');
    expect(after['private.txt']).toMatch(/^600 /);
    expect(after['run.sh']).toMatch(/^755 /);
    expect(after['stop.sh']).toMatch(/^644 /);
    expect(after.link).toBe('-> edit.txt');
    expect(after['user.txt']).toMatch(/^644 /);
    expect(names.filter((name) => name.includes('.pancode-'))).toEqual([]);
  });

  test('files and directories change places, and 300 files at once', async () => {
    const repo = repository({
      'file-then-dir': 'f\n',
      'dir-then-file/a': 'a\n',
      'dir-then-file/b/c': 'c\n',
      'link-then-dir': 'x\n',
    });
    fs.rmSync(path.join(repo.root, 'link-then-dir'));
    fs.symlinkSync('file-then-dir', path.join(repo.root, 'link-then-dir'));
    const done = await work(repo, 'A1', (copy) => {
      fs.rmSync(path.join(copy.root, 'file-then-dir'));
      fs.rmSync(path.join(copy.root, 'link-then-dir'));
      fs.rmSync(path.join(copy.root, 'dir-then-file'), { recursive: true });
      copy.write('file-then-dir/x/y', 'y\n');
      copy.write('link-then-dir/z', 'z\n');
      copy.write('dir-then-file', 'now a file\n');
      for (let n = 0; n < 300; n += 1) copy.write(`many/${n % 7}/${n}.txt`, `${n}\n`);
    });
    const { files } = await roundTrip(repo, done);
    expect(files).toHaveLength(307);
  });

  test('a link to a directory, or to itself, becomes a directory: nothing is read or written through it', async () => {
    const repo = repository({ 'real/sub/x.txt': 'x\n' });
    fs.symlinkSync('real', path.join(repo.root, 'link'));
    fs.symlinkSync('circle', path.join(repo.root, 'circle'));
    const done = await work(repo, 'A1', (copy) => {
      fs.rmSync(path.join(copy.root, 'link'));
      fs.rmSync(path.join(copy.root, 'circle'));
      copy.write('link/sub/x.txt', 'x\n');
      copy.write('link/sub/y.txt', 'y\n');
      copy.write('circle/sub/z.txt', 'z\n');
    });
    const { files, after } = await roundTrip(repo, done);
    expect(files.sort()).toEqual(['circle', 'circle/sub/z.txt', 'link', 'link/sub/x.txt', 'link/sub/y.txt']);
    expect(Object.keys(after).filter((name) => name.startsWith('real/'))).toEqual([
      'real/',
      'real/sub/',
      'real/sub/x.txt',
    ]);
  });

  test('directories: emptied ones go and come back with their permissions, empty ones the user had stay', async () => {
    const repo = repository({ 'closed/only.txt': 'x\n', 'keep/a.txt': 'a\n' });
    fs.chmodSync(path.join(repo.root, 'closed'), 0o700);
    fs.mkdirSync(path.join(repo.root, 'mine/empty'), { recursive: true });
    fs.mkdirSync(path.join(repo.root, 'becomes-file/inner'), { recursive: true });
    fs.chmodSync(path.join(repo.root, 'becomes-file/inner'), 0o711);
    const done = await work(repo, 'A1', (copy) => {
      fs.rmSync(path.join(copy.root, 'closed'), { recursive: true });
      copy.write('mine/empty/new.txt', 'n\n');
      copy.write('becomes-file', 'f\n');
    });
    const { after } = await roundTrip(repo, done);
    expect(after['closed/']).toBeUndefined();
    expect(filesIn(repo.root)['mine/empty/']).toBeDefined();
  });

  test('names that differ in case or in composition only', async () => {
    const repo = repository({ 'README.md': '1\n', 'caf\u00e9.txt': '1\n' });
    const done = await work(repo, 'A1', (copy) => {
      fs.renameSync(path.join(copy.root, 'README.md'), path.join(copy.root, 'readme.md'));
      copy.write('cafe\u0301.txt', '2\n');
    });
    const { files } = await roundTrip(repo, done);
    expect(files.sort()).toEqual(['README.md', 'readme.md', 'cafe\u0301.txt'].sort());
  });

  test('edits of the user in other places of the same file are merged, and undo keeps them', async () => {
    const lines = Array.from({ length: 30 }, (_, n) => `line ${n}\n`);
    const repo = repository({ 'a.txt': lines.join(''), 'b.txt': 'b\n' });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('a.txt', lines.with(25, 'agent\n').join(''));
      copy.write('b.txt', 'agent\n');
    });
    repo.write('a.txt', lines.with(2, 'user\n').join(''));
    expect(await apply(repo, done)).toEqual({ outcome: 'applied', files: ['a.txt', 'b.txt'] });
    expect(repo.read('a.txt')).toBe(lines.with(2, 'user\n').with(25, 'agent\n').join(''));
    repo.write('a.txt', lines.with(2, 'user\n').with(10, 'later\n').with(25, 'agent\n').join(''));
    expect(await undo(repo, done)).toEqual({ outcome: 'applied', files: ['a.txt', 'b.txt'] });
    expect(repo.read('a.txt')).toBe(lines.with(2, 'user\n').with(10, 'later\n').join(''));
    expect(repo.read('b.txt')).toBe('b\n');
  });

  test('a file the user moved gets the change in its new place', async () => {
    const lines = Array.from({ length: 30 }, (_, n) => `line ${n}\n`);
    const repo = repository({ 'old.txt': lines.join('') });
    const done = await work(repo, 'A1', (copy) => copy.write('old.txt', lines.with(5, 'agent\n').join('')));
    repo.git('mv', 'old.txt', 'new.txt');
    expect(await apply(repo, done)).toEqual({ outcome: 'applied', files: ['new.txt'] });
    expect(repo.read('new.txt')).toBe(lines.with(5, 'agent\n').join(''));
  });

  test('chosen files alone; what they cannot be without is named', async () => {
    const repo = repository({ 'a.txt': 'a\n', 'b.txt': 'b\n', d: 'file\n' });
    const edit = (copy: Repository) => {
      copy.write('a.txt', 'a2\n');
      copy.write('b.txt', 'b2\n');
      fs.rmSync(path.join(copy.root, 'd'));
      copy.write('d/x', 'x\n');
    };
    const done = await work(repo, 'A1', edit);
    await refused(repo, done, /^d is in the way of the chosen files/, ['d/x']);
    await expect(apply(repo, done, { only: ['nowhere'] })).rejects.toMatchObject({ code: 'unknown-file' });
    expect(await apply(repo, done, { only: ['b.txt'] })).toEqual({ outcome: 'applied', files: ['b.txt'] });
    expect([repo.read('a.txt'), repo.read('b.txt'), repo.read('d')]).toEqual(['a\n', 'b2\n', 'file\n']);
    expect(await apply(repo, done)).toMatchObject({
      outcome: 'conflict',
      reason: expect.stringContaining('undo that first'),
    });
    expect(await undo(repo, done)).toEqual({ outcome: 'applied', files: ['b.txt'] });
    expect(await apply(repo, done, { only: ['d', 'd/x'] })).toEqual({ outcome: 'applied', files: ['d', 'd/x'] });
    expect(await apply(repo, await work(repo, 'A2', (copy) => copy.write('e', 'e\n')), { only: [] })).toEqual({
      outcome: 'applied',
      files: [],
    });
  });

  test('what is there already as wanted is no change, and undo leaves it', async () => {
    const repo = repository({ 'a.txt': 'a\n', '.gitignore': '*.log\n' });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('a.txt', 'same\n');
      copy.write('new.txt', 'same\n');
      copy.write('other.txt', 'new\n');
    });
    repo.write('a.txt', 'same\n');
    repo.write('new.txt', 'same\n');
    expect(await apply(repo, done)).toEqual({ outcome: 'applied', files: ['other.txt'] });
    expect(await undo(repo, done)).toEqual({ outcome: 'applied', files: ['other.txt'] });
    expect([repo.read('a.txt'), repo.read('new.txt'), repo.has('other.txt')]).toEqual(['same\n', 'same\n', false]);
  });

  test('again and again: apply and undo that were done already say so without a touch', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    const done = await work(repo, 'A1', (copy) => copy.write('a.txt', 'b\n'));
    const applied = { outcome: 'applied', files: ['a.txt'] };
    for (let round = 0; round < 2; round += 1) {
      await expect(undo(repo, { ...done, journalDir: `${done.journalDir}-never` })).rejects.toMatchObject({
        code: 'not-applied',
      });
      expect(await apply(repo, done)).toEqual(applied);
      expect(await recoverApply(done.journalDir, repo.host)).toBe('applied');
      const stamp = fs.statSync(path.join(repo.root, 'a.txt'), { bigint: true }).ctimeNs;
      expect(await apply(repo, done)).toEqual(applied);
      expect(fs.statSync(path.join(repo.root, 'a.txt'), { bigint: true }).ctimeNs).toBe(stamp);
      expect(await undo(repo, done)).toEqual(applied);
      expect(await undo(repo, done)).toEqual(applied);
      expect(await recoverApply(done.journalDir, repo.host)).toBe('none');
      expect(repo.read('a.txt')).toBe('a\n');
    }
  });

  test('in a linked worktree, with no commit yet, and with a commit made in between', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    repo.git('worktree', 'add', '-q', '-b', 'other', path.join(repo.beside, 'linked'));
    const linked = at(path.join(repo.beside, 'linked'), repo.beside, repo.host);
    const inLinked = await work(linked, 'A1', (copy) => copy.write('a.txt', 'b\n'));
    expect(await apply(linked, inLinked)).toEqual({ outcome: 'applied', files: ['a.txt'] });
    expect([linked.read('a.txt'), repo.read('a.txt')]).toEqual(['b\n', 'a\n']);
    linked.git('commit', '-qam', 'taken over');
    expect(await undo(linked, inLinked)).toEqual({ outcome: 'applied', files: ['a.txt'] });
    expect(linked.git('status', '--short')).toBe(' M a.txt');

    const unborn = repository();
    unborn.write('a.txt', 'a\n');
    await roundTrip(unborn, await work(unborn, 'A1', (copy) => copy.write('b.txt', 'b\n')));
  });
});

describe('nothing is touched', () => {
  test('where both changed the same place, or one deleted what the other changed', async () => {
    const repo = repository({ 'a.txt': 'a\n', 'b.txt': 'b\n', 'c.txt': 'c\n' });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('a.txt', 'agent\n');
      copy.write('c.txt', 'agent\n');
    });
    repo.write('a.txt', 'user\n');
    await refused(repo, done, /^a\.txt was changed in your working tree too/);
    repo.write('a.txt', 'a\n');
    fs.rmSync(path.join(repo.root, 'c.txt'));
    await refused(repo, done, /^c\.txt/);
  });

  test('where a binary file was edited by both; but not where only the agent did', async () => {
    const bytes = (n: number) => Buffer.from([0, 1, 2, n, 0, 255]);
    const repo = repository({ 'a.bin': bytes(1), 'b.bin': bytes(1) });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('a.bin', bytes(2));
      copy.write('b.bin', bytes(2));
    });
    repo.write('a.bin', bytes(3));
    await refused(repo, done, /^a\.bin/);
    repo.write('a.bin', bytes(1));
    await roundTrip(repo, done);
  });

  test('where an untracked, ignored, secret or overlooked file, or a directory, is in the way', async () => {
    const repo = repository({ 'seen.txt': '1\n', '.gitignore': 'ignored\nbuild/\n' });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('seen.txt', '2\n');
      copy.write('fresh', 'agent\n');
    });
    repo.write('fresh', 'mine\n');
    await refused(repo, done, /^fresh/);
    fs.rmSync(path.join(repo.root, 'fresh'));
    repo.write('fresh/mine.txt', 'mine\n');
    await refused(repo, done, /^fresh is in the way: it is a directory/);
    fs.rmSync(path.join(repo.root, 'fresh'), { recursive: true });
    fs.appendFileSync(path.join(repo.root, '.git/info/exclude'), 'fresh\n');
    repo.write('fresh', 'mine, ignored\n');
    await refused(repo, done, /^fresh is in the way/);
    fs.rmSync(path.join(repo.root, 'fresh'));
    repo.git('update-index', '--assume-unchanged', 'seen.txt');
    repo.write('seen.txt', 'mine\n');
    await refused(repo, done, /^seen\.txt in your working tree is not what git knows/);
    repo.git('update-index', '--no-assume-unchanged', 'seen.txt');
    repo.git('update-index', '--skip-worktree', 'seen.txt');
    await refused(repo, done, /^seen\.txt in your working tree is not what git knows/);

    const secret = await work(repo, 'A2', (copy) => copy.write('.env', 'agent\n'));
    repo.write('.env', 'mine\n');
    await refused(repo, secret, /^\.env is in the way/);
  });

  test('where a parent has become a symbolic link, a file, or a repository', async () => {
    const repo = repository({ 'd/a.txt': 'a\n', 'e/keep.txt': 'k\n' });
    const done = await work(repo, 'A1', (copy) => copy.write('d/new.txt', 'n\n'));
    const outside = path.join(repo.beside, 'outside');
    fs.mkdirSync(outside);
    fs.renameSync(path.join(repo.root, 'd'), path.join(repo.root, 'd-moved'));
    fs.symlinkSync(outside, path.join(repo.root, 'd'));
    await refused(repo, done, /symbolic link|^d/);
    expect(fs.readdirSync(outside)).toEqual([]);
    fs.rmSync(path.join(repo.root, 'd'));
    repo.write('d', 'a file\n');
    await refused(repo, done, /^d/);
    fs.rmSync(path.join(repo.root, 'd'));
    fs.renameSync(path.join(repo.root, 'd-moved'), path.join(repo.root, 'd'));
    repo.git('init', '-q', 'd');
    await refused(repo, done, /would be written into the repository d\./);
  });

  test('where the index is in the middle of a merge', async () => {
    const repo = repository({ 'a.txt': '1\n', 'b.txt': 'b\n' });
    const done = await work(repo, 'A1', (copy) => copy.write('b.txt', 'b2\n'));
    repo.git('checkout', '-q', '-b', 'other');
    repo.write('a.txt', '2\n');
    repo.git('commit', '-qam', '2');
    repo.git('checkout', '-q', 'main');
    repo.write('a.txt', '3\n');
    repo.git('commit', '-qam', '3');
    expect(() => repo.git('merge', '-q', 'other')).toThrow();
    await refused(repo, done, /unmerged/);
  });

  test('where the result holds what is never applied, or the user moved a file to where nobody agreed to a change', async () => {
    const repo = repository({ 'a.txt': 'a\n', 'script.yml': Array.from({ length: 20 }, (_, n) => `${n}\n`).join('') });
    const leaving = await work(repo, 'A1', (copy) => fs.symlinkSync('../outside', path.join(copy.root, 'leaves')));
    await refused(repo, leaving, /^leaves is never applied/);
    const done = await work(repo, 'A2', (copy) => fs.appendFileSync(path.join(copy.root, 'script.yml'), 'evil\n'));
    fs.mkdirSync(path.join(repo.root, '.github/workflows'), { recursive: true });
    repo.git('mv', 'script.yml', '.github/workflows/script.yml');
    await refused(repo, done, /^The change would now go to \.github\/workflows\/script\.yml/);
  });

  const MOMENTS = ['merged', 'written', 'prepared', 'held', 'planned', 'beside 1', 'looked', 'removed 0'];
  const files = { 'a.txt': 'a\n', 'sub/b.txt': 'b\n', 'z.txt': 'z\n' };
  const edit = (copy: Repository) => {
    fs.rmSync(path.join(copy.root, 'a.txt'));
    copy.write('sub/b.txt', 'agent\n');
    copy.write('z.txt', 'agent\n');
  };
  const during = (moment: string, act: () => void) => ({
    onStep: (step: string) => (step === moment ? act() : undefined),
  });

  test.each(MOMENTS)('where a file is edited in between: %s', async (moment) => {
    const repo = repository(files);
    const done = await work(repo, 'A1', edit);
    const before = filesIn(repo.root);
    const outcome = await apply(
      repo,
      done,
      during(moment, () => repo.write('z.txt', 'user in between\n')),
    );
    expect(outcome).toEqual({ outcome: 'conflict', reason: expect.stringMatching(/^z\.txt/) });
    expect(repo.read('z.txt')).toBe('user in between\n');
    repo.write('z.txt', 'z\n');
    expect(filesIn(repo.root)).toEqual(before);
    expect((await apply(repo, done)).outcome).toBe('applied');
  });

  test.each(MOMENTS)('where a directory becomes a symbolic link in between: %s', async (moment) => {
    const repo = repository(files);
    const done = await work(repo, 'A1', edit);
    const outside = path.join(repo.beside, 'outside');
    fs.mkdirSync(outside);
    fs.writeFileSync(path.join(outside, 'b.txt'), 'b\n');
    const swap = () => {
      fs.renameSync(path.join(repo.root, 'sub'), path.join(repo.root, 'sub-moved'));
      fs.symlinkSync(outside, path.join(repo.root, 'sub'));
    };
    const outcome = await apply(repo, done, during(moment, swap));
    expect(outcome).toEqual({
      outcome: 'conflict',
      reason: expect.stringMatching(/^sub\/b\.txt /),
    });
    expect(fs.readdirSync(outside)).toEqual(['b.txt']);
    expect(fs.readFileSync(path.join(outside, 'b.txt'), 'utf8')).toBe('b\n');
    expect([repo.read('a.txt'), repo.read('z.txt'), repo.read('sub-moved/b.txt')]).toEqual(['a\n', 'z\n', 'b\n']);
  });

  test('where a new file appears at the last moment', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('a.txt', 'agent\n');
      copy.write('new/deep.txt', 'agent\n');
    });
    for (const moment of ['directory made', 'put 0', 'looked']) {
      const before = filesIn(repo.root);
      const outcome = await apply(
        repo,
        done,
        during(moment, () => repo.write('new/deep.txt', 'mine\n')),
      );
      expect(outcome, moment).toEqual({
        outcome: 'conflict',
        reason: expect.stringContaining('new/deep.txt appeared meanwhile'),
      });
      expect(repo.read('new/deep.txt')).toBe('mine\n');
      fs.rmSync(path.join(repo.root, 'new'), { recursive: true });
      expect(filesIn(repo.root), moment).toEqual(before);
    }
  });

  test('a file edited between a failure and taking everything back is named, with the bytes from before', async () => {
    const repo = repository(files);
    const done = await work(repo, 'A1', edit);
    const meddle = () => {
      repo.write('sub/b.txt', 'built on the new one\n');
      repo.write('z.txt', 'user\n');
    };
    const failed = await apply(repo, done, during('put 1', meddle)).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ code: 'half-applied', message: expect.stringContaining('sub/b.txt') });
    const kept = /are in (.*)\.$/.exec((failed as { do: string }).do)?.[1] as string;
    expect(
      fs
        .readdirSync(kept)
        .map((name) => fs.readFileSync(path.join(kept, name), 'utf8'))
        .sort(),
    ).toEqual(['a\n', 'b\n', 'z\n']);
    expect([repo.read('a.txt'), repo.read('sub/b.txt'), repo.read('z.txt')]).toEqual([
      'a\n',
      'built on the new one\n',
      'user\n',
    ]);
    expect(await recoverApply(done.journalDir, repo.host)).toBe('none');
  });

  test.skipIf(process.getuid?.() === 0)('where a directory may not be written, or a file may not be read', async () => {
    const repo = repository(files);
    const done = await work(repo, 'A1', edit);
    fs.chmodSync(path.join(repo.root, 'sub'), 0o500);
    await refused(repo, done, /could not be written \(EACCES\)/);
    fs.chmodSync(path.join(repo.root, 'sub'), 0o700);
    fs.chmodSync(path.join(repo.root, 'sub/b.txt'), 0o200);
    const before = fs.lstatSync(path.join(repo.root, 'sub/b.txt'));
    expect(await apply(repo, done)).toEqual({ outcome: 'conflict', reason: expect.stringContaining('sub/b.txt') });
    expect(fs.lstatSync(path.join(repo.root, 'sub/b.txt'))).toEqual(before);
    expect([repo.read('a.txt'), repo.read('z.txt')]).toEqual(['a\n', 'z\n']);
    fs.chmodSync(path.join(repo.root, 'sub/b.txt'), 0o600);
  });

  test('undo: where what was applied was changed in the same place, or is in use', async () => {
    const repo = repository({ 'a.txt': 'a\n', 'gone.txt': 'gone\n' });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('a.txt', 'agent\n');
      copy.write('new.txt', 'new\n');
      fs.rmSync(path.join(copy.root, 'gone.txt'));
    });
    await apply(repo, done);
    for (const [name, content] of [
      ['a.txt', 'later\n'],
      ['new.txt', 'later\n'],
      ['gone.txt', 'again\n'],
    ] as const) {
      const kept = repo.has(name) ? repo.read(name) : null;
      repo.write(name, content);
      const before = { files: filesIn(repo.root), side: gitSide(repo) };
      expect(await undo(repo, done), name).toEqual({ outcome: 'conflict', reason: expect.stringContaining(name) });
      expect({ files: filesIn(repo.root), side: gitSide(repo) }).toEqual(before);
      if (kept === null) fs.rmSync(path.join(repo.root, name));
      else repo.write(name, kept);
    }
    expect((await undo(repo, done)).outcome).toBe('applied');
  });
});

describe('the user’s own form of files', () => {
  test('line ends, encodings and filters as git checkout writes them; undo restores the very bytes', async () => {
    const repo = repository({
      '.gitattributes':
        '*.txt text eol=crlf\n*.ps1 text working-tree-encoding=UTF-16LE-BOM\n*.dat filter=shout\n*.v ident\n',
    });
    repo.git('config', 'filter.shout.clean', 'tr A-Z a-z');
    repo.git('config', 'filter.shout.smudge', 'tr a-z A-Z');
    repo.write('a.txt', 'one\r\ntwo\r\n');
    repo.write('mixed.txt', 'one\r\ntwo\n');
    repo.write('s.ps1', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('hi\n', 'utf16le')]));
    repo.write('x.dat', 'LOUD\n');
    repo.git('add', '-A');
    repo.git('commit', '-qm', 'forms');
    const done = await work(repo, 'A1', (copy) => {
      expect([copy.read('a.txt'), copy.read('x.dat')]).toEqual(['one\r\ntwo\r\n', 'LOUD\n']);
      copy.write('a.txt', 'one\r\n2\r\n');
      copy.write('new.txt', 'new\r\n');
      copy.write('mixed.txt', 'one\r\n2\r\n');
      copy.write('x.dat', 'MORE\n');
    });
    expect(repo.git('show', `${done.result}:x.dat`)).toBe('more');
    const before = filesIn(repo.root);
    expect((await apply(repo, done)).outcome).toBe('applied');
    expect(repo.read('a.txt')).toBe('one\r\n2\r\n');
    expect(repo.read('new.txt')).toBe('new\r\n');
    expect(repo.read('x.dat')).toBe('MORE\n');
    repo.write('later.txt', 'x\r\n');
    expect((await undo(repo, done)).outcome).toBe('applied');
    fs.rmSync(path.join(repo.root, 'later.txt'));
    expect(filesIn(repo.root)).toEqual(before);
  });

  test('attributes that come with the change count for it', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    const done = await work(repo, 'A1', (copy) => {
      copy.write('.gitattributes', '*.txt text eol=crlf\n');
      copy.write('b.txt', 'b\r\n');
    });
    await roundTrip(repo, done);
    await apply(repo, done);
    expect(repo.read('b.txt')).toBe('b\r\n');
  });

  test('a filter that must not fail and does is a reason to touch nothing', async () => {
    const repo = repository({ 'a.dat': 'a\n', '.gitattributes': '*.dat filter=broken\n' });
    const done = await work(repo, 'A1', (copy) => copy.write('a.dat', 'b\n'));
    repo.git('config', 'filter.broken.smudge', 'false');
    repo.git('config', 'filter.broken.required', 'true');
    repo.git('config', 'filter.broken.clean', 'cat');
    await refused(repo, done, /^git could not write/);
  });

  test('core.fileMode=false: permissions are the user’s', async () => {
    const repo = repository({ 'a.sh': 'a\n' });
    repo.git('config', 'core.fileMode', 'false');
    fs.chmodSync(path.join(repo.root, 'a.sh'), 0o755);
    const done = await work(repo, 'A1', (copy) => copy.write('a.sh', 'b\n'));
    const { after } = await roundTrip(repo, done);
    expect(after['a.sh']).toMatch(/^755 /);
  });
});
