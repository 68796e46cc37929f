/** The text of a configuration file. A person may have put anything there: it is read with bounds and never waits. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { PanError } from '../protocol/error.ts';

/** With every key set it is 3 kB. The parser takes up to 2 s for the worst 256 kB, such as brackets alone, and the daemon waits for it. */
const MAX_KB = 256;

/** null: there is no such file. Throws PanError (exit 2) where what is there is no text that could be a configuration. */
export async function readConfigText(file: string): Promise<string | null> {
  const unreadable = (what: string, toDo: string, cause?: unknown) =>
    new PanError('config-unreadable', `${file} ${what}.`, toDo, 2, cause);
  try {
    // O_NONBLOCK: opening a pipe for reading would otherwise wait for a writer.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile())
        throw unreadable(
          `is ${stat.isDirectory() ? 'a directory' : 'no regular file'}`,
          'Move it away and put a YAML file there, or nothing.',
        );
      if (stat.size > MAX_KB * 1024)
        throw unreadable(
          `is ${Math.ceil(stat.size / 1024)} kB, more than the ${MAX_KB} kB a configuration may have`,
          'Look whether it is the right file; an empty configuration is valid too.',
        );
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof PanError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw unreadable('is not UTF-8 text', 'Save it as UTF-8, or move it away.', error);
    throw unreadable(`cannot be read (${code})`, `Make ${file} readable, or move it away.`, error);
  }
}
