/** Real repositories with a user's home of their own, and pictures of everything in them that must stay as it is. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { GitHost } from '../../../src/drivers/workspace/git.ts';
import { inspectProject, type Project } from '../../../src/drivers/workspace/inspect.ts';
import { tempDir } from '../../fixtures/temp.ts';

export interface Repository {
  root: string;
  /** An empty directory of the test's own, outside the repository. */
  scratch: string;
  host: GitHost;
  /** The user's git, with the user's own configuration. Returns its output without the last newline. */
  git(...args: string[]): string;
  gitIn(dir: string, ...args: string[]): string;
  /** Writes a file with its directories; `name` may be bytes. */
  write(name: string | Buffer, content?: string | Buffer, mode?: number): void;
  read(name: string): string;
  remove(name: string): void;
  project(): Promise<Project>;
}

/** Made when the file is loaded: what a running test makes would not be removed. */
const ALL = tempDir();

/** A repository without a commit. Its path has a space, a newline, a quote and letters beyond ASCII. */
export function emptyRepository(initFlags: string[] = []): Repository {
  const top = fs.mkdtempSync(path.join(ALL, 'repository '));
  const home = path.join(top, 'home');
  const root = path.join(top, 'my "project"\nnaïve');
  const scratch = path.join(top, 'scratch');
  for (const dir of [home, root, scratch]) fs.mkdirSync(dir);
  fs.writeFileSync(
    path.join(home, '.gitconfig'),
    '[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n',
  );
  const repository = at(root, { home, path: process.env.PATH ?? '/usr/bin:/bin' }, scratch);
  repository.git('init', '-q', ...initFlags);
  return repository;
}

/** One commit with a few files. */
export function smallRepository(initFlags: string[] = []): Repository {
  const repository = emptyRepository(initFlags);
  repository.write('README.md', '# project\n');
  repository.write('src/a.ts', 'export const a = 1;\n');
  repository.write('src/b.ts', 'export const b = 2;\n');
  repository.write('run.sh', '#!/bin/sh\necho run\n', 0o755);
  repository.write('.gitignore', 'ignored/\n*.log\n');
  repository.git('add', '-A');
  repository.git('commit', '-qm', 'first');
  return repository;
}

/** The same user's view of another directory, such as a clone or a linked worktree. */
export function at(root: string, host: GitHost, scratch: string): Repository {
  const inside = (name: string | Buffer) =>
    Buffer.concat([Buffer.from(`${root}/`), typeof name === 'string' ? Buffer.from(name) : name]);
  const gitIn = (dir: string, ...args: string[]) =>
    execFileSync('git', args, {
      cwd: dir,
      env: { PATH: host.path, HOME: host.home, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', GIT_EDITOR: 'true' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    }).replace(/\n$/, '');
  return {
    root,
    scratch,
    host,
    gitIn,
    git: (...args) => gitIn(root, ...args),
    write(name, content = '', mode) {
      const file = inside(name);
      fs.mkdirSync(file.subarray(0, file.lastIndexOf('/')), { recursive: true });
      fs.writeFileSync(file, content);
      if (mode !== undefined) fs.chmodSync(file, mode);
    },
    read: (name) => fs.readFileSync(inside(name), 'utf8'),
    remove: (name) => fs.rmSync(inside(name), { recursive: true }),
    project: () => inspectProject(root, host),
  };
}

/** Kind, permissions, content and (where wanted) time of change of everything below `dir` but what `skip` names. Names in latin1. */
export function pictureOf(dir: string, skip: (name: string) => boolean, times = true): Record<string, string> {
  const picture: Record<string, string> = {};
  const visit = (name: string) => {
    const place = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name, 'latin1')]);
    const stat = fs.lstatSync(place, { bigint: true });
    const mode = (stat.mode & 0o7777n).toString(8);
    const time = times ? ` ${stat.mtimeNs}` : '';
    if (stat.isDirectory()) {
      if (name !== '') picture[`${name}/`] = mode;
      for (const entry of fs.readdirSync(place, { encoding: 'buffer' })) {
        const inner = (name === '' ? '' : `${name}/`) + entry.toString('latin1');
        if (!skip(inner)) visit(inner);
      }
    } else if (stat.isSymbolicLink()) picture[name] = `link ${fs.readlinkSync(place, 'latin1')}`;
    else if (stat.isFile())
      picture[name] = `${mode}${time} ${createHash('sha256').update(fs.readFileSync(place)).digest('hex')}`;
    else picture[name] = 'special';
  };
  visit('');
  return picture;
}

/** All of a repository that PanCode must leave as it is: the working tree, and of the git directory all but objects and its own refs. */
export function pictureOfRepository(repository: Repository): Record<string, string> {
  return pictureOf(repository.root, (name) => name === '.git/objects' || name === '.git/refs/pancode');
}
