/** What is at a path of the working tree: enough to say whether it is still the same, and to put it back. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import * as z from 'zod';
import { type Name, onDisk, parentsOf } from './names.ts';

/** `mode`: permission bits. `target` of a link: its bytes as latin1 text. null: nothing is there. */
export const DiskState = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('file'),
      mode: z.number(),
      size: z.number(),
      sha256: z.string(),
      uid: z.number(),
      gid: z.number(),
    }),
    z.object({ kind: z.literal('link'), target: z.string() }),
  ])
  .nullable();
export type DiskState = z.infer<typeof DiskState>;

/** A directory, a fifo, a socket or a device: nothing that git keeps. */
export const OTHER = { kind: 'other' } as const;

/** Changes whenever the file does, as far as the file system tells; for one more look without reading it again. */
export type Stamp = string;

export interface Seen {
  state: DiskState | typeof OTHER;
  stamp: Stamp;
}

/** What is at `name` below `root`. Below what is no directory, or only a link to one, nothing is. */
export async function look(root: string, name: Name): Promise<Seen> {
  const path = onDisk(root, name);
  const stat = hasRealParents(root, name) ? statOf(path) : null;
  const stamp = stampOf(stat);
  if (!stat) return { state: null, stamp };
  if (stat.isSymbolicLink())
    return { state: { kind: 'link', target: fs.readlinkSync(path, { encoding: 'buffer' }).toString('latin1') }, stamp };
  return { state: stat.isFile() ? await fileState(path) : OTHER, stamp };
}

/** The directories `name` lies in, the outermost first, as far as they are there and no link is on the way. */
export function realParents(root: string, name: Name): Name[] {
  const parents = parentsOf(name);
  const end = parents.findIndex((dir) => !statOf(onDisk(root, dir))?.isDirectory());
  return end < 0 ? parents : parents.slice(0, end);
}

export function hasRealParents(root: string, name: Name): boolean {
  return realParents(root, name).length === parentsOf(name).length;
}

/** Bytes read at a time. */
const CHUNK = 1 << 20;

/** Reads the file, which must not be a link. */
export async function fileState(path: Buffer | string): Promise<Extract<DiskState, { kind: 'file' }>> {
  const handle = await open(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  try {
    const { mode, uid, gid, size: expected } = await handle.stat();
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, expected + 1));
    let size = 0;
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      hash.update(chunk.subarray(0, bytesRead));
      size += bytesRead;
    }
    return { kind: 'file', mode: mode & 0o7777, size, sha256: hash.digest('hex'), uid, gid };
  } finally {
    await handle.close();
  }
}

export function stampNow(path: Buffer): Stamp {
  return stampOf(statOf(path));
}

/** Same kind, same bytes, same permissions; who owns it does not count. */
export function same(a: Seen['state'], b: Seen['state']): boolean {
  if (a === null || b === null) return a === b;
  if (a.kind === 'file' && b.kind === 'file') return sameBytes(a, b) && a.mode === b.mode;
  return a.kind === 'link' && b.kind === 'link' && a.target === b.target;
}

export function sameBytes(a: { size: number; sha256: string }, b: { size: number; sha256: string }): boolean {
  return a.size === b.size && a.sha256 === b.sha256;
}

/** null also where a parent is not a directory (any more). */
export function statOf(path: Buffer): fs.BigIntStats | null {
  try {
    return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
    throw error;
  }
}

function stampOf(stat: fs.BigIntStats | null): Stamp {
  return stat ? [stat.dev, stat.ino, stat.mode, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ') : 'nothing';
}
