/** Paths and files as the tools see them: resolved against the working directory, replaced whole, errors told so that a model can act. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ToolResult } from '../../core/contracts.ts';

/** Largest file that is edited as a whole. */
const MAX_TEXT_BYTES = 10_000_000;

export function resolvePath(given: string, cwd: string): string {
  return path.resolve(cwd, given);
}

export function failed(text: string): ToolResult {
  return { ok: false, text };
}

/** What a file-system error means for the one who asked. `given` is the path in the caller's own words. */
export function fileFailure(error: unknown, given: string): ToolResult {
  const code = (error as NodeJS.ErrnoException).code;
  const message = error instanceof Error ? error.message : String(error);
  switch (code) {
    case 'ENOENT':
      return failed(`There is no "${given}". Use ls or find to see what is there.`);
    case 'EISDIR':
      return failed(`"${given}" is a directory. Use ls to see what is in it.`);
    case 'ENOTDIR':
      return failed(`A part of "${given}" is a file, not a directory.`);
    case 'EROFS':
      return failed(`This dispatch is read-only: "${given}" cannot be written. Report what you would change instead.`);
    case 'EACCES':
    case 'EPERM':
      return failed(`The system does not permit this on "${given}".`);
    case 'ENOSPC':
    case 'EDQUOT':
      return failed(`There is no space left to write "${given}".`);
    case 'ENAMETOOLONG':
      return failed(`The path is too long: "${given.slice(0, 200)}…".`);
    case 'ELOOP':
      return failed(`"${given}" is a link that leads back to itself.`);
    default:
      return failed(`"${given}": ${message}`);
  }
}

/** Opens a regular file for reading; a pipe or device is refused instead of waited for. */
export async function openRegular(file: string, given: string) {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const info = await handle.stat();
  if (info.isFile()) return { handle, size: info.size };
  await handle.close();
  if (info.isDirectory()) return fileFailure({ code: 'EISDIR' }, given);
  return failed(`"${given}" is not a regular file.`);
}

/** The whole text of a file; refused where it is no text (then an edit would destroy it) or too large. */
export async function readText(file: string, given: string): Promise<{ text: string } | ToolResult> {
  const opened = await openRegular(file, given);
  if ('ok' in opened) return opened;
  try {
    if (opened.size > MAX_TEXT_BYTES)
      return failed(`"${given}" has ${opened.size} bytes: too large to edit. Use a command.`);
    const bytes = await opened.handle.readFile();
    const text = bytes.toString('utf8');
    if (text.includes('\0') || !Buffer.from(text, 'utf8').equals(bytes)) return failed(`"${given}" is not UTF-8 text.`);
    return { text };
  } finally {
    await opened.handle.close();
  }
}

/** Replaces a file as a whole: written beside it, then renamed. Keeps the mode of an existing file and writes through a link. */
export async function replaceFile(file: string, text: string): Promise<{ created: boolean }> {
  let target = file;
  let mode: number | null = null;
  try {
    target = await realpath(file);
    const info = await stat(target);
    if (info.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    mode = info.mode & 0o7777;
  } catch (error) {
    // No such file yet: it is created, with its directories.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(path.dirname(file), { recursive: true });
  }
  const beside = path.join(path.dirname(target), `.${randomBytes(8).toString('hex')}.new`);
  try {
    const handle = await open(beside, 'wx', mode ?? 0o666);
    try {
      // The umask narrows the mode given to open; an existing file keeps exactly its own.
      if (mode !== null) await handle.chmod(mode);
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  return { created: mode === null };
}
