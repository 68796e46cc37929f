/** Every kind of repository goes the whole way: snapshot, copy, harvest, apply, undo; and nothing of the user's differs afterwards. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyChanges } from '../../../src/drivers/workspace/apply.ts';
import { changesOf } from '../../../src/drivers/workspace/diff.ts';
import { tryGit } from '../../../src/drivers/workspace/git.ts';
import type { Harvest } from '../../../src/drivers/workspace/harvest.ts';
import { innerDirectories } from '../../../src/drivers/workspace/inner.ts';
import { inspectProject } from '../../../src/drivers/workspace/inspect.ts';
import { ownDirectory } from '../../../src/drivers/workspace/own-directory.ts';
import { takeSnapshot } from '../../../src/drivers/workspace/snapshot.ts';
import { undoApply } from '../../../src/drivers/workspace/undo.ts';
import { dispatchIn } from './dispatch.ts';
import {
  at,
  emptyRepository,
  pictureOf,
  pictureOfRepository,
  type Repository,
  smallRepository,
} from './user-repository.ts';

interface Trip {
  harvest: Harvest;
  /** Names the receipt gives. */
  files: string[];
  reason: string | null;
  copied: string[];
}

/** Admission, then the whole way; `undo` compares everything with what was there before. */
async function roundTrip(repository: Repository, change: (copy: Repository) => void, id = 'ID'): Promise<Trip> {
  const { host, root, scratch } = repository;
  const before = pictureOfRepository(repository);
  await inspectProject(root, host, { stateDir: path.join(scratch, 'state') });
  const dispatch = await dispatchIn(repository, id);
  const copied = Object.keys(pictureOf(dispatch.copy.root, (name) => name === '.git', false));
  change(dispatch.copy);
  const harvest = await dispatch.harvest();
  expect(pictureOfRepository(repository)).toEqual(before);
  const project = await repository.project();
  const { base } = dispatch;
  const result = harvest.commit ?? base;
  const files = (await changesOf(project, host, base, result)).files.map((file) => file.path);
  const journalDir = path.join(scratch, `apply ${id}`);
  const applied = await applyChanges(project, host, { id, base, result, journalDir });
  if (applied.outcome === 'conflict') {
    expect(pictureOfRepository(repository)).toEqual(before);
    return { harvest, files, reason: applied.reason, copied };
  }
  expect([...applied.files].sort()).toEqual([...files].sort());
  for (const name of files) expect(contentOf(root, name)).toEqual(contentOf(dispatch.copy.root, name));
  const undone = await undoApply(project, host, { id, journalDir, undoDir: path.join(scratch, `undo ${id}`) });
  expect(undone.outcome).toBe('applied');
  expect(withoutTimes(pictureOfRepository(repository))).toEqual(withoutTimes(before));
  return { harvest, files, reason: null, copied };
}

const contentOf = (root: string, name: string) => {
  const file = path.join(root, name);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
};

/** Undo gives content and permissions back, and no times. */
const withoutTimes = (picture: Record<string, string>) =>
  Object.fromEntries(Object.entries(picture).map(([name, text]) => [name, text.replace(/ \d{15,} /, ' ')]));

const usual = (copy: Repository) => {
  copy.write('src/a.ts', 'export const a = 10;\n');
  copy.write('added/new file.txt', 'new\n');
  copy.remove('README.md');
};
const USUAL = ['README.md', 'added/new file.txt', 'src/a.ts'];

/** A directory with the files of the small repository and no git. */
function plainDirectory(): Repository & { state: string; own: string } {
  const repository = emptyRepository();
  fs.rmSync(path.join(repository.root, '.git'), { recursive: true });
  repository.write('README.md', '# project\n');
  repository.write('src/a.ts', 'export const a = 1;\n');
  repository.write('run.sh', '#!/bin/sh\n', 0o755);
  const state = path.join(repository.scratch, 'state');
  const host = { ...repository.host, state };
  const own = ownDirectory(state, repository.root);
  return { ...at(repository.root, host, repository.scratch), state, own };
}

describe('a directory that is no git repository', () => {
  it('goes the whole way, and gets no .git', async () => {
    const plain = plainDirectory();
    const trip = await roundTrip(plain, usual);
    expect(trip).toMatchObject({ files: USUAL, reason: null });
    expect(fs.readdirSync(plain.root).sort()).toEqual(['README.md', 'run.sh', 'src']);
    expect(await plain.project()).toMatchObject({ own: true, gitDir: plain.own, commonDir: plain.own, head: null });
    // A later dispatch finds the same place, and what the earlier one kept there.
    await roundTrip(plain, usual, 'ID2');
    expect(plain.gitIn(plain.own, 'for-each-ref', '--format=%(refname)').split('\n')).toEqual(
      expect.arrayContaining(['refs/pancode/ID/base', 'refs/pancode/ID/result', 'refs/pancode/ID2/result']),
    );
  });

  it('is taken by its .gitignore, without heavy directories and secrets', async () => {
    const plain = plainDirectory();
    plain.write('.gitignore', 'made/\n!target/\n');
    for (const dir of ['made', 'node_modules/x', 'deep/node_modules', '.venv/lib', 'target', 'vendor'])
      plain.write(`${dir}/file.txt`, 'x\n');
    plain.write('.env', 'SECRET=1\n');
    const all = ['.gitignore', 'README.md', 'run.sh', 'src/a.ts', 'target/file.txt', 'vendor/file.txt'];
    expect((await roundTrip(plain, usual)).copied.filter((name) => !name.endsWith('/')).sort()).toEqual(all);
  });

  it('forgets what is ignored, gone or became something else', async () => {
    const plain = plainDirectory();
    plain.write('vendor/file.txt', 'x\n');
    plain.write('thing/inside.txt', 'x\n');
    await roundTrip(plain, () => {});
    plain.write('.gitignore', 'vendor/\n');
    plain.remove('run.sh');
    plain.remove('thing');
    plain.write('thing', 'a file now\n');
    const { copied } = await roundTrip(plain, usual, 'ID2');
    expect(copied.filter((name) => !name.endsWith('/')).sort()).toEqual([
      '.gitignore',
      'README.md',
      'src/a.ts',
      'thing',
    ]);
  });

  it('of more than workspace.maxTotalMb is refused with the sizes; one file of more than maxFileMb is left out', async () => {
    const plain = plainDirectory();
    plain.write('large.bin', Buffer.alloc(1_500_000));
    plain.write('a.bin', Buffer.alloc(900_000));
    plain.write('b.bin', Buffer.alloc(900_000));
    const project = await inspectProject(plain.root, plain.host, { stateDir: plain.state });
    const options = { id: 'L', scratchDir: plain.scratch, from: null, maxFileMb: 1 };
    await expect(takeSnapshot(project, plain.host, { ...options, maxTotalMb: 1 })).rejects.toMatchObject({
      code: 'too-large',
      message: expect.stringMatching(/the 5 files .* 2 MB.*maxTotalMb \(1\)/s),
    });
    const taken = await takeSnapshot(project, plain.host, { ...options, maxTotalMb: 2 });
    expect(taken).toMatchObject({ omitted: ['large.bin'], head: null, dirty: true });
  });

  it('that is everybody’s, or another user’s home, is refused', async () => {
    const { host } = plainDirectory();
    for (const dir of ['/etc', '/tmp', '/usr', '/proc/self', '/var/mail'].filter((name) => fs.existsSync(name))) {
      const asked = inspectProject(dir, { ...host, state: '/nowhere' }, { stateDir: '/nowhere' });
      await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/bad-project|unreadable/), exit: 2 });
    }
    expect(fs.existsSync('/nowhere')).toBe(false);
  });

  it('that has a damaged .git is not taken for one', async () => {
    const plain = plainDirectory();
    plain.write('.git', 'gitdir: /nowhere\n');
    const asked = inspectProject(plain.root, plain.host, { stateDir: plain.state });
    await expect(asked).rejects.toMatchObject({ code: 'bad-repository' });
    expect(fs.existsSync(plain.own)).toBe(false);
  });

  it('is not made anew at apply: there would be nothing in it', async () => {
    const plain = plainDirectory();
    await expect(plain.project()).rejects.toMatchObject({ code: 'no-repository' });
    expect(fs.existsSync(plain.own)).toBe(false);
  });

  it('that becomes a repository takes along what was kept', async () => {
    const plain = plainDirectory();
    const { host, scratch } = plain;
    await inspectProject(plain.root, host, { stateDir: plain.state });
    const dispatch = await dispatchIn(plain);
    plain.git('init', '-q');
    plain.git('add', '-A');
    plain.git('commit', '-qm', 'first');
    usual(dispatch.copy);
    // Until the next admission everything stays where it was.
    const { commit } = await dispatch.harvest();
    const project = await inspectProject(plain.root, host, { stateDir: plain.state });
    expect(project).toMatchObject({ own: false, gitDir: path.join(plain.root, '.git') });
    expect(plain.git('rev-parse', 'refs/pancode/ID/result')).toBe(commit);
    expect(fs.existsSync(path.join(plain.root, '.git', 'FETCH_HEAD'))).toBe(false);
    const given = { id: 'ID', base: dispatch.base, result: commit as string, journalDir: path.join(scratch, 'apply') };
    expect((await applyChanges(project, host, given)).outcome).toBe('applied');
    expect(plain.git('status', '--porcelain').split('\n')).toEqual([' D README.md', ' M src/a.ts', '?? added/']);
  });
});

describe('without a commit', () => {
  it('an empty repository, and one with files', async () => {
    const empty = emptyRepository();
    const trip = await roundTrip(empty, (copy) => copy.write('first.txt', 'x\n'));
    expect(trip).toMatchObject({ files: ['first.txt'], reason: null });
    const files = emptyRepository();
    files.write('README.md', 'x\n');
    files.write('src/a.ts', 'y\n');
    files.git('add', 'README.md');
    expect(await roundTrip(files, usual)).toMatchObject({ files: USUAL, reason: null });
  });
});

describe('where the work tree and its git directory are', () => {
  it('a linked worktree with a detached HEAD and its own configuration', async () => {
    const repository = smallRepository();
    repository.git('config', 'extensions.worktreeConfig', 'true');
    const linked = at(path.join(repository.scratch, '-a linked\nworktree'), repository.host, repository.scratch);
    repository.git('worktree', 'add', '-q', '--detach', linked.root);
    linked.git('config', '--worktree', 'core.excludesFile', '/nowhere');
    const before = pictureOfRepository(repository);
    expect(await roundTrip(linked, usual)).toMatchObject({ files: USUAL, reason: null });
    expect(await linked.project()).toMatchObject({ excludesFile: '/nowhere' });
    expect(pictureOfRepository(repository)).toEqual(before);
  });

  it('core.worktree: with a way back it works; without one the refusal makes one', async () => {
    const repository = smallRepository();
    const gitDir = path.join(repository.scratch, "the 'data'.git");
    fs.renameSync(path.join(repository.root, '.git'), gitDir);
    repository.gitIn(gitDir, 'config', 'core.worktree', repository.root);
    repository.gitIn(gitDir, 'config', 'core.bare', 'false');
    const admit = (cwd: string) => inspectProject(cwd, repository.host, { stateDir: '/nowhere' });
    await expect(admit(gitDir)).rejects.toMatchObject({ code: 'bare', exit: 2 });
    repository.write('.git', `gitdir: ${gitDir}\n`);
    expect(await roundTrip(repository, usual)).toMatchObject({ files: USUAL, reason: null });

    const inner = at(path.join(repository.scratch, 'outer', 'inner'), repository.host, repository.scratch);
    inner.write('x', 'x');
    inner.git('init', '-q');
    inner.git('config', 'core.worktree', '../..');
    const refused = await admit(inner.root).catch((error) => error);
    expect(refused).toMatchObject({ code: 'no-way-back', exit: 2 });
    execFileSync('sh', ['-c', /Run: (.*)$/s.exec(refused.do)?.[1] as string]);
    await expect(admit(inner.root)).resolves.toMatchObject({ root: path.dirname(inner.root) });
  });

  it('a format this git does not know is refused with git’s own words', async () => {
    const repository = smallRepository();
    repository.git('config', 'core.repositoryFormatVersion', '1');
    repository.git('config', 'extensions.fromTheFuture', 'true');
    await expect(inspectProject(repository.root, repository.host, { stateDir: '/nowhere' })).rejects.toMatchObject({
      code: 'new-repository',
      message: expect.stringMatching(/fromthefuture/i),
    });
  });

  it('another file system than the state: nothing needs a hard link', async ({ skip }) => {
    const shm = '/dev/shm';
    const there = fs.existsSync(shm) && fs.statSync(shm).dev !== fs.statSync(os.tmpdir()).dev;
    if (!there) return skip(`${shm} is no other file system`);
    const repository = smallRepository();
    const scratch = fs.mkdtempSync(path.join(shm, 'pancode '));
    try {
      expect(await roundTrip({ ...repository, scratch }, usual)).toMatchObject({ files: USUAL, reason: null });
    } finally {
      fs.rmSync(scratch, { recursive: true });
    }
  });

  it('a shallow clone, and one that borrows objects from another by a relative path', async () => {
    const source = smallRepository();
    const shallow = at(path.join(source.scratch, 'shallow'), source.host, source.scratch);
    source.git('clone', '-q', '--depth=1', `file://${source.root}`, shallow.root);
    expect(await roundTrip(shallow, usual)).toMatchObject({ files: USUAL, reason: null });
    const plain = path.join(source.scratch, 'plain');
    const shared = at(path.join(source.scratch, 'shared'), source.host, source.scratch);
    source.git('clone', '-q', source.root, plain);
    source.git('clone', '-q', '--shared', plain, shared.root);
    fs.writeFileSync(path.join(shared.root, '.git/objects/info/alternates'), '../../../plain/.git/objects\n');
    expect(await roundTrip(shared, usual, 'ID2')).toMatchObject({ files: USUAL, reason: null });
  });
});

describe('a partial clone', () => {
  function partial(...flags: string[]): Repository {
    const source = smallRepository();
    source.write('far/away.txt', 'far\n');
    source.write('src/other.ts', 'other\n');
    source.git('add', '-A');
    source.git('commit', '-qm', 'second');
    source.write('src/a.ts', 'third\n');
    source.git('commit', '-qam', 'third');
    source.git('config', 'uploadpack.allowFilter', 'true');
    const clone = at(path.join(source.scratch, 'partial'), source.host, source.scratch);
    source.git('clone', '-q', '--filter=blob:none', ...flags, `file://${source.root}`, clone.root);
    return clone;
  }
  const missingIn = (clone: Repository) =>
    clone
      .git('rev-list', '--objects', '--all', '--missing=print')
      .split('\n')
      .filter((line) => line[0] === '?').length;

  it('goes the whole way with what is there, and nothing is fetched', async () => {
    const clone = partial();
    const missing = missingIn(clone);
    expect(missing).toBeGreaterThan(0);
    expect(await roundTrip(clone, usual)).toMatchObject({ files: USUAL, reason: null });
    expect(missingIn(clone)).toBe(missing);
  });

  it('is not asked for an object, by any git that runs here', async () => {
    const clone = partial();
    const { host, root: cwd } = clone;
    const missing = missingIn(clone);
    // Each of the two is enough; gits differ in which they know.
    const changed: Record<string, string>[] = [{}, { GIT_NO_LAZY_FETCH: '0' }, { GIT_ALLOW_PROTOCOL: 'file' }];
    for (const env of changed)
      expect((await tryGit(host, ['cat-file', '-p', 'HEAD~1:src/a.ts'], { cwd, env })).code).not.toBe(0);
    expect(missingIn(clone)).toBe(missing);
    clone.git('cat-file', '-p', 'HEAD~1:src/a.ts');
    expect(missingIn(clone)).toBe(missing - 1);
  });

  it('is refused where a needed file is missing, and the command that is named helps', async () => {
    const clone = partial();
    const project = await clone.project();
    const options = { id: 'OLD', scratchDir: clone.scratch, from: 'HEAD~1', maxFileMb: 1, maxTotalMb: 1 };
    const missing = missingIn(clone);
    const refused = await takeSnapshot(project, clone.host, options).catch((error) => error);
    expect(refused).toMatchObject({ code: 'missing-objects', exit: 2, message: expect.stringContaining('1 files') });
    expect(missingIn(clone)).toBe(missing);
    expect(clone.git('for-each-ref', 'refs/pancode')).toBe('');
    const command = /`git (.*?)`/.exec(refused.do)?.[1] as string;
    clone.git(...command.split(' '));
    await expect(takeSnapshot(project, clone.host, options)).resolves.toMatchObject({ omitted: [] });
  });

  it('that is sparse too lacks only what is not checked out', async () => {
    const clone = partial('--sparse');
    clone.git('sparse-checkout', 'set', 'src');
    const missing = missingIn(clone);
    const trip = await roundTrip(clone, (copy) => {
      usual(copy);
      // Beside a file that is missing: the new tree names it.
      copy.write('far/new.txt', 'new\n');
    });
    expect(trip.files).toEqual(['README.md', 'added/new file.txt', 'far/new.txt', 'src/a.ts']);
    expect(trip.reason).toMatch(/outside of your sparse checkout/);
    expect(missingIn(clone)).toBe(missing);
  });
});

describe('a sparse checkout', () => {
  function sparse(...flags: string[]): Repository {
    const repository = smallRepository();
    repository.write('far/away.txt', 'far\n');
    repository.write('far/other.txt', 'other\n');
    repository.git('add', '-A');
    repository.git('commit', '-qm', 'second');
    repository.git('sparse-checkout', 'set', ...flags);
    return repository;
  }
  const bits = (repository: Repository) => repository.git('ls-files', '-v');

  it.each([
    ['cone', ['src']],
    ['sparse index', ['--sparse-index', 'src']],
    ['patterns', ['--no-cone', '/*', '!/far/']],
  ])('by %s: the copy has the same part, and the rest is neither lost nor touched', async (_, flags) => {
    const repository = sparse(...flags);
    const before = bits(repository);
    const trip = await roundTrip(repository, (copy) => {
      expect(copy.git('status', '--porcelain')).toBe('');
      expect(copy.git('ls-files', '-t', 'far')).toMatch(/^S /);
      copy.write('src/a.ts', 'export const a = 10;\n');
      copy.write('src/new.ts', 'new\n');
      copy.remove('README.md');
    });
    expect(trip).toMatchObject({ files: ['README.md', 'src/a.ts', 'src/new.ts'], reason: null });
    expect(trip.copied.some((name) => name.startsWith('far'))).toBe(false);
    expect(bits(repository)).toBe(before);
  });

  it('is left only by the user: a change outside is a conflict that says how, new file or known one', async () => {
    for (const [n, name] of ['far/away.txt', 'far/new.txt'].entries()) {
      const repository = sparse('src');
      const trip = await roundTrip(repository, (copy) => copy.write(name, 'written\n'), `ID${n}`);
      expect(trip.files).toEqual([name]);
      expect(trip.reason).toBe(
        `${name} is outside of your sparse checkout: \`git sparse-checkout add far\` lets it in.`,
      );
      expect(fs.existsSync(path.join(repository.root, 'far'))).toBe(false);
    }
  });

  it('may have a file from outside, with edits of the user: they are in the snapshot', async () => {
    const repository = sparse('src');
    repository.write('far/away.txt', 'edited by the user\n');
    const dispatch = await dispatchIn(repository);
    expect(repository.git('show', `${dispatch.base}:far/away.txt`)).toBe('edited by the user');
    expect(repository.git('show', `${dispatch.base}:far/other.txt`)).toBe('other');
  });

  it('is harvested again, and from a damaged index, without a loss', async () => {
    const repository = sparse('src');
    const dispatch = await dispatchIn(repository);
    dispatch.copy.write('src/a.ts', 'new\n');
    const first = await dispatch.harvest();
    expect(first).toMatchObject({ files: 1 });
    expect((await dispatch.harvest()).tree).toBe(first.tree);
    dispatch.copy.write('.gitattributes', '* text working-tree-encoding=nonsense\n');
    expect(await dispatch.harvest()).toMatchObject({ files: 2 });
  });
});

describe('repositories inside', () => {
  function withSubmodule(): Repository & { sub: Repository } {
    const repository = smallRepository();
    const other = smallRepository();
    const add = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', '--name', 'the sub'];
    repository.git(...add, other.root, 'lib/sub module');
    repository.git('commit', '-qm', 'submodule');
    const sub = at(path.join(repository.root, 'lib/sub module'), repository.host, repository.scratch);
    return { ...repository, sub };
  }
  const snapshot = async (repository: Repository, from: string | null = null) =>
    takeSnapshot(await repository.project(), repository.host, {
      ...{ id: 'S', scratchDir: repository.scratch, from, maxFileMb: 1, maxTotalMb: 1 },
    });

  it('a submodule stays a link to its commit', async () => {
    const repository = withSubmodule();
    const trip = await roundTrip(repository, usual);
    expect(trip).toMatchObject({ files: USUAL, reason: null });
    expect(trip.harvest).toMatchObject({ ignored: [], embedded: [] });
    expect(await snapshot(repository)).toMatchObject({ omitted: [], inner: ['lib/sub module'], dirty: false });
    const gitDir = path.join(repository.root, '.git/modules/the sub');
    expect(innerDirectories(repository.root, ['lib/sub module'])).toEqual([repository.sub.root, gitDir]);
    // A commit of its own is in the snapshot, as in `git add`.
    repository.sub.git('commit', '-q', '--allow-empty', '-m', 'moved');
    const { commit } = await snapshot(repository);
    expect(repository.git('rev-parse', `${commit}:lib/sub module`)).toBe(repository.sub.git('rev-parse', 'HEAD'));
  });

  it('work in a submodule that is in no commit is told of', async () => {
    const repository = withSubmodule();
    repository.sub.write('src/a.ts', 'edited\n');
    expect(await snapshot(repository)).toMatchObject({ omitted: ['lib/sub module/'] });
    repository.sub.git('checkout', '-q', '.');
    repository.sub.write('untracked', 'x');
    expect(await snapshot(repository)).toMatchObject({ omitted: ['lib/sub module/'] });
    const before = pictureOfRepository(repository);
    await roundTrip(repository, usual);
    expect(withoutTimes(pictureOfRepository(repository))).toEqual(withoutTimes(before));
  });

  it('what an agent leaves in the place of a submodule, or makes of it, is reported and does not become the result', async () => {
    const repository = withSubmodule();
    const filled = await roundTrip(repository, (copy) => copy.write('lib/sub module/new.txt', 'x\n'));
    expect(filled).toMatchObject({ files: [], harvest: { ignored: ['lib/sub module/'] } });
    const replaced = await roundTrip(
      repository,
      (copy) => {
        copy.remove('lib/sub module');
        copy.write('lib/sub module', 'a file\n');
        usual(copy);
      },
      'ID2',
    );
    expect(replaced).toMatchObject({ files: USUAL, harvest: { ignored: ['lib/sub module/'] } });
    const gone = await roundTrip(repository, (copy) => copy.remove('lib/sub module'), 'ID3');
    expect(gone).toMatchObject({ files: [], harvest: { ignored: ['lib/sub module/'] } });
    const another = await roundTrip(
      repository,
      (copy) => {
        const inner = at(path.join(copy.root, 'lib/sub module'), copy.host, copy.scratch);
        inner.write('x', 'x');
        inner.git('init', '-q');
        inner.git('-c', 'user.name=x', '-c', 'user.email=x', 'commit', '-q', '--allow-empty', '-m', 'x');
      },
      'ID4',
    );
    expect(another).toMatchObject({ files: [], harvest: { ignored: ['lib/sub module/'] } });
  });

  it('of another commit is shown only where the checkout is of that very commit', async () => {
    const repository = withSubmodule();
    expect(await snapshot(repository, 'HEAD')).toMatchObject({ inner: ['lib/sub module'] });
    repository.sub.git('commit', '-q', '--allow-empty', '-m', 'moved');
    repository.git('commit', '-qam', 'moved');
    expect(await snapshot(repository, 'HEAD')).toMatchObject({ inner: ['lib/sub module'] });
    expect(await snapshot(repository, 'HEAD~1')).toMatchObject({ inner: [] });
    repository.git('submodule', '--quiet', 'deinit', '--all', '--force');
    expect(await snapshot(repository, 'HEAD')).toMatchObject({ inner: [] });
    expect(await roundTrip(repository, usual)).toMatchObject({ files: USUAL, reason: null });
  });

  it('a nested repository is told of, and the work goes on around it', async () => {
    const repository = smallRepository();
    const nested = at(path.join(repository.root, 'vendor/ünested'), repository.host, repository.scratch);
    nested.write('x', 'x');
    nested.git('init', '-q');
    expect(await snapshot(repository)).toMatchObject({ omitted: ['vendor/ünested/'], inner: ['vendor/ünested'] });
    expect(await roundTrip(repository, usual)).toMatchObject({ files: USUAL, reason: null });
    const into = await roundTrip(repository, (copy) => copy.write('vendor/ünested/y', 'y\n'), 'ID2');
    expect(into.reason).toMatch(/would be written into the repository vendor\/ünested/);
  });
});

describe('programs of the user', () => {
  it('no hook, monitor, helper or upkeep runs, whatever is configured', async () => {
    const repository = smallRepository();
    const mark = path.join(repository.scratch, 'ran');
    const script = `#!/bin/sh\necho "$0" >> '${mark}'\n`;
    const hooks = path.join(repository.scratch, 'hooks');
    fs.mkdirSync(hooks);
    for (const hook of ['pre-commit', 'post-commit', 'post-checkout', 'post-index-change', 'reference-transaction'])
      for (const dir of [hooks, path.join(repository.root, '.git', 'hooks')])
        fs.writeFileSync(path.join(dir, hook), script, { mode: 0o755 });
    const monitor = path.join(hooks, 'monitor');
    fs.writeFileSync(monitor, script, { mode: 0o755 });
    for (const [name, value] of [
      ['core.hooksPath', hooks],
      ['core.fsmonitor', monitor],
      ['credential.helper', monitor],
      ['core.sshCommand', monitor],
      ['core.alternateRefsCommand', monitor],
      ['uploadpack.packObjectsHook', monitor],
      ['core.editor', monitor],
      ['gc.auto', '1'],
      ['gc.autoDetach', 'false'],
      ['maintenance.strategy', 'incremental'],
      ['core.untrackedCache', 'true'],
      ['core.splitIndex', 'true'],
    ])
      repository.git('config', name as string, value as string);
    fs.rmSync(mark, { force: true });
    const packs = () => fs.readdirSync(path.join(repository.root, '.git/objects/pack')).length;
    const before = packs();
    expect(await roundTrip(repository, usual)).toMatchObject({ files: USUAL, reason: null });
    expect(fs.existsSync(mark)).toBe(false);
    // Only what the harvest brought.
    expect(packs() - before).toBeLessThanOrEqual(3);
    expect(
      fs.readdirSync(path.join(repository.root, '.git')).filter((name) => /sharedindex|gc\.log/.test(name)),
    ).toEqual([]);
  });
});
