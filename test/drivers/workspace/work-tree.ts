/** A real repository in a temporary directory, and what can be seen of it from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createCopy } from '../../../src/drivers/workspace/copy.ts';
import type { GitHost } from '../../../src/drivers/workspace/git.ts';
import { harvest, prepareHarvest } from '../../../src/drivers/workspace/harvest.ts';
import { inspectProject, type Project } from '../../../src/drivers/workspace/inspect.ts';
import { takeSnapshot } from '../../../src/drivers/workspace/snapshot.ts';
import { tempDir } from '../../fixtures/temp.ts';

export interface Repository {
  root: string;
  /** Outside of the repository; removed with it. */
  beside: string;
  host: GitHost;
  git(...args: string[]): string;
  write(name: string, content: string | Buffer, mode?: number): void;
  read(name: string): string;
  has(name: string): boolean;
  project(): Promise<Project>;
}

export type Files = Record<string, string | Buffer>;

/** Made when the file is loaded: what a running test makes would not be removed. */
const ALL = tempDir();

/** A repository with one commit of `files`; without `files` it has none. */
export function repository(files?: Files, init: string[] = []): Repository {
  const beside = fs.mkdtempSync(path.join(ALL, 'repository '));
  const root = path.join(beside, 'the "project" ünï\nline');
  const home = path.join(beside, 'home');
  fs.mkdirSync(root);
  fs.mkdirSync(home);
  fs.writeFileSync(
    path.join(home, '.gitconfig'),
    '[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n',
  );
  const repo = at(root, beside, { home, path: process.env.PATH ?? '' });
  repo.git('init', '-q', ...init);
  if (files === undefined) return repo;
  for (const [name, content] of Object.entries(files)) repo.write(name, content);
  repo.git('add', '-A', '-f');
  repo.git('commit', '-q', '--allow-empty', '-m', 'first');
  return repo;
}

/** The same for a working tree that is there already. */
export function at(root: string, beside: string, host: GitHost): Repository {
  const file = (name: string) => path.join(root, name);
  return {
    root,
    beside,
    host,
    git: (...args) => git(root, host, args),
    write(name, content, mode = 0o644) {
      fs.mkdirSync(path.dirname(file(name)), { recursive: true });
      fs.writeFileSync(file(name), content);
      fs.chmodSync(file(name), mode);
    },
    read: (name) => fs.readFileSync(file(name), 'utf8'),
    has: (name) => fs.lstatSync(file(name), { throwIfNoEntry: false }) !== undefined,
    project: () => inspectProject(root, host),
  };
}

/** As the user runs it, with their configuration; the last line end is cut. */
export function git(cwd: string, host: GitHost, args: string[]): string {
  const env = { PATH: host.path, HOME: host.home, GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' };
  return execFileSync('git', args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    .toString('utf8')
    .replace(/\n$/, '');
}

/** Every file, link and directory below `root` but the git directory at its top: name (latin1) → kind, permissions, content. */
export function filesIn(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (dir: Buffer, prefix: string) => {
    for (const entry of fs.readdirSync(dir, { encoding: 'buffer', withFileTypes: true })) {
      const raw = entry.name as unknown as Buffer;
      const name = prefix + raw.toString('latin1');
      if (name === '.git') continue;
      const full = Buffer.concat([dir, Buffer.from('/'), raw]);
      const stat = fs.lstatSync(full);
      const mode = (stat.mode & 0o7777).toString(8);
      if (stat.isDirectory()) {
        found[`${name}/`] = mode;
        visit(full, `${name}/`);
      } else if (stat.isSymbolicLink())
        found[name] = `-> ${fs.readlinkSync(full, { encoding: 'buffer' }).toString('latin1')}`;
      else found[name] = `${mode} ${stat.isFile() ? sha(fs.readFileSync(full)) : 'special'}`;
    }
  };
  visit(Buffer.from(root), '');
  return found;
}

/** Everything in the git directory that is not an object and not PanCode's: a change of any byte, time or permission shows. */
export function gitDirectory(gitDir: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (dir: string) => {
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
      const full = path.join(dir, entry.name);
      const name = path.relative(gitDir, full);
      if (name === 'objects' || name === 'refs/pancode') continue;
      const stat = fs.lstatSync(full, { bigint: true });
      if (entry.isDirectory()) visit(full);
      else found[name] = `${stat.mode} ${stat.mtimeNs} ${sha(fs.readFileSync(full))}`;
    }
  };
  visit(gitDir);
  return found;
}

/** The user's view: status with every untracked file, branches, stash. */
export function userView(repo: Repository): string {
  const show = (...args: string[]) => repo.git(...args);
  return [
    show('status', '--porcelain=v2', '--branch', '--untracked-files=all', '--ignored'),
    show('for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads', 'refs/tags', 'refs/stash', 'refs/remotes'),
    show('diff', '--cached'),
  ].join('\n');
}

/** Names and content of a commit's files as text. */
export function filesOf(repo: Repository, commit: string): Record<string, string> {
  const names = repo.git('ls-tree', '-r', '-z', '--name-only', commit).split('\0').filter(Boolean);
  return Object.fromEntries(names.map((name) => [name, repo.git('cat-file', 'blob', `${commit}:${name}`)]));
}

export function sha(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

export interface Work {
  id: string;
  base: string;
  result: string;
  /** Options of apply and undo. */
  journalDir: string;
  undoDir: string;
}

/** What an agent's run leaves: snapshot, copy, `edit` in the copy, harvest. Without a sandbox, as `edit` is ours. */
export async function work(repo: Repository, id: string, edit: (copy: Repository) => void): Promise<Work> {
  const project = await repo.project();
  const place = (name: string) => path.join(repo.beside, `${name} ${id}`);
  const { commit } = await takeSnapshot(project, repo.host, {
    id,
    scratchDir: place('scratch'),
    from: null,
    maxFileMb: 50,
    maxTotalMb: 500,
  });
  await createCopy(project, repo.host, { id, commit, dir: place('copy'), unsandboxed: true });
  edit(at(place('copy'), repo.beside, repo.host));
  const work = { id, base: commit, copy: place('copy'), outDir: place('out'), unsandboxed: true };
  const command = prepareHarvest(project, repo.host, work);
  const harvested = await harvest(project, repo.host, { ...work, run: async (line) => runOnHost(command, line) });
  if (harvested.commit === null) throw new Error('the edit changed nothing');
  return { id, base: commit, result: harvested.commit, journalDir: place('apply'), undoDir: place('undo') };
}

function runOnHost([program, ...args]: string[], line: string): { code: number | null; stderr: string } {
  const ran = spawnSync(program as string, args, { encoding: 'utf8', input: `${line}\n` });
  return { code: ran.status, stderr: ran.stderr };
}
