/** Refs that move into the trash and back, and what an agent leaves beside its result. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { deleteRefs, heldRefs, moveRefs, workFiles, workOf } from '../../../src/drivers/workspace/salvage.ts';
import {
  keepBeside,
  keptFilesDir,
  markDiscarded,
  readTrash,
  unmarkDiscarded,
} from '../../../src/drivers/workspace/trash.ts';
import { dispatchIn } from './dispatch.ts';
import { pictureOfRepository, type Repository, smallRepository } from './user-repository.ts';

const record = { at: '2026-01-02T03:04:05.000Z', project: '/p' };
const refsOf = (repository: Repository) =>
  repository.git('for-each-ref', '--format=%(refname)', 'refs/pancode').split('\n');

async function worked(repository: Repository, id = 'ID') {
  const dispatch = await dispatchIn(repository, id);
  dispatch.copy.write('new\nfile', 'work\n');
  dispatch.copy.write('src/a.ts', 'export const a = 3;\n');
  await dispatch.harvest();
  return dispatch;
}

describe('refs', () => {
  it('are all found in the repository alone, with the files of the work', async () => {
    const repository = smallRepository();
    await worked(repository, 'B');
    await worked(repository, 'A');
    const project = await repository.project();
    const held = await heldRefs(project, repository.host);
    expect(held.map(({ id, discarded }) => [id, discarded])).toEqual([
      ['A', false],
      ['B', false],
    ]);
    const work = workOf(held[0]!);
    expect(work?.ref).toBe('refs/pancode/A/result');
    expect(await workFiles(project, repository.host, held[0]!, work!.commit)).toEqual(['new\nfile', 'src/a.ts']);
  });

  it('move into the trash and back, again without harm, and nothing else changes', async () => {
    const repository = smallRepository();
    await worked(repository);
    const project = await repository.project();
    const before = pictureOfRepository(repository);
    const names = refsOf(repository);
    await moveRefs(project, repository.host, 'ID', 'trash');
    expect(refsOf(repository)).toEqual(names.map((name) => name.replace('pancode/ID', 'pancode/trash/ID')));
    expect((await heldRefs(project, repository.host)).map(({ discarded }) => discarded)).toEqual([true]);
    await expect(moveRefs(project, repository.host, 'ID', 'trash')).rejects.toThrow(/no ref of ID/);
    await moveRefs(project, repository.host, 'ID', 'back');
    expect(refsOf(repository)).toEqual(names);
    expect(pictureOfRepository(repository)).toEqual(before);
  });

  it('of a move that was cut off count as not discarded, and the next move ends it', async () => {
    const repository = smallRepository();
    await worked(repository);
    const project = await repository.project();
    const names = refsOf(repository);
    repository.git('update-ref', 'refs/pancode/trash/ID/result', 'refs/pancode/ID/result');
    expect((await heldRefs(project, repository.host)).map(({ discarded }) => discarded)).toEqual([false]);
    await moveRefs(project, repository.host, 'ID', 'trash');
    expect(refsOf(repository)).toHaveLength(names.length);
    expect(refsOf(repository).every((name) => name.includes('/trash/'))).toBe(true);
  });

  it('that changed since they were looked at are not deleted', async () => {
    const repository = smallRepository();
    await worked(repository);
    const project = await repository.project();
    const [held] = await heldRefs(project, repository.host);
    repository.git('update-ref', 'refs/pancode/ID/result', 'HEAD');
    await expect(deleteRefs(project, repository.host, [...held!.refs.values()])).rejects.toThrow();
    expect(refsOf(repository)).toContain('refs/pancode/ID/base');
    const [now] = await heldRefs(project, repository.host);
    await deleteRefs(project, repository.host, [...now!.refs.values()]);
    expect(refsOf(repository)).toEqual(['']);
  });
});

describe('the trash', () => {
  it('gets ignored files, whole directories and repositories, and no git directory that would still work', async () => {
    const repository = smallRepository();
    const { copy, harvest } = await dispatchIn(repository);
    const trash = path.join(repository.scratch, 'trash');
    copy.write('ignored/deep/one', '1');
    copy.write('note.log', 'line\n');
    copy.write(Buffer.from('bad\xff.log', 'latin1'), 'bytes');
    copy.git('init', '-q', 'inner');
    copy.write('inner/file', 'kept');
    copy.git('init', '-q', '--bare', 'ignored/bare');
    const { ignored } = await harvest();
    await keepBeside(copy.root, trash, ignored, record);
    const files = keptFilesDir(trash);
    expect(fs.readFileSync(path.join(files, 'ignored/deep/one'), 'utf8')).toBe('1');
    expect(fs.readFileSync(path.join(files, 'note.log'), 'utf8')).toBe('line\n');
    expect(fs.readFileSync(Buffer.from(`${files}/bad\xff.log`, 'latin1'), 'utf8')).toBe('bytes');
    expect(fs.readdirSync(path.join(files, 'inner')).sort()).toEqual(['file', 'git-directory']);
    for (const bare of ['inner/git-directory', 'ignored/bare'])
      expect(() => repository.git('-C', path.join(files, bare), 'rev-parse', '--is-bare-repository')).toThrow();
    expect(fs.existsSync(path.join(copy.root, 'note.log'))).toBe(false);
    expect(fs.existsSync(path.join(copy.root, 'README.md'))).toBe(true);
    const read = readTrash(trash);
    expect(read).toMatchObject({ project: '/p', since: Date.parse(record.at), discarded: false });
    expect(read?.files.find((file) => file.path === 'note.log')).toEqual({ path: 'note.log', bytes: 5, kept: true });
  });

  it('ends what a crash cut off, and leaves where a link leads alone', async () => {
    const repository = smallRepository();
    const { copy, scratch } = { ...(await dispatchIn(repository)), scratch: repository.scratch };
    const trash = path.join(scratch, 'trash');
    const outside = path.join(scratch, 'outside');
    fs.mkdirSync(outside);
    fs.writeFileSync(path.join(outside, 'mine'), 'mine');
    copy.write('a.log', 'a');
    copy.write('b.log', 'b');
    fs.symlinkSync(outside, path.join(copy.root, 'ignored'));
    await keepBeside(copy.root, trash, ['a.log', 'b.log', 'ignored/mine', 'gone.log'], record);
    copy.write('a.log', 'a'); // as if its move had not been done yet
    fs.rmSync(path.join(keptFilesDir(trash), 'a.log'));
    await keepBeside(copy.root, trash, ['a.log', 'b.log'], record);
    expect(fs.readdirSync(keptFilesDir(trash)).sort()).toEqual(['a.log', 'b.log']);
    expect(fs.readFileSync(path.join(outside, 'mine'), 'utf8')).toBe('mine');
  });

  it('has a mark for a person’s no, which asking again does not make younger', async () => {
    const trash = path.join(smallRepository().scratch, 'trash');
    await markDiscarded(trash, record);
    await markDiscarded(trash, { ...record, at: '2027-01-01T00:00:00.000Z' });
    expect(readTrash(trash)).toMatchObject({ discarded: true, since: Date.parse(record.at) });
    unmarkDiscarded(trash);
    expect(readTrash(trash)).toBe(null);
  });

  it('with a damaged list is as old as it is', () => {
    const trash = path.join(smallRepository().scratch, 'trash');
    fs.mkdirSync(trash);
    fs.writeFileSync(path.join(trash, 'kept.json'), '{');
    expect(readTrash(trash)).toMatchObject({ project: null, since: fs.statSync(trash).mtimeMs, files: [] });
  });
});
