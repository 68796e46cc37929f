/** Merges trees without touching a working tree, and builds the trees that are merged. */
import fs from 'node:fs';
import { type GitHost, type GitOptions, git, gitLine, lastLine, splitNul, tryGit } from './git.ts';
import { type IndexEntry, listFiles, type Project } from './inspect.ts';
import { type Name, onDisk } from './names.ts';
import { parentFault } from './prepare.ts';
import { together } from './several.ts';
import { indexCopy, isOverlooked, RECORD_IDENTITY, takeTracked, takeUntracked } from './snapshot.ts';
import type { Blob, TreeChange } from './tree-changes.ts';
import { NO_FETCH } from './written-form.ts';

export type Merged = { tree: string; ours: string } | { conflicts: Name[] };

/**
 * By git's own rules, merge drivers of the user's configuration included. `base` is a commit, the others are trees (as git names one);
 * `ours` comes back as a commit on the base.
 */
export async function mergeTrees(
  project: Project,
  host: GitHost,
  trees: { base: string; ours: string; theirs: string },
): Promise<Merged> {
  const [ours, theirs] = await Promise.all([
    commitTree(project, host, trees.ours, trees.base),
    commitTree(project, host, trees.theirs, trees.base),
  ]);
  const flags = ['--write-tree', '-z', '--name-only', '--no-messages'];
  const merged = await tryGit(host, ['merge-tree', ...flags, ours, theirs], {
    cwd: project.root,
    config: NO_FETCH,
  });
  const [tree, ...conflicts] = splitNul(merged.stdout, 'latin1');
  if (merged.code === 0 && tree !== undefined) return { tree, ours };
  if (merged.code === 1 && conflicts.length > 0) return { conflicts: [...new Set(conflicts)] };
  throw new Error(`git merge-tree failed in ${project.root}: ${lastLine(merged.stderr) || `status ${merged.code}`}`);
}

/** A commit of PanCode's own; in no ref yet. */
export function commitTree(project: Project, host: GitHost, tree: string, parent: string): Promise<string> {
  return gitLine(host, ['commit-tree', tree, '-p', parent, '-m', 'pancode: record'], {
    cwd: project.root,
    env: RECORD_IDENTITY,
  });
}

/** The working tree as it is now, as far as `names` may need it: all tracked files, and of the untracked ones those in `names`. */
export interface TreeNow {
  tree: string;
  /** Index file of that tree, with the stat data of the working tree. */
  index: string;
  overlooked: IndexEntry[];
}

/** Throws PanError for what git cannot read, and for unmerged files. The index file is in `scratchDir`, which is the caller's to remove. */
export async function treeNow(project: Project, host: GitHost, scratchDir: string, names: Name[]): Promise<TreeNow> {
  const index = indexCopy(project, scratchDir);
  const [{ entries }] = await together([
    listFiles(project.root, host, { untracked: false }),
    takeTracked(project, host, index),
  ]);
  const tracked = new Set(entries.map((entry) => entry.name));
  await takeUntracked(
    project,
    host,
    index,
    names.filter((name) => !tracked.has(name) && isPlain(project.root, name)),
  );
  const tree = await gitLine(host, ['write-tree'], { cwd: project.root, env: { GIT_INDEX_FILE: index } });
  return { tree, index, overlooked: entries.filter(isOverlooked) };
}

function isPlain(root: string, name: Name): boolean {
  if (parentFault(root, name, new Set()) !== null) return false;
  const stat = fs.lstatSync(onDisk(root, name), { throwIfNoEntry: false });
  return stat !== undefined && (stat.isFile() || stat.isSymbolicLink());
}

/** The tree of `commit` with some of its entries replaced; a file takes the place of a directory of its name, and the other way round. */
export async function treeWith(
  project: Project,
  host: GitHost,
  index: string,
  commit: string,
  entries: { name: Name; blob: Blob | null }[],
): Promise<string> {
  const at: GitOptions = { cwd: project.root, env: { GIT_INDEX_FILE: index } };
  await git(host, ['read-tree', commit], at);
  await putEntries(project, host, index, entries);
  return gitLine(host, ['write-tree'], at);
}

/** Replaces entries of an index. */
export async function putEntries(
  project: Project,
  host: GitHost,
  index: string,
  entries: { name: Name; blob: Blob | null }[],
): Promise<void> {
  const none = '0'.repeat(project.objectFormat === 'sha1' ? 40 : 64);
  // Removals first: a file may take the place of a directory.
  const ordered = [...entries.filter(({ blob }) => blob === null), ...entries.filter(({ blob }) => blob !== null)];
  const lines = ordered.map(({ name, blob }) => `${blob?.mode ?? '0'} ${blob?.id ?? none}\t${name}\0`).join('');
  await git(host, ['update-index', '-z', '--index-info'], {
    cwd: project.root,
    env: { GIT_INDEX_FILE: index },
    input: Buffer.from(lines, 'latin1'),
  });
}

/** Of `changes`, names whose file is not what `now` says, or was told to git as not to be looked at and differs. */
export async function changedSince(
  project: Project,
  host: GitHost,
  now: TreeNow,
  changes: TreeChange[],
): Promise<Name[]> {
  const at: GitOptions = { cwd: project.root, env: { GIT_INDEX_FILE: now.index } };
  const wanted = new Set(changes.map((change) => change.name));
  const blind = now.overlooked.filter((entry) => wanted.has(entry.name)).map((entry) => `${entry.name}\0`);
  if (blind.length > 0) {
    const input = Buffer.from(blind.join(''), 'latin1');
    for (const flag of ['--no-assume-unchanged', '--no-skip-worktree'])
      await git(host, ['update-index', flag, '-z', '--stdin'], { ...at, input });
  }
  const differing = splitNul(
    await git(host, ['diff-files', '--name-only', '-z', '--ignore-submodules=all'], at),
    'latin1',
  );
  return differing.filter((name) => wanted.has(name));
}
