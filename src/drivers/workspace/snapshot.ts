/** The commit a dispatch starts from: the user's tree with its uncommitted and untracked files, made through a copy of their index. */
import fs from 'node:fs';
import path from 'node:path';
import { PanError } from '../../protocol/error.ts';
import { type GitHost, git, gitLine, splitNul, tryGit } from './git.ts';
import { type IndexEntry, listFiles, type Project } from './inspect.ts';
import { type Name, nameList, onDisk, textOf } from './names.ts';
import { baseRef } from './refs.ts';
import { together } from './several.ts';

export interface Snapshot {
  commit: string;
  head: string | null;
  dirty: boolean;
  /** What is in the working tree but not in it: untracked secrets, untracked files over the size limits, edits git was told to overlook. */
  omitted: string[];
}

/** Sizes in MB (10^6 bytes), for untracked files only. */
interface SnapshotLimits {
  maxFileMb: number;
  maxTotalMb: number;
}

export interface SnapshotOptions extends SnapshotLimits {
  id: string;
  /** Private directory for the copy of the index; made where it is missing. */
  scratchDir: string;
  /** A revision to start from instead of the working tree. */
  from: string | null;
}

/** Author and committer of every commit PanCode makes: they are records, not the user's work. */
export const RECORD_IDENTITY = {
  GIT_AUTHOR_NAME: 'PanCode',
  GIT_AUTHOR_EMAIL: 'pancode@localhost',
  GIT_COMMITTER_NAME: 'PanCode',
  GIT_COMMITTER_EMAIL: 'pancode@localhost',
};

/**
 * Takes the snapshot and holds it by `refs/pancode/<id>/base` before anything borrows its objects. Throws PanError for a revision that
 * is not there, for unmerged files and repositories inside, and for files that git cannot read. Six git processes in a clean working
 * tree, the first three at once. Clean filters of the user's configuration run as they do in `git add`; nothing else of theirs does.
 */
export async function takeSnapshot(project: Project, host: GitHost, options: SnapshotOptions): Promise<Snapshot> {
  const at = { cwd: project.root };
  if (options.from !== null) {
    const commit = await revision(project, host, options.from);
    await hold(project, host, options.id, commit);
    return { commit, head: project.head, dirty: false, omitted: [] };
  }
  const index = indexCopy(project, options.scratchDir);
  try {
    const [omitted, head] = await together([takeWorkingTree(project, host, index, options), headNow(project, host)]);
    const tree = await gitLine(host, ['write-tree'], { ...at, env: { GIT_INDEX_FILE: index } });
    const parents = head ? ['-p', head.commit] : [];
    const commit = await gitLine(host, ['commit-tree', tree, ...parents, '-m', `pancode: snapshot for ${options.id}`], {
      ...at,
      env: RECORD_IDENTITY,
    });
    await hold(project, host, options.id, commit);
    return { commit, head: head?.commit ?? null, dirty: tree !== head?.tree, omitted };
  } finally {
    fs.rmSync(index, { force: true });
  }
}

/** A copy of the user's index in `scratchDir`, which is made where it is missing. The caller removes the file. */
export function indexCopy(project: Project, scratchDir: string): string {
  fs.mkdirSync(scratchDir, { recursive: true, mode: 0o700 });
  const index = path.join(scratchDir, `index-${process.hrtime.bigint()}`);
  copyIndex(path.join(project.gitDir, 'index'), index);
  return index;
}

/**
 * Makes `index` say what the tracked files of the working tree are now. git keeps the stat data of unchanged files, so they are not read
 * again (10,000 files: some 30 ms). Throws PanError for what git cannot read.
 */
export async function takeTracked(project: Project, host: GitHost, index: string): Promise<void> {
  const updated = await tryGit(host, ['add', '-u', '--', ':(top)'], {
    cwd: project.root,
    env: { GIT_INDEX_FILE: index },
    // Mixed line ends are the user's to have; git would refuse here what it has accepted in the tree.
    config: ['core.safecrlf=false'],
  });
  if (updated.code !== 0) throw unreadable(project.root, updated.stderr);
}

/** Adds untracked files to `index`. One that vanished since it was listed is taken out, and one that stands where a directory was replaces it. */
export async function takeUntracked(project: Project, host: GitHost, index: string, names: Name[]): Promise<void> {
  if (names.length === 0) return;
  const added = await tryGit(host, ['update-index', '--add', '--remove', '--replace', '-z', '--stdin'], {
    cwd: project.root,
    env: { GIT_INDEX_FILE: index },
    config: ['core.safecrlf=false'],
    input: nameList(names),
  });
  if (added.code !== 0) throw unreadable(project.root, added.stderr);
}

/** Whether git was told to overlook what happens to the file. */
export const isOverlooked = (entry: IndexEntry) => entry.tag !== entry.tag.toUpperCase() || entry.tag === 'S';

/** Names the copy's owner is told about: what is in the working tree and was not taken. */
async function takeWorkingTree(
  project: Project,
  host: GitHost,
  index: string,
  limits: SnapshotLimits,
): Promise<string[]> {
  // Listed from a copy of its own: the other one is being rewritten, and in the user's own a file may have become tracked meanwhile.
  const before = `${index}-before`;
  copyIndex(index, before);
  const [{ entries, untracked }] = await together([
    listFiles(project.root, host, { env: { GIT_INDEX_FILE: before } }),
    takeTracked(project, host, index),
  ]).finally(() => fs.rmSync(before, { force: true }));
  const { taken, omitted } = chooseUntracked(project.root, untracked, limits);
  await takeUntracked(project, host, index, taken);
  const overlooked = await overlookedEdits(project, host, index, entries.filter(isOverlooked));
  return [...omitted, ...overlooked].map(textOf);
}

/** Edits in files git was told to overlook. They are left out, as they are from the user's own commits, but not in silence. */
async function overlookedEdits(project: Project, host: GitHost, index: string, entries: IndexEntry[]): Promise<Name[]> {
  const there = entries.filter((entry) => fs.lstatSync(onDisk(project.root, entry.name), { throwIfNoEntry: false }));
  if (there.length === 0) return [];
  const seeing = `${index}-seeing`;
  copyIndex(index, seeing);
  const at = { cwd: project.root, env: { GIT_INDEX_FILE: seeing } };
  try {
    const input = nameList(there.map((entry) => entry.name));
    for (const flag of ['--no-assume-unchanged', '--no-skip-worktree'])
      await git(host, ['update-index', flag, '-z', '--stdin'], { ...at, input });
    const differing = new Set(splitNul(await git(host, ['diff-files', '--name-only', '-z'], at), 'latin1'));
    return there.map((entry) => entry.name).filter((name) => differing.has(name));
  } finally {
    fs.rmSync(seeing, { force: true });
  }
}

/**
 * git looks twice at files that are not older than the index (racy files). A copy made later would hide an edit of the same size in the
 * same instant, so it keeps the time of the original; a little less, as this way of setting times rounds.
 */
export function copyIndex(from: string, to: string): void {
  const stat = fs.statSync(from, { throwIfNoEntry: false });
  if (!stat) return;
  fs.copyFileSync(from, to);
  fs.chmodSync(to, 0o600);
  fs.utimesSync(to, stat.atime, (stat.mtimeMs - 1) / 1_000);
}

/** Untracked secrets are never taken (safety-design §6); nor are files that would bloat the user's repository. Names in latin1. */
function chooseUntracked(
  root: string,
  names: string[],
  limits: SnapshotLimits,
): { taken: string[]; omitted: string[] } {
  const taken: string[] = [];
  const omitted: string[] = [];
  let total = 0;
  const prefix = Buffer.from(`${root}/`);
  for (const name of names) {
    const stat = fs.lstatSync(Buffer.concat([prefix, Buffer.from(name, 'latin1')]), { throwIfNoEntry: false });
    if (!stat) continue;
    const bytes = stat.isFile() ? stat.size : 0;
    const tooLarge = bytes > limits.maxFileMb * 1e6 || total + bytes > limits.maxTotalMb * 1e6;
    if (tooLarge || isSecretName(path.basename(name))) omitted.push(name);
    else {
      taken.push(name);
      total += bytes;
    }
  }
  return { taken, omitted };
}

/** `.env*`, `*.pem`, `id_*`. */
export function isSecretName(name: string): boolean {
  return /^(\.env.*|.*\.pem|id_.*)$/is.test(name);
}

async function headNow(project: Project, host: GitHost): Promise<{ commit: string; tree: string } | null> {
  const asked = await tryGit(host, ['rev-parse', 'HEAD^{commit}', 'HEAD^{tree}'], { cwd: project.root });
  const [commit = '', tree = ''] = asked.stdout.toString('utf8').trim().split('\n');
  // Without a commit, files of these very names make git repeat them.
  return asked.code === 0 && /^[0-9a-f]+$/.test(commit) ? { commit, tree } : null;
}

/** A branch, a tag or a commit that holds no submodules. */
async function revision(project: Project, host: GitHost, given: string): Promise<string> {
  const at = { cwd: project.root };
  const asked = await tryGit(host, ['rev-parse', '-q', '--verify', '--end-of-options', `${given}^{commit}`], at);
  const commit = asked.stdout.toString('utf8').trim();
  if (asked.code !== 0 || commit === '')
    throw new PanError(
      'unknown-revision',
      `There is no commit "${given}" in ${project.root}.`,
      'Give a branch, a tag or a commit.',
    );
  const entries = splitNul(await git(host, ['ls-tree', '-r', '-z', commit], at));
  const link = entries.find((entry) => entry.startsWith('160000 '));
  if (link === undefined) return commit;
  throw new PanError(
    'submodule',
    `"${given}" has the submodule ${link.slice(link.indexOf('\t') + 1)}, which is not handled yet.`,
    'Start from a commit without one.',
  );
}

function hold(project: Project, host: GitHost, id: string, commit: string): Promise<Buffer> {
  return git(host, ['update-ref', baseRef(id), commit], { cwd: project.root });
}

function unreadable(root: string, stderr: string): PanError {
  // Why, and which file, are said on different lines.
  const lines = stderr.split('\n').filter((line) => /^(error|fatal):/.test(line));
  const said = lines.slice(0, 3).join('; ') || stderr.trim();
  return new PanError(
    'unreadable-file',
    `git cannot read the working tree of ${root}: ${said}.`,
    'Make the file readable for you, or ignore it.',
  );
}
