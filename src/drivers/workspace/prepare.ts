/** Turns wanted changes into a plan: looks at what is there, keeps its bytes, and refuses whatever would be overwritten without a copy. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { EXIT, PanError } from '../../protocol/error.ts';
import { oldBytes, type Plan, type PlanEntry } from './apply-journal.ts';
import {
  type DiskState,
  fileState,
  hasRealParents,
  look,
  OTHER,
  realParents,
  type Seen,
  same,
  sameBytes,
  statOf,
} from './disk-state.ts';
import { type Name, onDisk, parentsOf, textOf } from './names.ts';
import { several } from './several.ts';
import type { Blob } from './tree-changes.ts';

export interface Wanted {
  name: Name;
  /** What must be there: nothing; exactly this; or a file or link whose content git has compared or will compare. */
  before: DiskState | 'known to git';
  /** What shall be there; null: nothing. `mode` gets what is there now. */
  after:
    | { kind: 'file'; source: string | Buffer; mode(before: DiskState): number }
    | { kind: 'link'; target: string }
    | null;
  blobs: { before: Blob | null; after: Blob | null };
}

export interface Prepared extends Pick<Plan, 'nonce' | 'entries' | 'created' | 'removed'> {
  /** Files with the new bytes, by number of the entry; null where there are none. */
  sources: (string | Buffer | null)[];
}

/** A reason for not changing anything. */
export function conflict(what: string, cause?: unknown): PanError {
  return new PanError('conflict', what, 'Look at the file, then apply again.', EXIT.failed, cause);
}

/** What to do with directories. */
export interface DirectoryRules {
  /** Whether one may go when the change empties it. */
  mayRemove(dir: Name): boolean;
  /** Directories to make besides those that files need, with permissions; where something else is, none is made. */
  restore: { name: Name; mode: number }[];
}

/** Touches nothing below `root`. Throws PanError `conflict`. What is there already as wanted is no entry. */
export async function prepare(
  root: string,
  journalDir: string,
  wanted: Wanted[],
  directories: DirectoryRules,
): Promise<Prepared> {
  const going = new Set(wanted.filter((one) => one.after === null).map((one) => one.name));
  const nonce = randomBytes(6).toString('hex');
  const found = await several(wanted, (one, n) => prepareOne(root, one, going, oldBytes(journalDir, n)));
  const kept = found.flatMap((one, n) => (one === null ? [] : [{ ...one, number: n, wanted: wanted[n] as Wanted }]));
  const entries = kept.map(({ number, wanted: { name, after, blobs }, states }): PlanEntry => {
    const temp = after === null ? null : `${tempPrefix(root, name)}.pancode-${nonce}-${number}`;
    return { name, number, ...states, blobs, temp };
  });
  const sources = kept.map(({ wanted: { after } }) => (after?.kind === 'file' ? after.source : null));
  const occupied = kept.filter((one) => one.occupied).map((one) => one.wanted.name);
  const removed = emptiedDirectories(root, entries, occupied, directories.mayRemove);
  const stays = occupied.find((dir) => !removed.some((gone) => gone.name === dir));
  if (stays !== undefined) throw conflict(`${textOf(stays)} is in the way: it is a directory with other files in it.`);
  const created = newDirectories(root, entries, directories.restore);
  return { nonce, entries, sources, created, removed };
}

/** null: it is there already as wanted. `occupied`: a directory is there, and must be gone by the time. */
async function prepareOne(
  root: string,
  one: Wanted,
  going: ReadonlySet<Name>,
  keepAt: string,
): Promise<{ states: Pick<PlanEntry, 'before' | 'after'>; occupied: boolean } | null> {
  const fault = parentFault(root, one.name, going);
  if (fault !== null) throw conflict(fault);
  const seen = await lookAt(root, one.name);
  const occupied = one.before === null && seen?.kind === 'other';
  if (one.before === null && seen !== null && alike(seen, await stateAfter(one, null))) return null;
  if (!occupied) assertExpected(one, seen);
  const before = seen?.kind === 'other' ? null : seen;
  await keepOld(onDisk(root, one.name), before, keepAt, one.name);
  return { states: { before, after: await stateAfter(one, before) }, occupied };
}

/** Why nothing may be written at `name`; null: nothing is wrong. A parent that is a file in `going` will be gone. */
export function parentFault(root: string, name: Name, going: ReadonlySet<Name>): string | null {
  for (const dir of parentsOf(name)) {
    const stat = fs.lstatSync(onDisk(root, dir), { throwIfNoEntry: false });
    if (!stat || (going.has(dir) && !stat.isDirectory())) return null;
    if (stat.isSymbolicLink()) return `${textOf(name)} would be written through the symbolic link ${textOf(dir)}.`;
    if (!stat.isDirectory()) return `${textOf(dir)} is in the way: it is no directory.`;
    if (fs.lstatSync(onDisk(root, `${dir}/.git`), { throwIfNoEntry: false }))
      return `${textOf(name)} would be written into the repository ${textOf(dir)}.`;
  }
  return null;
}

async function lookAt(root: string, name: Name): Promise<Seen['state']> {
  try {
    const { state } = await look(root, name);
    if (state !== OTHER || fs.lstatSync(onDisk(root, name)).isDirectory()) return state;
  } catch (cause) {
    throw conflict(`${textOf(name)} cannot be read (${(cause as NodeJS.ErrnoException).code}).`, cause);
  }
  throw conflict(`${textOf(name)} is in the way: it is neither a file nor a symbolic link.`);
}

function assertExpected(one: Wanted, seen: Seen['state']): void {
  const name = textOf(one.name);
  if (seen?.kind === 'other') throw conflict(`${name} has become a directory.`);
  if (one.before === null && seen !== null)
    throw conflict(`${name} is in the way: it is in your working tree and git does not know it.`);
  const expected = one.before === 'known to git' ? seen !== null : same(seen, one.before);
  if (!expected) throw conflict(`${name} was changed meanwhile.`);
}

async function stateAfter(one: Wanted, before: DiskState): Promise<DiskState> {
  if (one.after?.kind !== 'file') return one.after;
  return { ...(await fileState(one.after.source)), mode: one.after.mode(before) };
}

/** The same content, and runnable or not alike. */
function alike(seen: Seen['state'], after: DiskState): boolean {
  if (seen?.kind !== 'file' || after?.kind !== 'file') return same(seen, after);
  return sameBytes(seen, after) && (seen.mode & 0o100) === (after.mode & 0o100);
}

async function keepOld(from: Buffer, before: DiskState, to: string, name: Name): Promise<void> {
  if (before?.kind !== 'file') return;
  try {
    await copyFile(from, to, fs.constants.COPYFILE_FICLONE);
    fs.chmodSync(to, 0o600);
    const handle = await open(to, 'r+');
    await handle.sync().finally(() => handle.close());
  } catch (cause) {
    throw conflict(`${textOf(name)} cannot be kept (${(cause as NodeJS.ErrnoException).code}).`, cause);
  }
  if (!sameBytes(await fileState(to), before)) throw conflict(`${textOf(name)} is being written.`);
}

/** The directory nearest to the place of `name` that is there now, as a prefix. */
function tempPrefix(root: string, name: Name): string {
  const nearest = realParents(root, name).at(-1);
  return nearest === undefined ? '' : `${nearest}/`;
}

/** The outermost first. */
function newDirectories(root: string, entries: PlanEntry[], restore: DirectoryRules['restore']): Plan['created'] {
  const going = new Set(entries.filter((entry) => entry.after === null).map((entry) => entry.name));
  const coming = new Set(entries.filter((entry) => entry.after !== null).map((entry) => entry.name));
  const isFree = ({ name }: { name: Name }) =>
    !coming.has(name) && (going.has(name) || !hasRealParents(root, name) || statOf(onDisk(root, name)) === null);
  const restored = restore.filter(isFree);
  // A name below a restored one stands for the directories that it needs.
  const needing = [...coming, ...restored.map(({ name }) => `${name}/`)];
  const missing = new Set(needing.flatMap((name) => parentsOf(name).slice(realParents(root, name).length)));
  const modes = new Map(restore.map(({ name, mode }) => [name, mode]));
  return [...missing].sort(byDepth).map((name) => ({ name, mode: modes.get(name) ?? null }));
}

const byDepth = (a: Name, b: Name) => a.split('/').length - b.split('/').length;

/** Directories in which the change leaves nothing, as git removes them. */
function emptiedDirectories(
  root: string,
  entries: PlanEntry[],
  occupied: Name[],
  mayRemove: (dir: Name) => boolean,
): Plan['removed'] {
  const gone = new Set(
    entries.filter((entry) => entry.after === null && entry.before !== null).map((entry) => entry.name),
  );
  const filled = new Set(entries.filter((entry) => entry.after !== null).flatMap((entry) => parentsOf(entry.name)));
  const candidates = new Set([...[...gone].flatMap(parentsOf), ...occupied.flatMap((dir) => directoriesIn(root, dir))]);
  const removed: Plan['removed'] = [];
  for (const dir of [...candidates].sort(byDepth).toReversed()) {
    if (filled.has(dir) || !mayRemove(dir)) continue;
    const inside = fs.readdirSync(onDisk(root, dir), { encoding: 'latin1' }) as string[];
    if (!inside.every((name) => gone.has(`${dir}/${name}`))) continue;
    gone.add(dir);
    removed.push({ name: dir, mode: fs.lstatSync(onDisk(root, dir)).mode & 0o7777 });
  }
  return removed;
}

/** `dir` and every directory below it: none of them is in git, if they are empty. */
function directoriesIn(root: string, dir: Name): Name[] {
  const inside = fs.readdirSync(onDisk(root, dir), { encoding: 'latin1' }) as string[];
  const below = inside.map((name) => `${dir}/${name}`).filter((name) => statOf(onDisk(root, name))?.isDirectory());
  return [dir, ...below.flatMap((name) => directoriesIn(root, name))];
}
