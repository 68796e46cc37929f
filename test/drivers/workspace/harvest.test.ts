import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pristineIndex } from '../../../src/drivers/workspace/copy.ts';
import { type Dispatch, dispatchIn } from './dispatch.ts';
import { at, pictureOf, pictureOfRepository, type Repository, smallRepository } from './user-repository.ts';

/** `A name`, `M name`, `D name`, `T name` from the base to the result. */
function changed({ repository, base }: Dispatch): string[] {
  const fields = repository
    .git('diff', '-z', '--no-renames', '--name-status', base, 'refs/pancode/ID/result')
    .split('\0');
  return fields.filter(Boolean).flatMap((field, n, all) => (n % 2 === 0 ? [`${field} ${all[n + 1]}`] : []));
}

/** A repository with a commit. */
function makeRepository(copy: Repository, name: string): void {
  copy.git('init', '-q', name);
  const author = ['-c', 'user.name=x', '-c', 'user.email=x'];
  copy.gitIn(path.join(copy.root, name), ...author, 'commit', '-q', '--allow-empty', '-m', 'x');
}

describe('the work of an agent', () => {
  it('is all in the result: edits, new and removed files, permissions, links, any name', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy, repository, base } = dispatch;
    const before = pictureOfRepository(repository);
    copy.write('src/a.ts', 'by the agent\n');
    copy.remove('src/b.ts');
    copy.write('new\nline 日本', 'new');
    copy.write(Buffer.from([0x66, 0xff]), 'no UTF-8');
    copy.write('-rf', 'dash');
    copy.write('empty');
    fs.chmodSync(path.join(copy.root, 'run.sh'), 0o644);
    fs.symlinkSync('/etc/passwd', path.join(copy.root, 'link'));
    copy.remove('README.md');
    copy.write('README.md/now a directory', 'x');
    const work = await dispatch.harvest();
    const there = pictureOf(copy.root, (name) => name === '.git', false);
    repository.git(
      'worktree',
      'add',
      '-q',
      '--detach',
      path.join(repository.scratch, 'result'),
      'refs/pancode/ID/result',
    );
    expect(pictureOf(path.join(repository.scratch, 'result'), (name) => name === '.git', false)).toEqual(there);
    repository.git('worktree', 'remove', '--force', path.join(repository.scratch, 'result'));
    expect(work).toMatchObject({ files: 10, ignored: [], embedded: [], commits: [] });
    expect(repository.git('rev-parse', 'refs/pancode/ID/result', 'refs/pancode/ID/result^@').split('\n')).toEqual([
      work.commit,
      base,
    ]);
    expect(pictureOfRepository(repository)).toEqual(before);
  });

  it('may be nothing: then there is no result', async () => {
    const dispatch = await dispatchIn(smallRepository());
    // Touched, and edited back.
    dispatch.copy.write('src/a.ts', 'x');
    dispatch.copy.write('src/a.ts', 'export const a = 1;\n');
    expect(await dispatch.harvest()).toMatchObject({ commit: null, files: 0 });
    expect(dispatch.repository.git('for-each-ref', 'refs/pancode/ID/result')).toBe('');
  });

  it('sees an edit of the same size in the same instant as the checkout', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const stat = fs.statSync(path.join(dispatch.copy.root, 'src/a.ts'));
    dispatch.copy.write('src/a.ts', 'export const b = 1;\n');
    fs.utimesSync(path.join(dispatch.copy.root, 'src/a.ts'), stat.atime, stat.mtime);
    expect((await dispatch.harvest()).files).toBe(1);
  });

  it('lists what git ignores, and leaves it out', async () => {
    const dispatch = await dispatchIn(smallRepository());
    dispatch.copy.write('ignored/a');
    dispatch.copy.write('ignored/b');
    dispatch.copy.write('x.log');
    dispatch.copy.write('src/y.log');
    dispatch.copy.write('z', 'z');
    expect(await dispatch.harvest()).toMatchObject({ ignored: ['ignored/', 'src/y.log', 'x.log'], files: 1 });
  });

  it('can be harvested again, also after a harvest that was killed', async () => {
    const dispatch = await dispatchIn(smallRepository());
    dispatch.copy.write('src/a.ts', 'by the agent\n');
    await expect(dispatch.harvest({ run: async () => ({ code: null, stderr: 'killed' }) })).rejects.toThrow('killed');
    const first = await dispatch.harvest();
    expect(await dispatch.harvest()).toMatchObject({ tree: first.tree, files: 1 });
    expect(fs.existsSync(dispatch.copy.root)).toBe(true);
  });

  it('needs no index of ours: one that is gone or damaged only costs time', async () => {
    for (const spoil of [(file: string) => fs.rmSync(file), (file: string) => fs.writeFileSync(file, 'garbage')]) {
      const dispatch = await dispatchIn(smallRepository());
      spoil(pristineIndex(dispatch.copy.root));
      dispatch.copy.write('src/a.ts', 'by the agent\n');
      dispatch.copy.remove('src/b.ts');
      await dispatch.harvest();
      expect(changed(dispatch)).toEqual(['M src/a.ts', 'D src/b.ts']);
    }
  });

  it('is found in sha256 repositories, and in trees of thousands of files', async () => {
    const dispatch = await dispatchIn(smallRepository(['--object-format=sha256']));
    for (let n = 0; n < 3_000; n++) dispatch.copy.write(`many/${n % 50}/${n}`, `${n}`);
    expect(await dispatch.harvest()).toMatchObject({ files: 3_000, ignored: [] });
  });
});

describe('commits the agent made', () => {
  it('count by their tree, whatever became of branches', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy } = dispatch;
    copy.git('checkout', '-q', '--orphan', 'unborn');
    copy.git('rm', '-rq', '--cached', '.');
    copy.write('src/a.ts', 'uncommitted, on a branch without a commit\n');
    await dispatch.harvest();
    expect(changed(dispatch)).toEqual(['M src/a.ts']);
  });

  it('are kept where their content is in no file any more', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy, repository } = dispatch;
    copy.write('lost.txt', 'committed and thrown away\n');
    copy.git('add', '-A');
    copy.git('commit', '-qm', 'one');
    copy.git('commit', '-q', '--amend', '-m', 'amended');
    copy.git('checkout', '-qb', 'side', 'HEAD^');
    copy.git('commit', '-q', '--allow-empty', '-m', 'side');
    copy.git('checkout', '-q', '--detach', dispatch.base);
    copy.git('branch', '-qD', 'side');
    copy.git('pack-refs', '--all');
    const work = await dispatch.harvest();
    expect(work.commit).toBeNull();
    const subjects = work.commits.map((ref) => repository.git('log', '-1', '--format=%s', ref)).sort();
    expect(subjects).toEqual(['amended', 'one', 'side']);
    expect(repository.git('show', `${work.commits[0]}:README.md`)).toBe('# project');
  });

  it('that are forged cost only themselves', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy, base } = dispatch;
    copy.write('src/a.ts', 'by the agent\n');
    const forged = path.join(copy.scratch, 'forged');
    fs.writeFileSync(forged, `tree ${copy.git('rev-parse', `${base}^{tree}`)}\nparent ${base}\nauthor nobody\n\nx\n`);
    const id = copy.git('hash-object', '-t', 'commit', '-w', '--literally', forged);
    fs.writeFileSync(path.join(copy.root, '.git', 'HEAD'), `${id}\n`);
    expect(await dispatch.harvest()).toMatchObject({ files: 1, commits: [] });
    expect(dispatch.repository.git('fsck')).not.toContain('error');
  });
});

describe('a hostile copy', () => {
  /** A program that leaves a mark, and the place of the mark. */
  function trap(repository: Repository): { mark: string; script: string } {
    const mark = path.join(repository.scratch, 'mark');
    const script = path.join(repository.scratch, 'trap');
    fs.writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> '${mark}'\ncat\n`, { mode: 0o755 });
    return { mark, script };
  }

  it('runs nothing: fsmonitor, hooks, filters and aliases of its configuration, also of a repository inside', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy, repository } = dispatch;
    const { mark, script } = trap(repository);
    const inner = at(path.join(copy.root, 'inner'), copy.host, copy.scratch);
    inner.write('x', 'x');
    inner.git('init', '-q');
    for (const each of [copy, inner]) {
      each.git('config', 'core.fsmonitor', `'${script}'`);
      each.git('config', 'core.hooksPath', path.dirname(script));
      for (const kind of ['clean', 'smudge', 'process']) each.git('config', `filter.trap.${kind}`, `'${script}'`);
      each.git('config', 'diff.trap.textconv', `'${script}'`);
      each.git('config', 'core.worktree', '/');
      each.write('.git/info/attributes', '* filter=trap diff=trap\n');
    }
    // The trap works.
    copy.git('--work-tree', copy.root, 'status');
    expect(fs.existsSync(mark)).toBe(true);
    fs.rmSync(mark);
    for (const hook of ['reference-transaction', 'post-index-change', 'pre-receive'])
      fs.copyFileSync(script, path.join(repository.root, '.git', 'hooks', hook));
    copy.write('.gitattributes', '* filter=trap diff=trap merge=trap\n');
    copy.write('src/a.ts', 'by the agent\n');
    const work = await dispatch.harvest();
    expect(fs.existsSync(mark)).toBe(false);
    expect(changed(dispatch)).toEqual(['A .gitattributes', 'M src/a.ts']);
    expect(work).toMatchObject({ embedded: ['inner/'], ignored: ['inner/'] });
    expect(repository.git('rev-parse', '--is-inside-work-tree')).toBe('true');
  });

  it('may turn tracked paths into repositories: reported, and the rest is kept', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy } = dispatch;
    copy.write('src/a.ts', 'by the agent\n');
    makeRepository(copy, 'src');
    copy.remove('README.md');
    makeRepository(copy, 'README.md');
    copy.write('new', 'new');
    const work = await dispatch.harvest();
    expect(work.embedded).toEqual(expect.arrayContaining(['README.md/']));
    expect(changed(dispatch)).toEqual(expect.arrayContaining(['A new', 'M src/a.ts']));
    expect(dispatch.repository.git('ls-tree', '-r', 'refs/pancode/ID/result')).not.toContain('160000');
  });

  it('may hold fifos where git reads: nobody waits, and they are named', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy } = dispatch;
    copy.remove('.gitignore');
    for (const name of ['.gitignore', '.gitattributes', 'src/.gitignore', 'pipe', '.git/HEAD.fifo'])
      execFileSync('mkfifo', [path.join(copy.root, name)]);
    fs.rmSync(path.join(copy.root, '.git', 'HEAD'));
    execFileSync('mkfifo', [path.join(copy.root, '.git', 'HEAD')]);
    copy.write('src/a.ts', 'by the agent\n');
    const work = await dispatch.harvest();
    expect(work.ignored).toEqual(expect.arrayContaining(['.gitignore', '.gitattributes', 'pipe', 'src/.gitignore']));
    expect(changed(dispatch)).toEqual(['D .gitignore', 'M src/a.ts']);
  });

  it.each([
    ['gone', 'rm -rf .git'],
    ['a link', 'rm -rf .git; ln -s / .git'],
    ['a file', "rm -rf .git; echo 'gitdir: /nowhere' > .git"],
    ['garbage', 'find .git -type f -exec sh -c "echo x > {}" \\;'],
    ['a circle', 'rm -rf .git/refs; ln -s .. .git/refs'],
  ])('may have no git directory of use: %s', async (_, spoil) => {
    const dispatch = await dispatchIn(smallRepository());
    execFileSync('sh', ['-c', spoil], { cwd: dispatch.copy.root });
    dispatch.copy.write('src/a.ts', 'by the agent\n');
    expect(await dispatch.harvest()).toMatchObject({ files: 1, commits: [] });
    expect(changed(dispatch)).toEqual(['M src/a.ts']);
  });

  it('may be empty', async () => {
    const dispatch = await dispatchIn(smallRepository());
    for (const name of fs.readdirSync(dispatch.copy.root)) dispatch.copy.remove(name);
    expect(await dispatch.harvest()).toMatchObject({ files: 5 });
    expect(changed(dispatch).every((line) => line.startsWith('D '))).toBe(true);
  });

  it('may take permissions away', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy } = dispatch;
    copy.write('closed/deep/file', 'inside');
    copy.write('file', 'x', 0);
    fs.chmodSync(path.join(copy.root, 'closed', 'deep'), 0);
    fs.chmodSync(path.join(copy.root, 'closed'), 0);
    fs.chmodSync(path.join(copy.root, 'src'), 0);
    expect(await dispatch.harvest()).toMatchObject({ files: 2, ignored: [] });
    expect(changed(dispatch)).toEqual(['A closed/deep/file', 'A file']);
  });

  it('may hold names git refuses to store: they are listed, and the rest is kept', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy } = dispatch;
    for (const name of ['sub/.GIT/config', 'git~1', 'sub/.git ', '.git./x', 'a/.g\u200cit/hooks/x', 'fine'])
      copy.write(name, '[core]\n');
    copy.write('src/a.ts', 'by the agent\n');
    const work = await dispatch.harvest();
    const kept = changed(dispatch);
    expect(kept).toEqual(expect.arrayContaining(['A fine', 'M src/a.ts']));
    // Whatever this git lets through is for the classes of paths to stop; nothing may be in neither list.
    const seen = [...kept.map((line) => line.slice(2)), ...work.ignored];
    for (const name of ['sub/.GIT/config', 'git~1', 'sub/.git ', '.git./x', 'a/.g\u200cit/hooks/x'])
      expect(seen.some((each) => name === each || name.startsWith(each.replace(/\/?$/, '/')))).toBe(true);
    expect(kept.join('\n')).not.toMatch(/\.git\//i);
  });

  it('may lead out by links: none is followed', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy, repository } = dispatch;
    const outside = path.join(repository.scratch, 'outside');
    fs.mkdirSync(outside);
    fs.writeFileSync(path.join(outside, 'a.ts'), 'secret of somebody else');
    copy.remove('src');
    fs.symlinkSync(outside, path.join(copy.root, 'src'));
    fs.symlinkSync(outside, path.join(copy.root, 'out'));
    fs.symlinkSync(path.join(outside, 'a.ts'), path.join(copy.root, '.gitattributes'));
    await dispatch.harvest();
    expect(changed(dispatch)).toEqual(['A .gitattributes', 'A out', 'A src', 'D src/a.ts', 'D src/b.ts']);
    const secret = repository.gitIn(outside, 'hash-object', 'a.ts');
    expect(() => repository.git('cat-file', '-e', secret)).toThrow();
  });

  it('may ask for an encoding that cannot be: bytes are then taken as they are', async () => {
    const dispatch = await dispatchIn(smallRepository());
    const { copy, repository } = dispatch;
    copy.write('.gitattributes', '*.ts working-tree-encoding=UTF-16LE-BOM\n*.x working-tree-encoding=no-such\n');
    copy.write('src/a.ts', 'odd');
    copy.write('b.x', 'x');
    copy.remove('src/b.ts');
    await dispatch.harvest();
    expect(changed(dispatch)).toEqual(['A .gitattributes', 'A b.x', 'M src/a.ts', 'D src/b.ts']);
    expect(repository.git('show', 'refs/pancode/ID/result:src/a.ts')).toBe('odd');
  });

  it('may ignore everything new: edits are still found, and the new files are named', async () => {
    const dispatch = await dispatchIn(smallRepository());
    dispatch.copy.write('.gitignore', '*\n');
    dispatch.copy.write('src/a.ts', 'by the agent\n');
    dispatch.copy.write('new', 'new');
    expect(await dispatch.harvest()).toMatchObject({ files: 2, ignored: ['new'] });
  });
});
