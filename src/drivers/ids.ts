/** Ids of dispatches: ULIDs, which sort by the time they were made, also when the clock is put back. */
import fs from 'node:fs';
import { decodeTime, ulid } from 'ulid';

/** `lastFile`: the newest id there was; where it cannot be read, the clock alone decides. */
export function newId(lastFile: string, now: number = Date.now()): string {
  const last = readLast(lastFile);
  return ulid(last === null ? now : Math.max(now, last + 1));
}

/** Keeps the newer one. */
export function noteId(lastFile: string, id: string): void {
  const last = readLast(lastFile);
  if (last === null || decodeTime(id) > last) fs.writeFileSync(lastFile, id, { mode: 0o600 });
}

/** ms since 1970. */
function readLast(file: string): number | null {
  try {
    return decodeTime(fs.readFileSync(file, 'latin1').trim());
  } catch {
    return null; // there was none yet, or a full disk has cut it off
  }
}
