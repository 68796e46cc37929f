/** Whether the state directory can hold what PanCode keeps: asked before anything is started in it. */
import fs from 'node:fs';
import { diskFault, diskFull } from '../core/disk-fault.ts';
import { networkDisk } from '../core/network-disk.ts';
import { EXIT, PanError } from '../protocol/error.ts';

/** What a daemon needs to start at all, bytes. */
const LEAST_BYTES = 1 << 20;

/** Makes the directory where it is missing. Throws PanError with one reason and the way out. */
export function checkState(state: string): void {
  try {
    fs.mkdirSync(state, { recursive: true, mode: 0o700 });
    fs.accessSync(state, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw unusable(state, error);
  }
  const { type, bavail, bsize, files, ffree } = fs.statfsSync(state);
  const device = fs.statSync(state).dev;
  // As glibc's `major` and `minor` take it apart, as far as numbers here go.
  const numbers = `${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`;
  const network = networkDisk(type, numbers, () => fs.readFileSync('/proc/self/mountinfo', 'utf8'));
  if (network !== null)
    throw new PanError(
      'network-disk',
      `${state} is on a network file system (${network}), where sockets, locks and the ledger do not work reliably.`,
      'Set PANCODE_HOME to a directory on a local disk.',
      EXIT.usage,
    );
  // Some file systems have no fixed number of files and say 0 of 0.
  if (bavail * bsize < LEAST_BYTES || (files > 0 && ffree === 0))
    throw diskFull(`There is no space left on the disk of ${state}.`);
}

function unusable(state: string, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new PanError(
      'read-only',
      `${state}, where PanCode keeps its state, cannot be written.`,
      'Make it writable for you, or set PANCODE_HOME to a directory that is.',
      EXIT.usage,
      error,
    );
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return new PanError(
      'no-directory',
      `${state}, where PanCode keeps its state, is not a directory.`,
      'Move what is there away, or set PANCODE_HOME to another directory.',
      EXIT.usage,
      error,
    );
  return diskFault(error, state) ?? (error as Error);
}
