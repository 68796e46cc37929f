/** `always.json`: answers a person gave for good. Written by the daemon alone, before the answer counts. */
import fs from 'node:fs';
import type { Always } from '../../core/questions.ts';
import { PanError } from '../../protocol/error.ts';

/** [] where there is no file. Throws PanError for one that cannot be read: a yes is never guessed. */
export function readAlways(file: string): Always[] {
  if (!fs.existsSync(file)) return [];
  try {
    const kept: unknown = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (Array.isArray(kept)) return kept as Always[];
    throw new Error('it holds no list');
  } catch (cause) {
    throw new PanError(
      'bad-always',
      `The answers kept for good in ${file} cannot be read.`,
      'Correct or remove that file.',
      1,
      cause,
    );
  }
}

/** Replaces the file as a whole; it is on the disk when this returns. */
export function writeAlways(file: string, kept: Always[]): void {
  const beside = `${file}.new`;
  const fd = fs.openSync(beside, 'w', 0o600);
  try {
    fs.writeFileSync(fd, JSON.stringify(kept));
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(beside, file);
}
