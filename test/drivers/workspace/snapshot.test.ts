import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SnapshotOptions, takeSnapshot } from '../../../src/drivers/workspace/snapshot.ts';
import { at, emptyRepository, pictureOfRepository, type Repository, smallRepository } from './user-repository.ts';

const LIMITS = { maxFileMb: 1, maxTotalMb: 2 };

async function snapshotOf(repository: Repository, options: Partial<SnapshotOptions> = {}) {
  const scratchDir = path.join(repository.scratch, 'snapshot');
  const project = await repository.project();
  return takeSnapshot(project, repository.host, { id: 'ID', scratchDir, from: null, ...LIMITS, ...options });
}

/** Names and contents of a commit; links as `-> target`. */
function filesOf(repository: Repository, commit: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of repository.git('ls-tree', '-r', '-z', commit).split('\0').filter(Boolean)) {
    const [mode, , id] = entry.slice(0, entry.indexOf('\t')).split(' ') as [string, string, string];
    const text = repository.git('cat-file', 'blob', id);
    files[entry.slice(entry.indexOf('\t') + 1)] =
      mode === '120000' ? `-> ${text}` : mode === '100755' ? `x ${text}` : text;
  }
  return files;
}

/** Every kind of uncommitted state at once. */
function dirtyRepository(): Repository {
  const repository = smallRepository();
  repository.write('gone.txt', 'gone');
  repository.write('old name.txt', 'a file that moves\n');
  repository.git('add', '-A');
  repository.git('commit', '-qm', 'more');
  repository.write('stashed.txt', 'stashed');
  repository.git('stash', 'push', '-q', '-u');
  repository.write('src/a.ts', 'staged, then ');
  repository.git('add', 'src/a.ts');
  repository.write('src/a.ts', 'staged, then edited\n');
  repository.write('src/b.ts', 'edited\n');
  repository.remove('gone.txt');
  repository.git('mv', 'old name.txt', 'new\nname.txt');
  repository.write('untracked/naïve 日本.txt', 'untracked\n');
  repository.write('-rf', 'dash');
  repository.write('intended.txt', 'intended\n');
  repository.git('add', '-N', 'intended.txt');
  repository.write('tool', '#!/bin/sh\n', 0o755);
  fs.chmodSync(path.join(repository.root, 'README.md'), 0o755);
  fs.symlinkSync('src/a.ts', path.join(repository.root, 'link'));
  fs.symlinkSync('/nowhere', path.join(repository.root, 'dangling'));
  repository.write('empty', '');
  repository.write('ignored/build.o', 'ignored');
  repository.write('debug.log', 'ignored');
  return repository;
}

function mergeInProgress(): Repository {
  const repository = smallRepository();
  repository.git('checkout', '-qb', 'other');
  repository.write('src/a.ts', 'theirs\n');
  repository.git('commit', '-qam', 'theirs');
  repository.git('checkout', '-q', 'main');
  repository.write('src/a.ts', 'ours\n');
  repository.git('commit', '-qam', 'ours');
  expect(() => repository.git('merge', '-q', 'other')).toThrow();
  return repository;
}

describe('the snapshot of a dirty tree', () => {
  it('holds what is there now, and not what git ignores', async () => {
    const repository = dirtyRepository();
    const snapshot = await snapshotOf(repository);
    expect(filesOf(repository, snapshot.commit)).toEqual({
      '.gitignore': 'ignored/\n*.log',
      'README.md': 'x # project',
      'src/a.ts': 'staged, then edited',
      'src/b.ts': 'edited',
      'run.sh': 'x #!/bin/sh\necho run',
      'new\nname.txt': 'a file that moves',
      'untracked/naïve 日本.txt': 'untracked',
      '-rf': 'dash',
      'intended.txt': 'intended',
      tool: 'x #!/bin/sh',
      link: '-> src/a.ts',
      dangling: '-> /nowhere',
      empty: '',
    });
    expect(snapshot).toMatchObject({ head: repository.git('rev-parse', 'HEAD'), dirty: true, omitted: [] });
    expect(repository.git('rev-parse', 'refs/pancode/ID/base', 'refs/pancode/ID/base^').split('\n')).toEqual([
      snapshot.commit,
      snapshot.head,
    ]);
  });

  it('leaves index, HEAD, refs, configuration, stash, hooks, times and files as they are', async () => {
    const repository = dirtyRepository();
    const before = pictureOfRepository(repository);
    expect(Object.keys(before)).toContain('.git/refs/stash');
    await snapshotOf(repository);
    expect(pictureOfRepository(repository)).toEqual(before);
    expect(fs.readdirSync(path.join(repository.scratch, 'snapshot'))).toEqual([]);
  });

  it('is the tree of HEAD where nothing is changed', async () => {
    const repository = smallRepository();
    const snapshot = await snapshotOf(repository);
    expect(snapshot.dirty).toBe(false);
    expect(repository.git('diff', '--name-only', 'HEAD', snapshot.commit)).toBe('');
  });

  it('sees an edit of the same size in the same instant as the index', async () => {
    const repository = smallRepository();
    for (let n = 0; n < 10; n++) {
      repository.write('src/a.ts', `export const a = ${n};\n`);
      repository.git('add', 'src/a.ts');
      repository.write('src/a.ts', `export const b = ${n};\n`);
      const { commit } = await snapshotOf(repository);
      expect(filesOf(repository, commit)['src/a.ts']).toBe(`export const b = ${n};`);
    }
  });

  it('takes a file for a directory and a directory for a file', async () => {
    const repository = smallRepository();
    repository.remove('src');
    repository.write('src', 'now a file');
    repository.remove('README.md');
    repository.write('README.md/inner', 'now a directory');
    const files = filesOf(repository, (await snapshotOf(repository)).commit);
    expect(files).toMatchObject({ src: 'now a file', 'README.md/inner': 'now a directory' });
    expect(Object.keys(files)).not.toContain('src/a.ts');
  });

  it('keeps a name that is no UTF-8 byte for byte', async () => {
    const repository = smallRepository();
    repository.write(Buffer.from([0x66, 0xff, 0x6f]), 'raw');
    const { commit } = await snapshotOf(repository);
    expect(repository.git('ls-tree', '--name-only', commit)).toContain('"f\\377o"');
  });
});

describe('what is not taken', () => {
  it("untracked secrets, listed; tracked ones are the user's own choice", async () => {
    const repository = smallRepository();
    for (const name of ['.env', 'sub/.env.local', 'server.PEM', 'id_rsa', 'fine.txt']) repository.write(name, 'secret');
    repository.write('id_tracked', 'tracked');
    repository.git('add', 'id_tracked');
    const { commit, omitted } = await snapshotOf(repository);
    expect(omitted.sort()).toEqual(['.env', 'id_rsa', 'server.PEM', 'sub/.env.local']);
    expect(Object.keys(filesOf(repository, commit))).toEqual(expect.arrayContaining(['fine.txt', 'id_tracked']));
    expect(repository.git('fsck', '--unreachable', '--no-reflogs')).toBe('');
  });

  it('untracked files over the size limits, listed; none of their bytes get into git', async () => {
    const repository = smallRepository();
    repository.write('large.bin', Buffer.alloc(1_000_001, 1));
    for (const name of ['m1', 'm2', 'm3']) repository.write(name, Buffer.alloc(900_000, name));
    const { commit, omitted } = await snapshotOf(repository);
    expect(omitted).toEqual(['large.bin', 'm3']);
    expect(Object.keys(filesOf(repository, commit))).toEqual(expect.arrayContaining(['m1', 'm2']));
    const stored = repository.git('cat-file', '--batch-all-objects', '--batch-check=%(objectsize)').split('\n');
    expect(stored.filter((size) => Number(size) > 800_000)).toEqual(['900000', '900000']);
  });

  it('edits git was told to overlook, listed', async () => {
    const repository = smallRepository();
    repository.git('update-index', '--assume-unchanged', 'src/a.ts');
    repository.git('update-index', '--skip-worktree', 'src/b.ts', 'README.md', 'run.sh');
    repository.write('src/a.ts', 'overlooked');
    repository.write('src/b.ts', 'overlooked');
    repository.remove('run.sh');
    const before = pictureOfRepository(repository);
    const { commit, omitted } = await snapshotOf(repository);
    expect(omitted.sort()).toEqual(['src/a.ts', 'src/b.ts']);
    expect(filesOf(repository, commit)).toMatchObject({
      'src/a.ts': 'export const a = 1;',
      'run.sh': expect.anything(),
    });
    expect(pictureOfRepository(repository)).toEqual(before);
  });

  it('fifos; git knows nothing of them', async () => {
    const repository = smallRepository();
    execFileSync('mkfifo', [path.join(repository.root, 'pipe')]);
    const { commit } = await snapshotOf(repository);
    expect(Object.keys(filesOf(repository, commit))).not.toContain('pipe');
  });
});

describe('repositories of other shapes', () => {
  it('no commit yet', async () => {
    const repository = emptyRepository();
    // git takes the names of files for what they are.
    for (const name of ['a', 'HEAD^{commit}', 'HEAD^{tree}']) repository.write(name, 'a');
    const snapshot = await snapshotOf(repository);
    expect(snapshot).toMatchObject({ head: null, dirty: true });
    expect(filesOf(repository, snapshot.commit)).toEqual({ a: 'a', 'HEAD^{commit}': 'a', 'HEAD^{tree}': 'a' });
    expect(repository.git('rev-list', '--count', snapshot.commit)).toBe('1');
    expect(() => repository.git('rev-parse', '--verify', '-q', 'HEAD')).toThrow();
  });

  it('nothing at all', async () => {
    const repository = emptyRepository();
    expect(filesOf(repository, (await snapshotOf(repository)).commit)).toEqual({});
  });

  it('a detached HEAD, a linked worktree, sha256, a split index', async () => {
    const repository = smallRepository(['--object-format=sha256']);
    repository.git('checkout', '-q', '--detach');
    const linked = at(path.join(repository.scratch, 'linked'), repository.host, repository.scratch);
    repository.git('worktree', 'add', '-q', '-b', 'other', linked.root);
    linked.git('update-index', '--split-index');
    linked.write('src/a.ts', 'in the worktree\n');
    linked.write('new', 'new');
    // Whoever reads a split index sets the time of its shared part, so that git does not expire it.
    const picture = () =>
      Object.entries(pictureOfRepository(repository)).filter(([name]) => !name.includes('/sharedindex.'));
    const before = picture();
    const { commit } = await snapshotOf(linked);
    expect(filesOf(linked, commit)).toMatchObject({ 'src/a.ts': 'in the worktree', new: 'new' });
    expect(picture()).toEqual(before);
    expect(await snapshotOf(repository)).toMatchObject({ dirty: false, head: repository.git('rev-parse', 'HEAD') });
  });

  it('objects borrowed from another repository', async () => {
    const repository = smallRepository();
    const plain = path.join(repository.scratch, 'plain');
    const shared = at(path.join(repository.scratch, 'shared'), repository.host, repository.scratch);
    repository.git('clone', '-q', repository.root, plain);
    repository.git('clone', '-q', '--shared', plain, shared.root);
    shared.write('src/b.ts', 'edited\n');
    expect(filesOf(shared, (await snapshotOf(shared)).commit)).toMatchObject({
      'src/a.ts': 'export const a = 1;',
      'src/b.ts': 'edited',
    });
  });

  it('an unfinished merge is refused, with nothing changed', async () => {
    const repository = mergeInProgress();
    const before = pictureOfRepository(repository);
    await expect(snapshotOf(repository)).rejects.toMatchObject({ code: 'unmerged' });
    expect(pictureOfRepository(repository)).toEqual(before);
  });

  it('a repository that appeared inside is left out and told of; staged, it is a link to its commit', async () => {
    const repository = smallRepository();
    const inner = at(path.join(repository.root, 'inner'), repository.host, repository.scratch);
    inner.write('x', 'x');
    inner.git('init', '-q');
    expect(await snapshotOf(repository)).toMatchObject({ omitted: ['inner/'], inner: ['inner'] });
    inner.git('commit', '-q', '--allow-empty', '-m', 'x');
    repository.git('-c', 'advice.addEmbeddedRepo=false', 'add', 'inner');
    const { commit } = await snapshotOf(repository);
    expect(repository.git('rev-parse', `${commit}:inner`)).toBe(inner.git('rev-parse', 'HEAD'));
  });

  it.skipIf(process.getuid?.() === 0)('a file that cannot be read is refused, with its name', async () => {
    const repository = smallRepository();
    repository.write('closed.txt', 'x', 0);
    await expect(snapshotOf(repository)).rejects.toMatchObject({
      code: 'unreadable-file',
      message: expect.stringContaining('closed.txt'),
    });
  });
});

describe("the user's own programs", () => {
  it('hooks, fsmonitor and upkeep do not run', async () => {
    const repository = smallRepository();
    const mark = path.join(repository.scratch, 'mark');
    const script = path.join(repository.scratch, 'script');
    fs.writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> '${mark}'\n`, { mode: 0o755 });
    for (const hook of ['reference-transaction', 'post-index-change', 'pre-commit', 'post-checkout', 'pre-auto-gc'])
      fs.copyFileSync(script, path.join(repository.root, '.git', 'hooks', hook));
    repository.git('config', 'core.fsmonitor', `'${script}'`);
    repository.git('config', 'gc.auto', '1');
    // The trap works: the user's own git does leave the mark.
    repository.git('status');
    expect(fs.existsSync(mark)).toBe(true);
    fs.rmSync(mark);
    repository.write('src/a.ts', 'edited\n');
    await snapshotOf(repository);
    expect(fs.existsSync(mark)).toBe(false);
  });

  it('clean filters do, as in any `git add`: without them a pointer would become the file it stands for', async () => {
    const repository = smallRepository();
    const mark = path.join(repository.scratch, 'mark');
    repository.git('config', 'filter.upper.clean', `echo %f >> '${mark}'; tr a-z A-Z`);
    repository.git('config', 'filter.upper.smudge', 'tr A-Z a-z');
    repository.write('.gitattributes', '*.up filter=upper\n');
    for (const name of ['x.up', 'y.up', 'z.up']) repository.write(name, 'text');
    repository.git('add', '-A');
    repository.git('commit', '-qm', 'filtered');
    // Older than the index, so that git need not look twice.
    for (const name of ['x.up', 'y.up', 'z.up']) fs.utimesSync(path.join(repository.root, name), 1e9, 1e9);
    repository.git('update-index', '--refresh');
    fs.rmSync(mark);
    repository.write('x.up', 'edited');
    expect(filesOf(repository, (await snapshotOf(repository)).commit)['x.up']).toBe('EDITED');
    // What has not changed was not read again.
    expect(new Set(fs.readFileSync(mark, 'utf8').trim().split('\n'))).toEqual(new Set(['x.up']));
  });

  it('a filter that must not fail and does refuses, in the words of git', async () => {
    const repository = smallRepository();
    repository.git('config', 'filter.bad.clean', 'false');
    repository.git('config', 'filter.bad.required', 'true');
    repository.write('.gitattributes', '*.bad filter=bad\n');
    repository.write('x.bad', 'text');
    await expect(snapshotOf(repository)).rejects.toMatchObject({
      code: 'unreadable-file',
      message: expect.stringContaining('x.bad'),
    });
  });

  it('strict line ends do not refuse what the working tree holds already', async () => {
    const repository = smallRepository();
    repository.git('config', 'core.autocrlf', 'input');
    repository.git('config', 'core.safecrlf', 'true');
    repository.write('mixed.txt', 'a\r\nb\n');
    repository.write('src/a.ts', 'a\r\nb\n');
    expect(filesOf(repository, (await snapshotOf(repository)).commit)).toMatchObject({
      'mixed.txt': 'a\nb',
      'src/a.ts': 'a\nb',
    });
  });
});

describe('a revision instead of the tree', () => {
  it('is held as it is', async () => {
    const repository = dirtyRepository();
    const first = repository.git('rev-parse', 'HEAD~1');
    repository.git('tag', '-a', 'v1', '-m', 'v1', first);
    expect(await snapshotOf(repository, { from: 'v1' })).toEqual({
      commit: first,
      head: repository.git('rev-parse', 'HEAD'),
      dirty: false,
      omitted: [],
      inner: [],
    });
    expect(repository.git('rev-parse', 'refs/pancode/ID/base')).toBe(first);
  });

  it.each(['nowhere', '--all', '', 'HEAD:README.md', '-h'])('%j is refused', async (from) => {
    const repository = smallRepository();
    await expect(snapshotOf(repository, { from })).rejects.toMatchObject({ code: 'unknown-revision' });
  });

  it('may have a submodule', async () => {
    const repository = smallRepository();
    const head = repository.git('rev-parse', 'HEAD');
    repository.git('update-index', '--add', '--cacheinfo', `160000,${head},lib`);
    const tree = repository.git('write-tree');
    repository.git('reset', '-q');
    const from = repository.git('commit-tree', tree, '-m', 'x');
    expect(await snapshotOf(repository, { from })).toMatchObject({ commit: from, inner: [] });
  });
});
