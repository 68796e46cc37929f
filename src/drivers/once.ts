/** Work that several processes may want at once and that is done by one of them. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeAtomic } from './atomic-file.ts';
import { takeLock } from './lock.ts';

/** How often one that waits looks whether the other is ready, ms. */
const LOOK_MS = 100;

/**
 * The JSON value in `file`, or what `make` gives, which is then kept there. Of several processes one makes it and the others wait for it.
 * When `make` rejects nothing is kept, and the next one tries; null is a value that is not kept. Rejects when `signal` aborts the wait.
 */
export async function once<T>(file: string, signal: AbortSignal, make: () => Promise<T | null>): Promise<T | null> {
  for (;;) {
    const kept = read<T>(file);
    if (kept !== null) return kept;
    const lock = takeLock(`${file}.lock`);
    if (lock === null) {
      await delay(LOOK_MS, undefined, { signal });
      continue;
    }
    try {
      // Whoever held the lock before may have made it meanwhile.
      const made = read<T>(file) ?? (await make());
      if (made !== null && !fs.existsSync(file)) await writeAtomic(file, JSON.stringify(made));
      return made;
    } finally {
      lock.release();
    }
  }
}

/** What is kept, or null; what is no JSON (a disk that was full) is nothing. */
function read<T>(file: string): T | null {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  if (!fs.existsSync(file)) return null;
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as T;
  } catch {
    fs.rmSync(file, { force: true });
    return null;
  }
}
