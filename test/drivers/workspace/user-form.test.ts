/** Files with a filter of the user's: an agent sees what the user sees, and what it leaves is kept as the user's git keeps it. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCopy } from '../../../src/drivers/workspace/copy.ts';
import { changesOf } from '../../../src/drivers/workspace/diff.ts';
import { dispatchIn } from './dispatch.ts';
import { at, type Repository, smallRepository } from './user-repository.ts';

/** Files `*.turned` are rot13 in git. */
function turned(): Repository {
  const repository = smallRepository();
  repository.git('config', 'filter.turn.clean', 'tr a-z n-za-m');
  repository.git('config', 'filter.turn.smudge', 'tr n-za-m a-z');
  repository.write('.gitattributes', '*.turned filter=turn\n');
  for (const name of ['a.turned', 'b.turned', 'sub dir/c.turned']) repository.write(name, 'hello\n');
  repository.git('add', '-A');
  repository.git('commit', '-qm', 'turned');
  return repository;
}

describe('an agent’s copy', () => {
  it('has the user’s form, and its git sees no change in that', async () => {
    const repository = turned();
    repository.write('b.turned', 'edited\n');
    const { copy, base } = await dispatchIn(repository);
    expect(repository.git('show', `${base}:a.turned`)).toBe('uryyb');
    expect(['a.turned', 'b.turned', 'sub dir/c.turned'].map((name) => copy.read(name))).toEqual([
      'hello\n',
      'edited\n',
      'hello\n',
    ]);
    expect(copy.git('status', '--porcelain')).toBe('');
    expect(copy.git('fsck')).toBe('');
  });

  it('of a revision has the form a checkout of the user’s would have', async () => {
    const repository = turned();
    const commit = repository.git('rev-parse', 'HEAD');
    repository.write('a.turned', 'edited since\n');
    const dir = path.join(repository.scratch, 'copy');
    const project = await repository.project();
    await createCopy(project, repository.host, { id: 'ID', commit, dir, unsandboxed: true, revision: true });
    expect(fs.readFileSync(path.join(dir, 'a.turned'), 'utf8')).toBe('hello\n');
    expect(fs.readdirSync(repository.scratch).filter((name) => name.includes('written'))).toEqual([]);
  });

  it('is refused where a filter that must not fail does', async () => {
    const repository = turned();
    const commit = repository.git('rev-parse', 'HEAD');
    repository.git('config', 'filter.turn.smudge', 'false');
    repository.git('config', 'filter.turn.required', 'true');
    const dir = path.join(repository.scratch, 'copy');
    const options = { id: 'ID', commit, dir, unsandboxed: true, revision: true };
    await expect(createCopy(await repository.project(), repository.host, options)).rejects.toMatchObject({
      code: 'filter-failed',
    });
  });
});

describe('a harvest', () => {
  it('has nothing where nothing changed, with the index of the copy and without', async () => {
    const first = await dispatchIn(turned());
    expect(await first.harvest()).toMatchObject({ commit: null, files: 0 });
    const second = await dispatchIn(turned());
    fs.rmSync(`${second.copy.root}.index`);
    expect(await second.harvest()).toMatchObject({ commit: null, files: 0 });
    expect(second.repository.git('for-each-ref', 'refs/pancode/ID/result')).toBe('');
  });

  it('has git’s form of what was changed, added and moved', async () => {
    const { repository, copy, base, harvest } = await dispatchIn(turned());
    copy.write('a.turned', 'hello\nmore\n');
    copy.write('new.turned', 'new\n');
    fs.renameSync(path.join(copy.root, 'b.turned'), path.join(copy.root, 'moved.turned'));
    copy.write('plain.txt', 'plain\n');
    const found = await harvest();
    const shown = (name: string) => repository.git('show', `refs/pancode/ID/result:${name}`);
    expect(['a.turned', 'new.turned', 'moved.turned', 'plain.txt'].map(shown)).toEqual([
      'uryyb\nzber',
      'arj',
      'uryyb',
      'plain',
    ]);
    expect(found).toMatchObject({ files: 5, commit: repository.git('rev-parse', 'refs/pancode/ID/result') });
    expect(repository.git('rev-parse', `${found.commit}^`)).toBe(base);
  });

  it('reads no file through a link that the agent made', async () => {
    const repository = turned();
    const secret = path.join(repository.scratch, 'secret');
    fs.writeFileSync(secret, 'secret\n');
    const { copy, harvest } = await dispatchIn(repository);
    fs.rmSync(path.join(copy.root, 'a.turned'));
    fs.symlinkSync(secret, path.join(copy.root, 'a.turned'));
    await harvest();
    expect(repository.git('show', 'refs/pancode/ID/result:a.turned')).toBe(secret);
    const objects = repository.git('cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)');
    for (const line of objects.split('\n').filter((one) => one.endsWith(' blob')))
      expect(repository.git('cat-file', 'blob', line.split(' ')[0] as string)).not.toMatch(/^(secret|frperg)$/);
  });
});

it('a patch names large files without their bytes, and git applies it in the repository', async () => {
  const { repository, base, copy, harvest } = await dispatchIn(smallRepository());
  copy.write('large.bin', `${'x'.repeat(17 * 1024 * 1024)}\n`);
  copy.write('plain.txt', 'plain\n');
  const { commit } = await harvest();
  const found = await changesOf(await repository.project(), repository.host, base, commit as string);
  expect(found.patch.length).toBeLessThan(1_000);
  expect(found.files.map(({ path: name, added }) => [name, added])).toEqual([
    ['large.bin', null],
    ['plain.txt', 1],
  ]);
  const target = at(path.join(repository.scratch, 'target'), repository.host, repository.scratch);
  repository.git('worktree', 'add', '-q', '--detach', target.root, base);
  fs.writeFileSync(path.join(repository.scratch, 'the.patch'), found.patch);
  target.git('apply', '--index', path.join(repository.scratch, 'the.patch'));
  expect(target.git('write-tree')).toBe(repository.git('rev-parse', `${commit}^{tree}`));
});
