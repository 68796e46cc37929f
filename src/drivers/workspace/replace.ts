/**
 * Carries out a plan on the working tree, and takes half of one back. New content waits beside its place; then every place is looked at
 * once more; then everything is renamed. Until the mark `applied` is on the disk, a crash means: back to what was before.
 */
import fs from 'node:fs';
import { copyFile, lchown, open } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import { EXIT, PanError } from '../../protocol/error.ts';
import { dropJournal, flushDirectory, mark, oldBytes, type Plan, type PlanEntry } from './apply-journal.ts';
import {
  type DiskState,
  hasRealParents,
  look,
  OTHER,
  realParents,
  type Seen,
  type Stamp,
  same,
  stampNow,
  statOf,
} from './disk-state.ts';
import { type Name, onDisk, parentsOf, textOf } from './names.ts';
import { conflict, parentFault } from './prepare.ts';
import { several } from './several.ts';

/** Told after every step that a crash can follow. */
export type OnStep = (step: string) => void;

/** Renames without a pause, so that the tree is between two states for as short as possible, but lets others run now and then. */
const WITHOUT_PAUSE = 64;

/**
 * Throws PanError `conflict` with everything as it was before, or `half-applied` (see `rollBack`). The plan must be on the disk.
 * `sources` are the files with the new bytes, by number of the entry.
 */
export async function perform(
  dir: string,
  plan: Plan,
  sources: (string | Buffer | null)[],
  onStep: OnStep,
): Promise<void> {
  const swapped = new Set<number>();
  try {
    await several(plan.entries, async (entry, n) => {
      await layBeside(plan.root, entry, sources[n] ?? null);
      onStep(`beside ${n}`);
    });
    const stamps = await lookAgain(plan);
    onStep('looked');
    await swap(plan, stamps, swapped, onStep);
    flushTouched(plan);
    onStep('flushed');
    mark(dir, 'applied');
  } catch (error) {
    await rollBack(dir, plan, swapped);
    throw asConflict(error, plan.root);
  }
  onStep('marked');
}

/** `swapped` gets the number of every entry whose place is touched. */
async function swap(plan: Plan, stamps: Stamp[], swapped: Set<number>, onStep: OnStep): Promise<void> {
  let done = 0;
  const step = async (what: string) => {
    onStep(what);
    done += 1;
    if (done % WITHOUT_PAUSE === 0) await breathe();
  };
  for (const [n, entry] of plan.entries.entries()) {
    if (entry.after !== null || entry.before === null) continue;
    assertUntouched(plan.root, entry, stamps[n] as Stamp);
    swapped.add(entry.number);
    fs.unlinkSync(onDisk(plan.root, entry.name));
    await step(`removed ${n}`);
  }
  for (const { name } of plan.removed) {
    removeEmpty(plan.root, name);
    await step('directory removed');
  }
  for (const { name, mode } of plan.created) {
    fs.mkdirSync(onDisk(plan.root, name), { recursive: true });
    if (mode !== null) fs.chmodSync(onDisk(plan.root, name), mode);
    await step('directory made');
  }
  for (const [n, entry] of plan.entries.entries()) {
    if (entry.after === null) continue;
    assertUntouched(plan.root, entry, entry.before === null ? null : (stamps[n] as Stamp));
    swapped.add(entry.number);
    put(plan.root, entry);
    await step(`put ${n}`);
  }
}

/** `stamp` null: nothing may be there, which `put` makes sure of itself. */
function assertUntouched(root: string, entry: PlanEntry, stamp: Stamp | null): void {
  const fault = parentFault(root, entry.name, new Set());
  if (fault !== null) throw conflict(fault);
  if (stamp !== null && stampNow(onDisk(root, entry.name)) !== stamp)
    throw conflict(`${textOf(entry.name)} was changed meanwhile.`);
}

/** Content for later, in the directory of its place or the nearest one there is, with its final permissions. */
async function layBeside(root: string, entry: PlanEntry, source: string | Buffer | null): Promise<void> {
  if (entry.after === null || entry.temp === null) return;
  if (!hasRealParents(root, entry.temp))
    throw conflict(`${textOf(entry.name)} cannot be written: a directory it lies in was changed meanwhile.`);
  const temp = onDisk(root, entry.temp);
  if (entry.after.kind === 'link') fs.symlinkSync(Buffer.from(entry.after.target, 'latin1'), temp);
  else await copyInto(source as string | Buffer, temp, entry.after, entry.before);
}

async function copyInto(
  from: string | Buffer,
  to: Buffer,
  state: Extract<DiskState, { kind: 'file' }>,
  owner: DiskState,
): Promise<void> {
  // The new file is made with the mode of the old one: nobody may read it before it has its own.
  fs.chmodSync(from, 0o600);
  await copyFile(from, to, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE);
  if (owner?.kind === 'file') await keepOwner(to, owner);
  fs.chmodSync(to, state.mode);
  const handle = await open(to, 'r').catch(() => null);
  // A file that its owner may not read (mode 0200) cannot be flushed by itself.
  if (handle) await handle.sync().finally(() => handle.close());
}

async function keepOwner(file: Buffer, owner: { uid: number; gid: number }): Promise<void> {
  const stat = fs.lstatSync(file);
  if (stat.uid === owner.uid && stat.gid === owner.gid) return;
  try {
    await lchown(file, owner.uid, owner.gid);
  } catch (error) {
    // Who may write into the directory but not give files away becomes the owner, as with git.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

function lookAgain(plan: Plan): Promise<Stamp[]> {
  const vanishing = new Set(plan.removed.map((dir) => dir.name));
  return several(plan.entries, async (entry) => {
    const seen = await look(plan.root, entry.name);
    const asPlanned = same(seen.state, entry.before) || (seen.state === OTHER && vanishing.has(entry.name));
    if (!asPlanned) throw conflict(`${textOf(entry.name)} was changed meanwhile.`);
    return seen.stamp;
  });
}

/** Replaces what was looked at; where nothing was, never replaces anything. */
function put(root: string, entry: PlanEntry): void {
  const [temp, place] = [onDisk(root, entry.temp as Name), onDisk(root, entry.name)];
  if (entry.before === null) putNew(temp, place, entry);
  else fs.renameSync(temp, place);
}

function putNew(temp: Buffer, place: Buffer, entry: PlanEntry): void {
  if (entry.after?.kind === 'link') {
    fs.symlinkSync(Buffer.from(entry.after.target, 'latin1'), place);
    fs.unlinkSync(temp);
    return;
  }
  try {
    fs.linkSync(temp, place);
    fs.unlinkSync(temp);
  } catch (error) {
    // Not every file system has hard links.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
    if (stampNow(place) !== 'nothing') throw conflict(`${textOf(entry.name)} appeared meanwhile.`);
    fs.renameSync(temp, place);
  }
}

/**
 * Puts back what was before, from any point. Can itself be interrupted and run again. `swapped`: the entries that were touched; null: not
 * known, after a crash. A file that was replaced and is not as planned any more was edited by someone since: it stays, the rest goes
 * back, and PanError `half-applied` says where the bytes from before are.
 */
export async function rollBack(dir: string, plan: Plan, swapped: ReadonlySet<number> | null): Promise<void> {
  if (!fs.existsSync(plan.root))
    throw new PanError(
      'half-applied',
      `${plan.root} is gone, and a change was being applied to it.`,
      `Move it back there, or find the bytes from before in ${dir}/old.`,
      EXIT.failed,
    );
  const touched = plan.entries.filter((entry) => swapped?.has(entry.number) ?? true);
  const foreign: Name[] = [];
  for (const entry of touched)
    if (entry.after !== null && !(await takeBack(dir, plan, entry))) foreign.push(entry.name);
  for (const { name } of plan.created.toReversed()) removeEmpty(plan.root, name);
  for (const { name, mode } of plan.removed.toReversed()) makeAgain(plan.root, name, mode);
  // Where a removed file is there again, someone made it: theirs is the newer one.
  for (const entry of touched) if (entry.after === null) await takeBack(dir, plan, entry);
  for (const entry of plan.entries)
    for (const left of [entry.temp, backName(plan, entry)]) if (left !== null) removeFile(plan.root, left);
  flushTouched(plan);
  if (foreign.length === 0) return dropJournal(dir);
  const kept = `${dir}.kept-${plan.nonce}`;
  fs.renameSync(dir, kept);
  throw new PanError(
    'half-applied',
    `A change was applied in part, and taking it back left out ${foreign.map(textOf).join(', ')}, edited since.`,
    `Look at ${foreign.length === 1 ? 'that file' : 'those files'}; the bytes from before are in ${kept}/old.`,
    EXIT.failed,
  );
}

/** False: what is there was made of the new content, and is not it any more. */
async function takeBack(dir: string, plan: Plan, entry: PlanEntry): Promise<boolean> {
  const { state } = await look(plan.root, entry.name);
  if (same(state, entry.before)) return true;
  if (!same(state, entry.after)) return neverPut(plan.root, entry, state);
  if (state === null && !hasRealParents(plan.root, entry.name)) return true;
  if (entry.before === null) fs.unlinkSync(onDisk(plan.root, entry.name));
  else await restore(dir, plan, entry);
  return true;
}

/** The new content still waits beside its place, or the place is the directory it was to replace. */
function neverPut(root: string, entry: PlanEntry, state: Seen['state']): boolean {
  if (state?.kind === 'other' && entry.before === null) return true;
  return entry.temp !== null && statOf(onDisk(root, entry.temp)) !== null;
}

/** Name of the old content beside its place, in a directory that is there after a roll-back. */
function backName(plan: Plan, entry: PlanEntry): Name {
  const parent = parentsOf(entry.name).at(-1);
  return `${parent === undefined ? '' : `${parent}/`}.pancode-${plan.nonce}-${entry.number}-back`;
}

async function restore(dir: string, plan: Plan, entry: PlanEntry): Promise<void> {
  fs.mkdirSync(onDisk(plan.root, parentsOf(entry.name).at(-1) ?? ''), { recursive: true });
  const back = onDisk(plan.root, backName(plan, entry));
  removeFile(plan.root, backName(plan, entry));
  if (entry.before?.kind === 'link') fs.symlinkSync(Buffer.from(entry.before.target, 'latin1'), back);
  else if (entry.before) await copyInto(oldBytes(dir, entry.number), back, entry.before, entry.before);
  fs.renameSync(back, onDisk(plan.root, entry.name));
}

/** What a directory still holds, or that it is none, is no fault: it stays. */
function removeEmpty(root: string, name: Name): void {
  if (hasRealParents(root, name))
    unless(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'], () => fs.rmdirSync(onDisk(root, name)));
}

function makeAgain(root: string, name: Name, mode: number): void {
  const dir = onDisk(root, name);
  if (!hasRealParents(root, name) || statOf(dir)) return;
  fs.mkdirSync(dir);
  fs.chmodSync(dir, mode);
}

function removeFile(root: string, name: Name): void {
  if (hasRealParents(root, name)) unless(['ENOENT'], () => fs.unlinkSync(onDisk(root, name)));
}

/** Does `act`; errors with one of `codes` are no fault here. */
function unless(codes: string[], act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Renames are on the disk only when their directories are. */
function flushTouched(plan: Plan): void {
  const names = [...plan.entries, ...plan.created, ...plan.removed].map((each) => each.name);
  const touched = new Set<Name>(['', ...names.flatMap((name) => realParents(plan.root, name))]);
  for (const dir of touched) flushDirectory(onDisk(plan.root, dir));
}

/** A full disk or a directory that may not be written is a reason to change nothing; anything else is a bug. */
export function asConflict(error: unknown, root: string): unknown {
  const {
    code,
    path: from,
    dest,
  } = error as NodeJS.ErrnoException & { path?: string | Buffer; dest?: string | Buffer };
  if (error instanceof PanError || typeof code !== 'string') return error;
  const place = String(dest ?? from ?? 'The working tree').replace(`${root}/`, '');
  return conflict(
    code === 'EEXIST' ? `${place} appeared meanwhile.` : `${place} could not be written (${code}).`,
    error,
  );
}
