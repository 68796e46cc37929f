/**
 * The trash of a dispatch, `$STATE/trash/<id>/`: `files/` with what its agent left beside the result (new ignored files, repositories of its
 * own), `kept.json` with the list of it, and `discarded.json` where a person said no to its result.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { chooseKept } from '../../core/keep.ts';
import { writeAtomic } from '../atomic-file.ts';
import { hasRealParents } from './disk-state.ts';
import { type Name, nameOf, onDisk, textOf } from './names.ts';
import { removeTree } from './remove.ts';

/** `path`: as the receipt lists it. `bytes`: of all it holds. `kept` false: too large, so it went with the copy. */
const Kept = z.lazy(() =>
  z.object({
    at: z.string(),
    project: z.string(),
    files: z.array(z.object({ path: z.string(), name: z.string(), bytes: z.number(), kept: z.boolean() })),
  }),
);
type Kept = z.infer<typeof Kept>;
const Discarded = z.lazy(() => z.object({ at: z.string(), project: z.string() }));

export interface Trash {
  project: string | null;
  /** The latest that came into it, ms since 1970. */
  since: number;
  discarded: boolean;
  files: { path: string; bytes: number; kept: boolean }[];
}

const FILES = 'files';
const KEPT = 'kept.json';
const DISCARDED = 'discarded.json';

/** A git directory of the agent's making must not be one any more: whoever looks into the trash with git would run what it configures. */
const DISARMED = 'git-directory';
/** A bare one is told by its HEAD. */
const DISARMED_HEAD = 'git-HEAD';

/**
 * Moves what an agent left beside its result from its copy into the trash, as far as it fits. Again without harm after a crash. What is not
 * there (a fifo that was removed) is passed over; the rest of the copy is left to the caller.
 */
export async function keepBeside(
  copy: string,
  trash: string,
  listed: string[],
  record: { at: string; project: string },
): Promise<void> {
  if (listed.length === 0) return;
  fs.mkdirSync(path.join(trash, FILES), { recursive: true, mode: 0o700 });
  const kept = readRecord(path.join(trash, KEPT), Kept) ?? (await planned(copy, listed, record));
  await writeAtomic(path.join(trash, KEPT), JSON.stringify(kept));
  for (const { name } of kept.files.filter((file) => file.kept)) {
    if (!fs.lstatSync(onDisk(copy, name), { throwIfNoEntry: false })) continue; // moved before a crash
    const to = onDisk(path.join(trash, FILES), name);
    fs.mkdirSync(to.subarray(0, to.lastIndexOf('/')), { recursive: true, mode: 0o700 });
    fs.renameSync(onDisk(copy, name), to);
  }
}

export async function markDiscarded(trash: string, record: { at: string; project: string }): Promise<void> {
  if (fs.existsSync(path.join(trash, DISCARDED))) return; // asking again keeps nothing longer
  fs.mkdirSync(trash, { recursive: true, mode: 0o700 });
  await writeAtomic(path.join(trash, DISCARDED), JSON.stringify(record));
}

/** A person took it out again. A trash that holds nothing else goes. */
export function unmarkDiscarded(trash: string): void {
  fs.rmSync(path.join(trash, DISCARDED), { force: true });
  if (fs.existsSync(trash) && fs.readdirSync(trash).length === 0) fs.rmdirSync(trash);
}

/** null where there is none. A trash without a readable list is as old as its directory. */
export function readTrash(trash: string): Trash | null {
  const stat = fs.statSync(trash, { throwIfNoEntry: false });
  if (!stat) return null;
  const kept = readRecord(path.join(trash, KEPT), Kept);
  const discarded = readRecord(path.join(trash, DISCARDED), Discarded);
  const times = [kept, discarded].flatMap((record) => (record === null ? [] : [Date.parse(record.at)]));
  return {
    project: kept?.project ?? discarded?.project ?? null,
    since: times.length > 0 ? Math.max(...times) : stat.mtimeMs,
    discarded: discarded !== null,
    files: (kept?.files ?? []).map(({ path: shown, bytes, kept: here }) => ({ path: shown, bytes, kept: here })),
  };
}

export const keptFilesDir = (trash: string) => path.join(trash, FILES);

async function planned(copy: string, listed: string[], record: { at: string; project: string }): Promise<Kept> {
  const names = withoutNested(listed.flatMap((shown) => foundAs(copy, shown)));
  const weighed: { path: string; name: Name; bytes: number }[] = [];
  for (const name of names) {
    const { bytes } = await weigh(onDisk(copy, name), disarm);
    weighed.push({ path: textOf(name), name, bytes });
  }
  const fits = chooseKept(weighed);
  return { ...record, files: weighed.map((file) => ({ ...file, kept: fits.has(file) })) };
}

/** What lies in a listed directory goes with it. */
function withoutNested(names: Name[]): Name[] {
  const all = new Set(names);
  return [...all].filter((name) => {
    const parts = name.split('/');
    return !parts.slice(1).some((_, n) => all.has(parts.slice(0, n + 1).join('/')));
  });
}

/** Names on the disk for one of a list that a person reads, where bytes that are no UTF-8 have become U+FFFD. */
function foundAs(copy: string, shown: string): Name[] {
  const parts = shown.replace(/\/$/, '').split('/');
  let found: Name[] = [''];
  for (const part of parts) {
    const join = (dir: Name, name: Name) => (dir === '' ? name : `${dir}/${name}`);
    found = found.flatMap((dir) => {
      if (!part.includes('\ufffd')) return [join(dir, nameOf(part))];
      const entries = fs.readdirSync(onDisk(copy, dir), { encoding: 'latin1' });
      return entries.filter((entry) => textOf(entry) === part).map((entry) => join(dir, entry));
    });
  }
  return found.filter(
    (name) => hasRealParents(copy, name) && fs.lstatSync(onDisk(copy, name), { throwIfNoEntry: false }),
  );
}

function disarm(file: Buffer, name: string): Buffer {
  if (name !== '.git' && name !== 'HEAD') return file;
  const instead = name === '.git' ? DISARMED : DISARMED_HEAD;
  const to = Buffer.concat([file.subarray(0, file.lastIndexOf('/') + 1), Buffer.from(instead)]);
  removeTree(to.toString());
  fs.renameSync(file, to);
  return to;
}

/** Bytes of all files at and below `root`, links not followed. `visit` may rename what it is shown. */
export async function weigh(
  root: Buffer,
  visit: (file: Buffer, name: string) => Buffer = (file) => file,
): Promise<{ bytes: number; files: number }> {
  let bytes = 0;
  let files = 0;
  const open = [root];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const stat = await fs.promises.lstat(file);
    if (!stat.isDirectory()) {
      bytes += stat.size;
      files += 1;
      continue;
    }
    for (const name of await fs.promises.readdir(file, { encoding: 'latin1' }))
      open.push(visit(Buffer.concat([file, Buffer.from(`/${name}`, 'latin1')]), name));
  }
  return { bytes, files };
}

function readRecord<T>(file: string, schema: z.ZodType<T>): T | null {
  if (!fs.existsSync(file)) return null;
  try {
    return schema.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    return null; // damaged: what is in the trash is still there to be looked at
  }
}
