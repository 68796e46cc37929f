/** The commit a dispatch starts from: the user's tree with its uncommitted and untracked files, made through a copy of their index. */
import fs from 'node:fs';
import path from 'node:path';
import { isSecretPath } from '../../core/policy/secrets.ts';
import { PanError } from '../../protocol/error.ts';
import { type GitHost, git, gitLine, splitNul, tryGit } from './git.ts';
import { dirtySubmodules, isCheckedOut, submodulesOf } from './inner.ts';
import { type IndexEntry, type Listed, listFiles, type Project } from './inspect.ts';
import { refuseMissing } from './missing.ts';
import { type Name, nameList, onDisk, textOf } from './names.ts';
import { baseRef } from './refs.ts';
import { together } from './several.ts';
import { forget, keepIndex, listWholeTree, refuseTooLarge } from './whole-tree.ts';

export interface Snapshot {
  commit: string;
  head: string | null;
  dirty: boolean;
  /**
   * What is in the working tree but not in it: untracked secrets, untracked files over the size limits, edits git was told to overlook;
   * and with a "/" at the end nested repositories, and submodules with work that is in no commit.
   */
  omitted: string[];
  /** Submodules that are checked out, and nested repositories: what an agent may look at beside its copy. */
  inner: string[];
}

/** Sizes in MB (10^6 bytes), for untracked files only. */
interface SnapshotLimits {
  /** Names of untracked files that are the user's alone, whatever git says of them: `workspace.copy`. */
  without?: string[];
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
    await refuseMissing(project, host, commit, indexPlace(options.scratchDir));
    await hold(project, host, options.id, commit);
    return { commit, head: project.head, dirty: false, omitted: [], inner: await innerOf(project, host, commit) };
  }
  const index = indexCopy(project, options.scratchDir);
  try {
    const take = project.own ? takeWholeTree : takeWorkingTree;
    const [taken, head] = await together([take(project, host, index, options), headNow(project, host)]);
    const tree = await gitLine(host, ['write-tree'], { ...at, env: { GIT_INDEX_FILE: index } });
    const parents = head ? ['-p', head.commit] : [];
    const commit = await gitLine(host, ['commit-tree', tree, ...parents, '-m', `pancode: snapshot for ${options.id}`], {
      ...at,
      env: RECORD_IDENTITY,
    });
    await refuseMissing(project, host, commit, `${index}-missing`);
    await hold(project, host, options.id, commit);
    if (project.own) keepIndex(project, index);
    return { commit, head: head?.commit ?? null, dirty: tree !== head?.tree, ...taken };
  } finally {
    fs.rmSync(index, { force: true });
  }
}

/** A copy of the user's index in `scratchDir`, which is made where it is missing. The caller removes the file. */
export function indexCopy(project: Project, scratchDir: string): string {
  const index = indexPlace(scratchDir);
  copyIndex(path.join(project.gitDir, 'index'), index);
  return index;
}

function indexPlace(scratchDir: string): string {
  fs.mkdirSync(scratchDir, { recursive: true, mode: 0o700 });
  return path.join(scratchDir, `index-${process.hrtime.bigint()}`);
}

/**
 * Makes `index` say what the tracked files of the working tree are now. git keeps the stat data of unchanged files, so they are not read
 * again (10,000 files: some 30 ms). Throws PanError for what git cannot read.
 */
export async function takeTracked(project: Project, host: GitHost, index: string): Promise<void> {
  // A file the user has although it is outside of a sparse checkout counts too.
  const updated = await tryGit(host, ['add', '-u', '--sparse', '--', ':(top)'], {
    cwd: project.root,
    env: { GIT_INDEX_FILE: index },
    // Mixed line ends are the user's to have; git would refuse here what it has accepted in the tree. Of a submodule its commit counts.
    config: ['core.safecrlf=false', 'diff.ignoreSubmodules=dirty'],
  });
  if (updated.code !== 0) throw unreadable(project.root, updated.stderr);
}

/** So many new files are worth a pack: 50,000 small ones take 3 MB in one, 200 MB as files of their own. */
const MANY = 1_000;

/** Adds untracked files to `index`. One that vanished since it was listed is taken out, and one that stands where a directory was replaces it. */
export async function takeUntracked(project: Project, host: GitHost, index: string, names: Name[]): Promise<void> {
  if (names.length === 0) return;
  // What git takes for large goes into one pack.
  const pack = names.length > MANY ? ['core.bigFileThreshold=1'] : [];
  const added = await tryGit(host, ['update-index', '--add', '--remove', '--replace', '-z', '--stdin'], {
    cwd: project.root,
    env: { GIT_INDEX_FILE: index },
    config: ['core.safecrlf=false', ...pack],
    input: nameList(names),
  });
  if (added.code !== 0) throw unreadable(project.root, added.stderr);
}

/** Whether git was told to overlook what happens to the file. */
export const isOverlooked = (entry: IndexEntry) => entry.tag !== entry.tag.toUpperCase() || entry.tag === 'S';

/** What the copy's owner is told about. */
type Taken = Pick<Snapshot, 'omitted' | 'inner'>;

async function takeWorkingTree(project: Project, host: GitHost, index: string, limits: SnapshotLimits): Promise<Taken> {
  // Listed from a copy of its own: the other one is being rewritten, and in the user's own a file may have become tracked meanwhile.
  const before = `${index}-before`;
  copyIndex(index, before);
  const [listed] = await together([
    listFiles(project.root, host, { env: { GIT_INDEX_FILE: before } }),
    takeTracked(project, host, index),
  ]).finally(() => fs.rmSync(before, { force: true }));
  const { taken, omitted } = chooseUntracked(project.root, listed.untracked, limits);
  await takeUntracked(project, host, index, taken);
  const overlooked = await overlookedEdits(project, host, index, listed.entries.filter(isOverlooked));
  const inner = [...listed.nested, ...(await dirtySubmodules(project, host, listed))].map((name) => `${name}/`);
  return { omitted: [...omitted, ...overlooked, ...inner].map(textOf), inner: innerNames(project, listed) };
}

/** Of a project without git. Here too, what was looked at before is not read again. */
async function takeWholeTree(project: Project, host: GitHost, index: string, limits: SnapshotLimits): Promise<Taken> {
  const { names, nested, kept } = await listWholeTree(project, host, index);
  refuseTooLarge(project, names, limits);
  const { taken, omitted } = chooseUntracked(project.root, names, limits);
  const wanted = new Set(taken);
  const known = new Set(kept);
  await forget(
    project,
    host,
    index,
    kept.filter((name) => !wanted.has(name)),
  );
  await takeTracked(project, host, index);
  await takeUntracked(
    project,
    host,
    index,
    taken.filter((name) => !known.has(name)),
  );
  return { omitted: [...omitted, ...nested.map((name) => `${name}/`)].map(textOf), inner: nested.map(textOf) };
}

function innerNames(project: Project, { nested, submodules }: Pick<Listed, 'nested' | 'submodules'>): string[] {
  const there = submodules.map(({ name }) => name).filter((name) => isCheckedOut(project, name));
  return [...nested, ...there].map(textOf);
}

/** Submodules of a commit, where the one that is checked out is the very commit. */
async function innerOf(project: Project, host: GitHost, commit: string): Promise<string[]> {
  const wanted = await submodulesOf(project, host, commit);
  if (wanted.length === 0) return [];
  const { submodules } = await listFiles(project.root, host, { untracked: false });
  const now = new Map(submodules.map((one) => [one.name, one.commit]));
  return innerNames(project, { nested: [], submodules: wanted.filter((one) => now.get(one.name) === one.commit) });
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
    if (tooLarge || isSecretPath(name) || limits.without?.includes(textOf(name))) omitted.push(name);
    else {
      taken.push(name);
      total += bytes;
    }
  }
  return { taken, omitted };
}

async function headNow(project: Project, host: GitHost): Promise<{ commit: string; tree: string } | null> {
  const asked = await tryGit(host, ['rev-parse', 'HEAD^{commit}', 'HEAD^{tree}'], { cwd: project.root });
  const [commit = '', tree = ''] = asked.stdout.toString('utf8').trim().split('\n');
  // Without a commit, files of these very names make git repeat them.
  return asked.code === 0 && /^[0-9a-f]+$/.test(commit) ? { commit, tree } : null;
}

/** A branch, a tag or a commit. */
async function revision(project: Project, host: GitHost, given: string): Promise<string> {
  const at = { cwd: project.root };
  const asked = await tryGit(host, ['rev-parse', '-q', '--verify', '--end-of-options', `${given}^{commit}`], at);
  const commit = asked.stdout.toString('utf8').trim();
  if (asked.code === 0 && commit !== '') return commit;
  throw new PanError(
    'unknown-revision',
    `There is no commit "${given}" in ${project.root}.`,
    'Give a branch, a tag or a commit.',
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
