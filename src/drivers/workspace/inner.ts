/**
 * Repositories inside the project: submodules, which the tree knows by a commit, and nested ones, of which it knows nothing. What is in
 * them is part of no snapshot and no result; an agent sees them read-only, so that it can build.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type GitHost, git, splitNul } from './git.ts';
import type { Listed, Project } from './inspect.ts';
import { type Name, textOf } from './names.ts';

/** Names of submodules whose checkout differs from its own commit, or has files that it does not know. */
export async function dirtySubmodules(project: Project, host: GitHost, listed: Listed): Promise<Name[]> {
  const there = listed.submodules.filter(({ name }) => isCheckedOut(project, name));
  if (there.length === 0) return [];
  const asked = ['status', '--porcelain=v2', '-z', '--no-renames', '--untracked-files=no', '--ignore-submodules=none'];
  const out = await git(host, [...asked, '--', ...there.map(({ name }) => `:(top,literal)${name}`)], {
    cwd: project.root,
  });
  // "1 .M SCMU …": a moved HEAD (C) is in the snapshot, edits (M) and untracked files (U) are not.
  return splitNul(out, 'latin1')
    .filter((line) => /^1 .. S.(M.|.U)/.test(line))
    .map((line) => line.split(' ').slice(8).join(' '));
}

/** Whether the working tree has the content of a submodule. */
export function isCheckedOut(project: Project, name: Name): boolean {
  return fs.existsSync(path.join(project.root, textOf(name), '.git'));
}

/** Submodules of a commit. */
export async function submodulesOf(
  project: Project,
  host: GitHost,
  commit: string,
): Promise<{ name: Name; commit: string }[]> {
  const entries = splitNul(await git(host, ['ls-tree', '-r', '-z', commit], { cwd: project.root }), 'latin1');
  return entries
    .filter((entry) => entry.startsWith('160000 '))
    .map((entry) => {
      const tab = entry.indexOf('\t');
      return { name: entry.slice(tab + 1), commit: entry.slice('160000 commit '.length, tab) };
    });
}

/**
 * Directories to mount read-only beside a copy: those of `names`, and where they keep their git directory, so that git works in them.
 * `names` as in a receipt. All at their own paths.
 */
export function innerDirectories(root: string, names: string[]): string[] {
  return names.flatMap((name) => {
    const dir = path.join(root, name);
    const gitFile = path.join(dir, '.git');
    const stat = fs.lstatSync(gitFile, { throwIfNoEntry: false });
    if (!stat) return [];
    if (!stat.isFile()) return [dir];
    const named = /^gitdir: (.*?)\n*$/s.exec(fs.readFileSync(gitFile, 'utf8'))?.[1];
    const gitDir = named === undefined ? null : path.resolve(dir, named);
    return gitDir !== null && fs.existsSync(gitDir) ? [dir, fs.realpathSync(gitDir)] : [dir];
  });
}
