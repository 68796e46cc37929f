import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkoutAt, createCopy, pristineIndex } from '../../../src/drivers/workspace/copy.ts';
import { takeSnapshot } from '../../../src/drivers/workspace/snapshot.ts';
import { at, pictureOf, pictureOfRepository, type Repository, smallRepository } from './user-repository.ts';

/** A copy of the working tree as it is now, used without a sandbox. */
async function copyOf(repository: Repository, unsandboxed = true): Promise<Repository & { commit: string }> {
  const project = await repository.project();
  const { commit } = await takeSnapshot(project, repository.host, {
    id: 'ID',
    scratchDir: path.join(repository.scratch, 'snapshot'),
    from: null,
    maxFileMb: 10,
    maxTotalMb: 10,
  });
  const dir = path.join(repository.scratch, 'copy');
  await createCopy(project, repository.host, { id: 'ID', commit, dir, unsandboxed });
  // As an agent sees it: without the user's home.
  const home = path.join(repository.scratch, 'agent home');
  fs.mkdirSync(home, { recursive: true });
  return { ...at(dir, { ...repository.host, home }, repository.scratch), commit };
}

const files = (dir: string) => pictureOf(dir, (name) => name === '.git', false);

describe('the copy of a writer', () => {
  it('has every file of the snapshot, and is clean to git', async () => {
    const repository = smallRepository();
    repository.write('src/a.ts', 'edited\n');
    repository.write('new\nfile', 'new');
    repository.write(Buffer.from([0x66, 0xff, 0x66]), 'no UTF-8');
    fs.symlinkSync('/nowhere', path.join(repository.root, 'dangling'));
    fs.chmodSync(path.join(repository.root, 'README.md'), 0o755);
    const copy = await copyOf(repository);
    expect(files(copy.root)).toEqual(files(repository.root));
    expect(copy.git('status', '--porcelain')).toBe('');
    expect(copy.git('rev-parse', 'HEAD')).toBe(copy.commit);
    expect(fs.statSync(copy.root).mode & 0o777).toBe(0o700);
    expect(fs.readFileSync(pristineIndex(copy.root))).toEqual(fs.readFileSync(path.join(copy.root, '.git', 'index')));
  });

  it("is a repository of its own: nothing done in it reaches the user's", async () => {
    const repository = smallRepository();
    const copy = await copyOf(repository);
    const before = pictureOfRepository(repository);
    const refs = repository.git('for-each-ref');
    copy.write('src/a.ts', 'by the agent\n');
    copy.git('commit', '-qam', 'by the agent');
    copy.git('tag', 'mine');
    copy.git('checkout', '-qb', 'topic');
    copy.git('config', 'core.hooksPath', '/tmp');
    expect(copy.git('log', '-1', '--format=%an <%ae>')).toBe('Ada Lovelace <ada@example.org>');
    expect(copy.git('remote')).toBe('');
    expect(copy.git('log', '--format=%s', '-1', 'HEAD~2')).toBe('first');
    expect(pictureOfRepository(repository)).toEqual(before);
    expect(repository.git('for-each-ref')).toBe(refs);
  });

  it('holds only what the agent adds: objects are borrowed', async () => {
    const copy = await copyOf(smallRepository());
    expect(copy.git('count-objects')).toBe('0 objects, 0 kilobytes');
    expect(copy.git('fsck', '--full')).toBe('');
  });

  it('borrows where a sandbox mounts the objects, every directory of them', async () => {
    const repository = smallRepository();
    const plain = path.join(repository.scratch, 'plain');
    const shared = at(path.join(repository.scratch, 'shared'), repository.host, repository.scratch);
    repository.git('clone', '-q', repository.root, plain);
    repository.git('clone', '-q', '--shared', plain, shared.root);
    const copy = await copyOf(shared, false);
    expect(copy.read('.git/objects/info/alternates')).toBe('"/run/pancode/objects"\n"/run/pancode/objects-1"\n');
  });

  it('ignores what the user ignores on this machine alone', async () => {
    const repository = smallRepository();
    repository.write('.git/info/exclude', '*.local\n');
    fs.mkdirSync(path.join(repository.host.home, '.config', 'git'), { recursive: true });
    fs.writeFileSync(path.join(repository.host.home, '.config', 'git', 'ignore'), '*.global\n!c.local');
    const copy = await copyOf(repository);
    for (const name of ['a.local', 'b.global', 'c.local', 'd.log', 'e.txt']) copy.write(name);
    expect(copy.git('status', '--porcelain').split('\n')).toEqual(['?? e.txt']);
    repository.git('config', 'core.excludesFile', '~/named');
    fs.writeFileSync(path.join(repository.host.home, 'named'), '*.named');
    fs.rmSync(copy.root, { recursive: true });
    const other = await copyOf(repository);
    for (const name of ['a.local', 'b.global', 'c.named']) other.write(name);
    expect(other.git('status', '--porcelain')).toBe('?? b.global');
  });

  it('runs none of the programs of the user, and changes no line end', async () => {
    const repository = smallRepository();
    const mark = path.join(repository.scratch, 'mark');
    repository.write('.gitattributes', '*.m filter=mark\n*.crlf text eol=crlf\n');
    repository.write('a.m', 'a');
    repository.write('b.crlf', 'b\r\n');
    repository.write('c.txt', 'c\n');
    repository.git('config', 'core.autocrlf', 'true');
    for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction'])
      repository.write(`.git/hooks/${hook}`, `#!/bin/sh\ntouch '${mark}'\n`, 0o755);
    repository.git('config', 'filter.mark.smudge', `touch '${mark}'; cat`);
    const copy = await copyOf(repository);
    expect(fs.existsSync(mark)).toBe(false);
    // What the tree's own attributes say counts, as in any fresh clone.
    expect([copy.read('a.m'), copy.read('b.crlf'), copy.read('c.txt')]).toEqual(['a', 'b\r\n', 'c\n']);
    expect(fs.readdirSync(path.join(copy.root, '.git'))).not.toContain('hooks');
    expect(copy.git('status', '--porcelain')).toBe('');
  });

  it('works for shallow repositories, linked worktrees and sha256', async () => {
    const source = smallRepository();
    source.write('src/a.ts', 'second\n');
    source.git('commit', '-qam', 'second');
    const shallow = at(path.join(source.scratch, 'shallow'), source.host, source.scratch);
    source.git('clone', '-q', '--depth=1', `file://${source.root}`, shallow.root);
    const copy = await copyOf(shallow);
    expect(copy.git('log', '--format=%s', 'HEAD').split('\n')).toEqual(
      ['pancode: snapshot for ID'].slice(0, 1).concat('second'),
    );

    const modern = smallRepository(['--object-format=sha256']);
    const linked = at(path.join(modern.scratch, 'linked'), modern.host, modern.scratch);
    modern.git('worktree', 'add', '-q', '-b', 'other', linked.root);
    const second = await copyOf(linked);
    expect(second.git('rev-parse', 'HEAD')).toHaveLength(64);
    expect(second.git('status', '--porcelain')).toBe('');
  });

  it('has an author even where the user has none, and refuses a place that is taken', async () => {
    const repository = smallRepository();
    fs.rmSync(path.join(repository.host.home, '.gitconfig'));
    const copy = await copyOf(repository);
    copy.git('commit', '-q', '--allow-empty', '-m', 'x');
    expect(copy.git('log', '-1', '--format=%ae')).toBe('pancode@localhost');
    await expect(copyOf(repository)).rejects.toThrow('EEXIST');
  });
});

describe('checkoutAt', () => {
  it('is the commit, whatever has become of the tree', async () => {
    const repository = smallRepository();
    const first = files(repository.root);
    const commit = repository.git('rev-parse', 'HEAD');
    repository.write('src/a.ts', 'later\n');
    const dir = path.join(repository.scratch, 'check');
    await checkoutAt(await repository.project(), repository.host, commit, dir, { unsandboxed: true });
    expect(files(dir)).toEqual(first);
  });
});
