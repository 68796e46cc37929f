/** Bytes for a child process as a descriptor: nothing of them shows in `ps`, and the child has them whole even when we die. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Memory first; where there is none, the disk. */
const PLACES = ['/dev/shm', os.tmpdir()];

/** An open descriptor of an unlinked file that holds `bytes`. The caller closes it. */
export function handOver(bytes: Buffer): number {
  const dir = PLACES.find((place) => writable(place)) ?? os.tmpdir();
  const file = path.join(dir, `pancode-${randomBytes(12).toString('hex')}`);
  const written = fs.openSync(file, 'wx', 0o600);
  try {
    fs.writeFileSync(written, bytes);
    return fs.openSync(file, 'r');
  } finally {
    fs.closeSync(written);
    fs.unlinkSync(file);
  }
}

function writable(dir: string): boolean {
  try {
    fs.accessSync(dir, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
