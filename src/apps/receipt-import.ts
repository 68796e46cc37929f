/** Hands a file of receipts to the daemon: as a copy, because it may be a pipe, and the daemon reads it twice. */
import fs from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ulid } from 'ulid';
import { PanError } from '../protocol/error.ts';
import type { CommandContext } from './command.ts';

export interface ImportAnswer {
  imported: number;
  amendments: number;
  known: number;
  damaged: number;
}

/** A receipt is a few thousand bytes; what is longer than this is no line of ours, MB. */
const MAX_LINE_MB = 16;

/** `file`: a path, or `-` for stdin. Throws PanError (exit 2) where it cannot be read or holds a line that is no record. */
export async function importFile(file: string, context: CommandContext): Promise<ImportAnswer> {
  const dir = path.join(context.environment.roots.cache, 'import');
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const copy = path.join(dir, `${ulid()}.jsonl`);
  try {
    await copyTo(copy, file, context.options().cwd);
    return await context.client.call<ImportAnswer>('POST', '/v1/receipts-import', { file: copy });
  } finally {
    fs.rmSync(copy, { force: true });
  }
}

async function copyTo(copy: string, file: string, cwd: string): Promise<void> {
  const source = file === '-' ? process.stdin : fs.createReadStream(path.resolve(cwd, file));
  try {
    await pipeline(source, boundedLines(), fs.createWriteStream(copy, { mode: 0o600 }));
  } catch (error) {
    if (error instanceof PanError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new PanError(
      'import-unreadable',
      `${file === '-' ? 'stdin' : file} cannot be copied for reading: ${code ?? message}.`,
      'Name a readable file of JSON Lines; nothing was imported.',
      2,
      error,
    );
  }
}

function boundedLines(): Transform {
  let line = 1;
  let length = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      for (let at = 0; at < chunk.length; ) {
        const end = chunk.indexOf(10, at);
        length += (end < 0 ? chunk.length : end) - at;
        if (length > MAX_LINE_MB * 2 ** 20) {
          done(
            new PanError(
              'bad-import',
              `Line ${line} is longer than ${MAX_LINE_MB} MB, which no receipt is.`,
              'Give a file of JSON Lines; nothing was imported.',
            ),
          );
          return;
        }
        if (end < 0) break;
        [line, length, at] = [line + 1, 0, end + 1];
      }
      done(null, chunk);
    },
  });
}
