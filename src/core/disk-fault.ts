/** What a disk that cannot be written means for a person. Pure. */
import { EXIT, PanError } from '../protocol/error.ts';

/** The lower byte of SQLite's result codes. */
const SQLITE = { readOnly: 8, ioError: 10, full: 13, cannotOpen: 14 } as const;

/** As the C library, git and SQLite say it. */
const FULL = /no space left on device|out of disk ?space|disk quota exceeded|database or disk is full/i;

/** The error in words a person can act on; null where it is none of a disk. `place`: what was to be written, if the error does not say. */
export function diskFault(error: unknown, place?: string): PanError | null {
  if (error instanceof PanError || !(error instanceof Error)) return null;
  const { code, path = place, errcode } = error as NodeJS.ErrnoException & { errcode?: number };
  const where = path === undefined ? '' : ` of ${path}`;
  const result = errcode === undefined ? null : errcode & 0xff;
  if (code === 'ENOSPC' || code === 'EDQUOT' || result === SQLITE.full || FULL.test(error.message))
    return diskFull(`There is no space left on the disk${where}.`, error);
  if (code === 'EROFS' || result === SQLITE.readOnly)
    return new PanError(
      'read-only',
      `The disk${where} cannot be written.`,
      'Make it writable for you, or set PANCODE_HOME to a directory that is.',
      EXIT.usage,
      error,
    );
  if (result === SQLITE.ioError || result === SQLITE.cannotOpen)
    return new PanError(
      'disk-fault',
      `The disk${where} cannot be used (${error.message}).`,
      'Look whether it is full or damaged, and run the command again.',
      EXIT.failed,
      error,
    );
  return null;
}

export function diskFull(what: string, cause?: unknown): PanError {
  return new PanError(
    'disk-full',
    what,
    'Free some space (`pancode prune` may help) and run the command again.',
    EXIT.failed,
    cause,
  );
}
