/** What has been kept long enough (`keep`): refs, journals, trash, and set-ups nobody needed since. Receipts stay for ever. */
import fs from 'node:fs';
import path from 'node:path';
import { isDue, type Keep, settledOf } from '../core/keep.ts';
import { type DispatchPlaces, dispatchPlaces, statePlaces } from '../core/places.ts';
import { takeLock } from '../drivers/lock.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { readJournal } from '../drivers/workspace/apply-journal.ts';
import type { GitHost } from '../drivers/workspace/git.ts';
import { inspectProject, type Project } from '../drivers/workspace/inspect.ts';
import { removeTreeBeside } from '../drivers/workspace/remove.ts';
import { deleteRefs, type Held, heldRefs, workOf } from '../drivers/workspace/salvage.ts';
import { readTrash, weigh } from '../drivers/workspace/trash.ts';
import { PanError } from '../protocol/error.ts';

export interface PruneParts {
  state: string;
  ledger: Ledger;
  keep: Keep;
  host: GitHost;
  /** Only what would go is told. */
  dryRun: boolean;
  now(): Date;
  isLive(id: string): boolean;
  oneAtATime<T>(commonDir: string, work: () => Promise<T>): Promise<T>;
}

export interface Pruned {
  /** Of a dispatch; of a set-up its key. */
  id: string;
  what: 'refs' | 'journal' | 'undo' | 'trash' | 'setup';
  /** null for refs: git frees their objects at its own next clean-up. */
  bytes: number | null;
}

export interface PruneReport {
  removed: Pruned[];
  freedBytes: number;
  /** Dispatches among `removed` whose change nobody had applied or discarded. */
  undecided: string[];
  /** Dispatches whose work is only in their private copies: nothing of them is ever removed. */
  unsaved: string[];
  skipped: { project: string; reason: string }[];
  dryRun: boolean;
}

export async function prune(parts: PruneParts): Promise<PruneReport> {
  const report: PruneReport = {
    removed: [],
    freedBytes: 0,
    undecided: [],
    unsaved: [],
    skipped: [],
    dryRun: parts.dryRun,
  };
  await pruneRefs(parts, report);
  await pruneRecords(parts, report);
  await pruneTrash(parts, report);
  await pruneSetups(parts, report);
  report.freedBytes = report.removed.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  return report;
}

async function pruneRefs(parts: PruneParts, report: PruneReport): Promise<void> {
  const seen = new Set<string>();
  for (const root of parts.ledger.names('project')) {
    if (!fs.existsSync(root)) continue; // its refs went with it
    const project = await inspected(root, parts, report);
    if (!project || seen.has(project.commonDir)) continue;
    seen.add(project.commonDir);
    await parts.oneAtATime(project.commonDir, async () => {
      const held = (await heldRefs(project, parts.host)).filter((one) => refsAreDue(one, parts));
      if (held.length === 0) return;
      const refs = held.flatMap((one) => [...one.refs.values()]);
      if (!parts.dryRun) await deleteRefs(project, parts.host, refs);
      for (const one of held) {
        report.removed.push({ id: one.id, what: 'refs', bytes: null });
        if (!one.discarded && workOf(one) !== null && !isDecided(one.id, parts)) report.undecided.push(one.id);
      }
    });
  }
}

/** Of dispatches this state directory knows nothing about: another one does, and they may be running. */
function refsAreDue(held: Held, parts: PruneParts): boolean {
  const known = parts.isLive(held.id) ? null : parts.ledger.get(held.id);
  if (!known) return false;
  const places = dispatchPlaces(parts.state, held.id);
  if (fs.existsSync(places.copy)) return false; // it borrows the objects of its snapshot
  const { touched } = settledOf(known.receipt, known.amendments);
  const now = parts.now().getTime();
  if (!held.discarded) return isDue(touched, parts.keep.refsDays, now);
  const trash = readTrash(places.trash);
  return isDue(trash?.discarded ? trash.since : touched, parts.keep.trashDays, now);
}

function isDecided(id: string, parts: PruneParts): boolean {
  const known = parts.ledger.get(id);
  return known !== null && settledOf(known.receipt, known.amendments).decided;
}

/** Journals, jobs and logs go after `journalDays`; what an undo needs goes with the refs. */
async function pruneRecords(parts: PruneParts, report: PruneReport): Promise<void> {
  const { dispatches } = statePlaces(parts.state);
  for (const id of list(dispatches)) {
    const known = parts.isLive(id) ? null : parts.ledger.get(id);
    if (!known) continue;
    const places = dispatchPlaces(parts.state, id);
    if (fs.existsSync(places.copy)) {
      report.unsaved.push(id);
      continue;
    }
    const { touched } = settledOf(known.receipt, known.amendments);
    const now = parts.now().getTime();
    const undo = [places.apply, places.undo].filter((dir) => fs.existsSync(dir));
    if (isDue(touched, parts.keep.refsDays, now) && undo.length > 0 && !undo.some(isUnfinished))
      await remove(id, 'undo', undo, parts, report);
    if (isDue(touched, parts.keep.journalDays, now)) {
      const rest = list(places.dir).map((name) => path.join(places.dir, name));
      const records = rest.filter((file) => ![places.apply, places.undo].includes(file));
      if (records.length > 0) await remove(id, 'journal', records, parts, report);
    }
    if (!parts.dryRun && list(places.dir).length === 0) fs.rmSync(places.dir, { recursive: true, force: true });
  }
}

async function pruneTrash(parts: PruneParts, report: PruneReport): Promise<void> {
  const { trash } = statePlaces(parts.state);
  for (const id of list(trash)) {
    const dir = path.join(trash, id);
    const since = readTrash(dir)?.since;
    if (since !== undefined && isDue(since, parts.keep.trashDays, parts.now().getTime()))
      await remove(id, 'trash', [dir], parts, report);
  }
}

/** What a set-up made can be made again; it counts from when it was last needed. A running dispatch may have one mounted. */
async function pruneSetups(parts: PruneParts, report: PruneReport): Promise<void> {
  const { setups, dispatches } = statePlaces(parts.state);
  if (list(dispatches).some((id) => parts.isLive(id))) return;
  for (const [project, key] of list(setups).flatMap((name) =>
    list(path.join(setups, name)).map((key) => [name, key]),
  )) {
    const dir = path.join(setups, project as string, key as string);
    const layer = path.join(dir, 'layer.json');
    const since = fs.statSync(fs.existsSync(layer) ? layer : dir).mtimeMs;
    if (!isDue(since, parts.keep.trashDays, parts.now().getTime())) continue;
    const lock = takeLock(`${layer}.lock`);
    if (lock === null) continue; // being made
    try {
      // The list first: without it the rest counts for nothing. The lock stays, as others may wait for it.
      const rest = list(dir).filter((name) => !name.startsWith('layer.json'));
      const files = ['layer.json', ...rest].map((name) => path.join(dir, name)).filter((file) => fs.existsSync(file));
      if (files.length > 0) await remove(key as string, 'setup', files, parts, report);
    } finally {
      lock.release();
    }
  }
}

async function remove(
  id: string,
  what: Pruned['what'],
  files: string[],
  parts: PruneParts,
  report: PruneReport,
): Promise<void> {
  let bytes = 0;
  for (const file of files) bytes += (await weigh(Buffer.from(file))).bytes;
  if (!parts.dryRun) for (const file of files) await removeTreeBeside(file);
  report.removed.push({ id, what, bytes });
}

async function inspected(root: string, parts: PruneParts, report: PruneReport): Promise<Project | null> {
  try {
    return await inspectProject(root, parts.host);
  } catch (error) {
    if (!(error instanceof PanError)) throw error;
    report.skipped.push({ project: root, reason: error.message });
    return null;
  }
}

/** An apply that a crash cut off is still to be put right. */
const isUnfinished = (dir: DispatchPlaces['apply']) => readJournal(dir).state === 'unfinished';

const list = (dir: string): string[] => (fs.existsSync(dir) ? fs.readdirSync(dir).sort() : []);
