/** Reads a text file that others control: never blocks on a pipe, never follows a link out of a directory, never reads without end. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';

/** Text and whether it was cut at `maxBytes`; null where it is not a readable regular file inside `inside` (real path; null = anywhere). */
export async function readBounded(
  file: string,
  maxBytes: number,
  inside: string | null,
): Promise<{ text: string; cut: boolean } | null> {
  try {
    const real = await realpath(file);
    if (inside !== null && !real.startsWith(inside.endsWith(sep) ? inside : inside + sep)) return null;
    // O_NONBLOCK: opening a pipe for reading would otherwise wait for a writer.
    const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return null;
      const buffer = Buffer.alloc(Math.min(stat.size, maxBytes));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return { text: buffer.subarray(0, bytesRead).toString('utf8'), cut: stat.size > bytesRead };
    } finally {
      await handle.close();
    }
  } catch {
    // Missing, unreadable or replaced meanwhile: to the caller all of these are "no such text".
    return null;
  }
}
