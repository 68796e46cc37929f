import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectProject } from '../../../src/drivers/workspace/inspect.ts';
import { at, emptyRepository, pictureOfRepository, type Repository, smallRepository } from './user-repository.ts';

const isRoot = process.getuid?.() === 0;

function admit(repository: Repository, cwd = repository.root) {
  return inspectProject(cwd, repository.host, { stateDir: path.join(repository.scratch, 'state') });
}

describe('a project', () => {
  it('is known by its real paths, from any directory of it', async () => {
    const repository = smallRepository();
    fs.symlinkSync(repository.root, path.join(repository.scratch, 'link'));
    const project = await admit(repository, path.join(repository.scratch, 'link', 'src'));
    expect(project).toEqual({
      root: repository.root,
      cwd: path.join(repository.root, 'src'),
      gitDir: path.join(repository.root, '.git'),
      commonDir: path.join(repository.root, '.git'),
      objectDirs: [path.join(repository.root, '.git', 'objects')],
      objectFormat: 'sha1',
      shallow: false,
      head: repository.git('rev-parse', 'HEAD'),
      identity: { name: 'Ada Lovelace', email: 'ada@example.org' },
      excludesFile: path.join(repository.host.home, '.config', 'git', 'ignore'),
      own: false,
      sparse: null,
      partial: false,
    });
  });

  it('has a file of the user’s own ignore patterns, wherever git would find it', async () => {
    const repository = smallRepository();
    for (const named of ['~/a b', '/somewhere/else', 'in/the project', '~root/x', '%(prefix)/etc/x']) {
      repository.git('config', 'core.excludesFile', named);
      const asked = repository.git('config', '--type=path', '--get', 'core.excludesFile');
      expect((await repository.project()).excludesFile).toBe(path.resolve(repository.root, asked));
    }
  });

  it('is not changed by being looked at', async () => {
    const repository = smallRepository();
    repository.write('src/a.ts', 'edited\n');
    const before = pictureOfRepository(repository);
    await admit(repository);
    expect(pictureOfRepository(repository)).toEqual(before);
  });

  it('may have no commit and no identity yet', async () => {
    const repository = emptyRepository();
    fs.writeFileSync(path.join(repository.host.home, '.gitconfig'), '[user]\n\tname = only a name\n');
    expect(await admit(repository)).toMatchObject({ head: null, identity: null });
  });

  it('may be in sha256 format', async () => {
    const repository = smallRepository(['--object-format=sha256']);
    const project = await admit(repository);
    expect(project.objectFormat).toBe('sha256');
    expect(project.head).toHaveLength(64);
  });

  it('may be sparse and partial', async () => {
    const source = smallRepository();
    source.git('config', 'uploadpack.allowFilter', 'true');
    const clone = at(path.join(source.scratch, 'partial'), source.host, source.scratch);
    source.git('clone', '-q', '--filter=blob:none', `file://${source.root}`, clone.root);
    expect(await admit(clone)).toMatchObject({ sparse: null, partial: true });
    clone.git('sparse-checkout', 'set', '--cone', 'src');
    expect(await admit(clone)).toMatchObject({ sparse: { cone: 'true' }, partial: true });
  });

  it('may be a linked worktree, a shared clone and shallow', async () => {
    const repository = smallRepository();
    const linked = path.join(repository.scratch, 'linked');
    repository.git('worktree', 'add', '-q', '--detach', linked);
    expect(await admit(repository, linked)).toMatchObject({
      root: linked,
      gitDir: path.join(repository.root, '.git', 'worktrees', 'linked'),
      commonDir: path.join(repository.root, '.git'),
    });
    // git itself cannot share a repository whose path has a newline.
    const plain = path.join(repository.scratch, 'plain "clone"');
    repository.git('clone', '-q', repository.root, plain);
    const shared = path.join(repository.scratch, 'shared');
    repository.git('clone', '-q', '--shared', plain, shared);
    expect((await admit(repository, shared)).objectDirs).toEqual([
      path.join(shared, '.git', 'objects'),
      path.join(plain, '.git', 'objects'),
    ]);
    const shallow = path.join(repository.scratch, 'shallow');
    repository.git('clone', '-q', '--depth=1', `file://${repository.root}`, shallow);
    expect((await admit(repository, shallow)).shallow).toBe(true);
  });
});

describe('refused', () => {
  const refusal = async (code: string, repository: Repository, cwd?: string) => {
    const before = pictureOfRepository(repository);
    await expect(admit(repository, cwd)).rejects.toMatchObject({ name: 'PanError', code, exit: 2 });
    expect(pictureOfRepository(repository)).toEqual(before);
  };

  it('what is no directory', async () => {
    const repository = smallRepository();
    await refusal('no-directory', repository, path.join(repository.root, 'nowhere'));
    await refusal('no-directory', repository, path.join(repository.root, 'README.md'));
  });

  it.skipIf(isRoot)('a directory that cannot be read', async () => {
    const repository = smallRepository();
    const closed = path.join(repository.root, 'closed');
    fs.mkdirSync(closed, { mode: 0 });
    await expect(admit(repository, closed)).rejects.toMatchObject({ code: 'unreadable' });
    fs.chmodSync(closed, 0o700);
  });

  it('the root directory, HOME, what holds HOME, and a repository that is HOME', async () => {
    const repository = smallRepository();
    await refusal('bad-project', repository, '/');
    await refusal('bad-project', repository, repository.host.home);
    await refusal('bad-project', repository, path.dirname(repository.root));
    execFileSync('git', ['init', '-q', repository.host.home], { env: { PATH: repository.host.path } });
    const below = path.join(repository.host.home, 'notes');
    fs.mkdirSync(below);
    await refusal('bad-project', repository, below);
  });

  it('a project in the state directory, and one that holds it', async () => {
    const repository = smallRepository();
    const inspect = (stateDir: string) => inspectProject(repository.root, repository.host, { stateDir });
    await expect(inspect(repository.root)).rejects.toMatchObject({ code: 'bad-project' });
    await expect(inspect(path.dirname(repository.root))).rejects.toMatchObject({ code: 'bad-project' });
    await expect(inspect(path.join(repository.root, 'not', 'made', 'yet'))).rejects.toMatchObject({
      code: 'bad-project',
    });
    // A longer name beside it is another place.
    await expect(inspect(`${repository.root}-state`)).resolves.toMatchObject({ root: repository.root });
  });

  it('a directory without a repository, and one without a work tree', async () => {
    const repository = smallRepository();
    const plain = path.join(repository.scratch, 'plain');
    fs.mkdirSync(plain);
    await refusal('no-repository', repository, plain);
    await refusal('bare', repository, path.join(repository.root, '.git'));
    const bare = path.join(repository.scratch, 'bare.git');
    repository.git('clone', '-q', '--bare', repository.root, bare);
    await refusal('bare', repository, bare);
  });

  it('a damaged repository, with the words of git', async () => {
    const repository = smallRepository();
    fs.writeFileSync(path.join(repository.root, '.git', 'config'), '[core\n');
    await expect(admit(repository)).rejects.toMatchObject({
      code: 'bad-repository',
      message: expect.stringContaining('config'),
    });
  });

  it('an unfinished merge, but only at admission: work that is done must not be lost by it', async () => {
    const repository = smallRepository();
    repository.git('checkout', '-qb', 'other');
    repository.write('src/a.ts', 'theirs\n');
    repository.git('commit', '-qam', 'theirs');
    repository.git('checkout', '-q', 'main');
    repository.write('src/a.ts', 'ours\n');
    repository.git('commit', '-qam', 'ours');
    expect(() => repository.git('merge', '-q', 'other')).toThrow();
    await refusal('unmerged', repository);
    await expect(repository.project()).resolves.toMatchObject({ root: repository.root });
  });

  it.skipIf(isRoot)('a git directory that cannot be written, wherever it has to be', async () => {
    const repository = smallRepository();
    for (const name of ['.git', '.git/objects', '.git/refs']) {
      const dir = path.join(repository.root, name);
      fs.chmodSync(dir, 0o500);
      await refusal('git-read-only', repository);
      const { do: toDo } = await admit(repository).catch((error) => error);
      execFileSync('sh', ['-c', /`(.*?)`/s.exec(toDo)?.[1] as string]);
      await expect(admit(repository)).resolves.toMatchObject({ root: repository.root });
    }
  });

  it.runIf(isRoot)("another owner's repository, with the command that trusts it", async () => {
    const repository = smallRepository();
    execFileSync('chown', ['-R', '65534', repository.root]);
    const error = await admit(repository, path.join(repository.root, 'src')).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'foreign' });
    const command = /run: (git config.*)$/s.exec(error.do)?.[1] as string;
    execFileSync('sh', ['-c', command], { env: { PATH: repository.host.path, HOME: repository.host.home } });
    await expect(admit(repository)).resolves.toMatchObject({ root: repository.root });
  });

  it('an old git, without being asked for more', async () => {
    const repository = smallRepository();
    const bin = path.join(repository.scratch, 'bin');
    fs.mkdirSync(bin);
    const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
    // The real git but for its name: an old one is not to be had everywhere.
    const script = `#!/bin/sh\nfor a; do [ "$a" = version ] && { echo 'git version 2.37.9'; exit; }; done\nexec '${real}' "$@"\n`;
    fs.writeFileSync(path.join(bin, 'git'), script, { mode: 0o755 });
    const host = { ...repository.host, path: `${bin}:${repository.host.path}` };
    await expect(inspectProject(repository.root, host, { stateDir: '/nowhere' })).rejects.toMatchObject({
      code: 'old-git',
    });
  });
});
