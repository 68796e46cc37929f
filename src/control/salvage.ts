/**
 * Work that is held somewhere, found without daemon, ledger or journals: results in refs, discarded ones, and private copies whose content
 * never came into a ref. Bringing one back moves refs and harvests copies; the user's working tree is not touched.
 */
import fs from 'node:fs';
import { type DispatchPlaces, dispatchPlaces, statePlaces } from '../core/places.ts';
import { takeLock } from '../drivers/lock.ts';
import { commitOf } from '../drivers/workspace/diff.ts';
import type { GitHost } from '../drivers/workspace/git.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import { baseRef, resultRef } from '../drivers/workspace/refs.ts';
import { type Held, heldRefs, moveRefs, workFiles, workOf } from '../drivers/workspace/salvage.ts';
import { several } from '../drivers/workspace/several.ts';
import { keptFilesDir, readTrash, unmarkDiscarded } from '../drivers/workspace/trash.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import { Job } from '../protocol/job.ts';
import type { BoxParts } from './box.ts';
import { emptyCopy } from './clean-up.ts';
import { harvestWork } from './harvest.ts';

export interface SalvageItem {
  id: string;
  /** null: the work is only in `copy`. */
  ref: string | null;
  /** As a person reads them; null = not known. */
  files: string[] | null;
  discarded: boolean;
  /** A private copy whose content may be in no ref. */
  copy: string | null;
  /** Directory with what the agent left beside its result; null where there is none. */
  beside: string | null;
  /** null where the sealed job is gone. */
  task: string | null;
}

export interface SalvageParts extends BoxParts {
  state: string;
  project: Project;
  host: GitHost;
}

/** Newest first. Only reads. Copies of running dispatches are left out, and so are those known to be of other projects. */
export async function findWork(parts: Omit<SalvageParts, keyof BoxParts>): Promise<SalvageItem[]> {
  const { project, host, state } = parts;
  const held = new Map((await heldRefs(project, host)).map((one) => [one.id, one]));
  const ids = [...new Set([...held.keys(), ...list(statePlaces(state).dispatches), ...list(statePlaces(state).trash)])];
  const items = await several(ids.sort().reverse(), (id) => itemOf(id, held.get(id) ?? null, parts));
  return items.filter((item) => item !== null);
}

async function itemOf(
  id: string,
  held: Held | null,
  { project, host, state }: Omit<SalvageParts, keyof BoxParts>,
): Promise<SalvageItem | null> {
  const places = dispatchPlaces(state, id);
  const job = readJob(places.job);
  const trash = readTrash(places.trash);
  const root = held ? project.root : (job?.project.root ?? trash?.project ?? null);
  if (root !== null && root !== project.root) return null;
  const work = held && workOf(held);
  const copy = fs.existsSync(places.copy) && !isRunning(places) ? places.copy : null;
  const beside = trash && fs.existsSync(keptFilesDir(places.trash)) ? keptFilesDir(places.trash) : null;
  if (!work && !copy && !beside) return null;
  return {
    id,
    ref: work?.ref ?? null,
    files: held && work ? await workFiles(project, host, held, work.commit) : null,
    discarded: held?.discarded ?? false,
    copy,
    beside,
    task: job?.task ?? null,
  };
}

/**
 * Brings the work of one dispatch back into its own refs. `given`: an id, or the start of one. Throws PanError where there is none, or where
 * it still runs; whatever happens, a copy is only removed after its content is in a ref.
 */
export async function salvage(given: string, parts: SalvageParts): Promise<SalvageItem> {
  const { project, host, state } = parts;
  const found = (await findWork(parts)).filter((item) => item.id.startsWith(given.toUpperCase()));
  const [item, another] = found;
  if (!item || another) throw notOne(given, found.length, project.root);
  const places = dispatchPlaces(state, item.id);
  if (item.discarded) {
    await moveRefs(project, host, item.id, 'back');
    unmarkDiscarded(places.trash);
  }
  if (item.copy) await saveCopy(item.id, places, parts);
  const held = (await heldRefs(project, host)).find((one) => one.id === item.id) ?? null;
  return (
    (await itemOf(item.id, held, parts)) ?? {
      ...item,
      ref: null,
      files: [],
      discarded: false,
      copy: null,
      beside: null,
    }
  );
}

/** The lock keeps a daemon from looking at the same copy at the same time. */
async function saveCopy(id: string, places: DispatchPlaces, parts: SalvageParts): Promise<void> {
  const { project, host } = parts;
  const lock = takeLock(places.lock);
  if (!lock) throw running(id);
  try {
    const base = await commitOf(project, host, baseRef(id));
    const job = readJob(places.job) ?? {
      id,
      profile: 'W' as const,
      project,
      program: { path: null, installRoots: [] },
      env: { path: host.path, home: host.home, pass: [] },
      unsandboxed: false,
    };
    const work = await harvestWork({ job, places, project, git: host, base }, parts);
    await emptyCopy(places, work.ignored, { at: new Date().toISOString(), project: project.root });
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new PanError(
      'not-saved',
      `The copy of ${id} could not be brought into ${resultRef(id)} (${why}).`,
      `Its files are in ${places.copy}; take what you need from there, but run no git in it.`,
      EXIT.failed,
      error,
    );
  } finally {
    lock.release();
  }
}

function isRunning(places: DispatchPlaces): boolean {
  if (!fs.existsSync(places.lock)) return false;
  try {
    const lock = takeLock(places.lock);
    lock?.release();
    return lock === null;
  } catch {
    return false; // a disk that is read-only or full: looking is all that is done then
  }
}

function readJob(file: string): Job | null {
  if (!fs.existsSync(file)) return null;
  try {
    return Job.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    return null; // damaged, or of another version: the work is found without it
  }
}

function notOne(given: string, count: number, root: string): PanError {
  return new PanError(
    'unknown-dispatch',
    count > 1
      ? `"${given}" is the start of ${count} dispatches.`
      : `No work of a dispatch "${given}" is kept for ${root}.`,
    'See `pancode salvage` for all there is.',
  );
}

function running(id: string): PanError {
  return new PanError(
    'still-running',
    `Dispatch ${id} is still being worked on.`,
    `Wait for it with \`pancode wait ${id}\`.`,
    EXIT.failed,
  );
}

const list = (dir: string): string[] =>
  fs.existsSync(dir)
    ? fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    : [];
