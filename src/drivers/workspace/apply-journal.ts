/**
 * What is written down before a working tree is touched, so that it can be put back after any crash, and taken back later.
 * A directory: `plan.json`, `old/<number>` (bytes of an entry before), and the marks `applied` and `undone`, each an empty file.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { EXIT, PanError } from '../../protocol/error.ts';
import { DiskState } from './disk-state.ts';
import { removeTree } from './remove.ts';

const Blob = z.object({ mode: z.string(), id: z.string() }).nullable();

export const PlanEntry = z.object({
  name: z.string(),
  /** Its bytes from before are in `old/<number>`. */
  number: z.number(),
  before: DiskState,
  after: DiskState,
  /** The same as git keeps it. */
  blobs: z.object({ before: Blob, after: Blob }),
  /** Where the new content waits beside its place until it is renamed; null where nothing has to wait. */
  temp: z.string().nullable(),
});
export type PlanEntry = z.infer<typeof PlanEntry>;

/** Names are latin1 text (names.ts). */
export const Plan = z.object({
  schema: z.literal(1),
  id: z.string(),
  /** Tells this apply from an earlier or later one of the same change. */
  nonce: z.string(),
  /** An undo: the nonce of the apply it takes back. */
  undoes: z.string().nullable(),
  root: z.string(),
  /** What was asked for, in commits; null for an undo. */
  what: z.object({ base: z.string(), result: z.string(), only: z.array(z.string()).nullable() }).nullable(),
  entries: z.array(PlanEntry),
  /** Directories that are made, the outermost first; `mode` null: as any new directory. */
  created: z.array(z.object({ name: z.string(), mode: z.number().nullable() })),
  /** Directories that end up empty and are removed, the innermost first. */
  removed: z.array(z.object({ name: z.string(), mode: z.number() })),
});
export type Plan = z.infer<typeof Plan>;

export type Journal =
  | { state: 'none'; plan: null }
  /** The tree may be anything between before and after. */
  | { state: 'unfinished'; plan: Plan }
  | { state: 'applied'; plan: Plan }
  | { state: 'undone'; plan: Plan };

export const oldBytes = (dir: string, n: number) => path.join(dir, 'old', String(n));

/** Whether an apply was taken back, also where a crash left that in the journal of the undo alone. */
export function isUndone(apply: Journal, undo: Journal): boolean {
  return (
    apply.state === 'undone' ||
    (apply.state === 'applied' && undo.state === 'applied' && undo.plan.undoes === apply.plan.nonce)
  );
}

/** Throws PanError for a plan that cannot be read. */
export function readJournal(dir: string): Journal {
  const file = path.join(dir, 'plan.json');
  if (!fs.existsSync(file)) return { state: 'none', plan: null };
  const plan = parsePlan(file);
  const has = (mark: string) => fs.existsSync(path.join(dir, mark));
  return { state: has('undone') ? 'undone' : has('applied') ? 'applied' : 'unfinished', plan };
}

function parsePlan(file: string): Plan {
  try {
    return Plan.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new PanError(
      'bad-journal',
      `The record of an apply, ${file}, cannot be read, so it is not known how far it went.`,
      'Compare your working tree with `git status`, then remove that directory.',
      EXIT.failed,
      cause,
    );
  }
}

/** An empty journal; whatever was in the directory is gone. */
export function freshJournal(dir: string): void {
  removeTree(dir);
  fs.mkdirSync(path.join(dir, 'old'), { recursive: true, mode: 0o700 });
}

/** Whole or absent, and on the disk when this returns. `old/` must be there already. */
export function writePlan(dir: string, plan: Plan): void {
  flushDirectory(path.join(dir, 'old'));
  const part = path.join(dir, 'plan.part');
  writeFlushed(part, JSON.stringify(plan));
  fs.renameSync(part, path.join(dir, 'plan.json'));
  flushDirectory(dir);
}

export function mark(dir: string, as: 'applied' | 'undone'): void {
  writeFlushed(path.join(dir, as), '');
  flushDirectory(dir);
}

/** Afterwards there is nothing to recover. */
export function dropJournal(dir: string): void {
  fs.rmSync(path.join(dir, 'plan.json'), { force: true });
  removeTree(dir);
}

export function flushDirectory(dir: string | Buffer): void {
  const fd = fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function writeFlushed(file: string, text: string): void {
  const fd = fs.openSync(file, 'w', 0o600);
  try {
    fs.writeSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
