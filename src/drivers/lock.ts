/** A lock that its holder's death releases: an exclusive transaction on a small SQLite file, which the kernel gives up with the process. */
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Takes the lock, or null where another process holds it. */
export function takeLock(file: string): { release(): void } | null {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
  } catch (error) {
    db.close();
    // SQLITE_BUSY is 5: somebody else holds it.
    if ((error as { errcode?: number }).errcode === 5) return null;
    throw error;
  }
  return { release: () => db.close() };
}
