/**
 * What is put into a copy from outside of git: files of `workspace.copy`, and what the set-up made. It is taken back before the copy is
 * harvested, so that none of it gets into a result; a list beside the copy says what, for whoever harvests after a crash.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { removeTree } from './remove.ts';

interface Given {
  /** Relative to the copy. */
  path: string;
  /** Of a file's content; null: a directory. */
  sha256: string | null;
  /** Of a file. */
  bytes: number | null;
}

export interface Giving {
  copy: string;
  /** The list of what was given. */
  list: string;
  notice(text: string): void;
}

/** A name or a glob (`*`, `?`, `[…]`) becomes the names of what is there, relative to `project`; node_modules is not searched. */
export function namesToCopy(project: string, names: string[]): string[] {
  const found = names.flatMap((name) =>
    /[*?[]/.test(name)
      ? fs.globSync(name, { cwd: project, exclude: (each) => ['node_modules', '.git'].includes(path.basename(each)) })
      : fs.existsSync(path.join(project, name))
        ? [path.normalize(name)]
        : [],
  );
  return [...new Set(found)].sort();
}

/**
 * Gives the copy the files `names` of `from`. What the copy has already stays: git knows it. Returns the names that were given. A link is
 * followed where it leads inside `from`; `maxBytes` is the most for one file. What is left out is told.
 */
export function giveFiles(from: string, names: string[], maxBytes: number, giving: Giving): string[] {
  const given: Given[] = [];
  for (const name of names) {
    const why = cannotGive(from, name, maxBytes);
    if (why !== null) giving.notice(`${name} is not copied: ${why}.`);
    if (why !== null || !makePlace(giving.copy, name)) continue;
    const bytes = fs.readFileSync(path.join(from, name));
    const mode = fs.statSync(path.join(from, name)).mode & 0o777;
    fs.writeFileSync(path.join(giving.copy, name), bytes, { flag: 'wx', mode });
    given.push({ path: name, sha256: sha256(bytes), bytes: bytes.length });
  }
  remember(giving.list, given);
  return given.map((each) => each.path);
}

/** Gives the copy a directory of its own with the content of `host`, times kept, sharing blocks where the file system can. */
export function giveDirectory(host: string, relative: string, giving: Giving): void {
  if (!makePlace(giving.copy, relative)) return;
  remember(giving.list, [{ path: relative, sha256: null, bytes: null }]);
  const to = path.join(giving.copy, relative);
  const ran = spawnSync('cp', ['-a', '--reflink=auto', '--', host, to], { encoding: 'utf8' });
  if (ran.status === 0) return;
  removeTree(to);
  giving.notice(`${relative} is not there: it could not be copied (${ran.stderr.trim() || ran.error?.message}).`);
}

/**
 * Removes from the copy what was given. The agent must be gone. What it changed is not the project's: it goes to `keep`, and `notice` says
 * so. Without a list there was nothing. Can be called again.
 */
export function takeBack(giving: Giving & { keep: string }): void {
  const { copy, list, keep, notice } = giving;
  for (const given of readList(list)) {
    const { path: name } = given;
    const at = path.join(copy, name);
    if (!throughDirectories(copy, name)) continue;
    const stat = fs.lstatSync(at, { throwIfNoEntry: false });
    if (!stat) continue;
    unlock(at, stat);
    if (given.sha256 === null ? stat.isDirectory() : isAsGiven(at, stat, given)) {
      removeTree(at);
      continue;
    }
    const kept = path.join(keep, name);
    fs.mkdirSync(path.dirname(kept), { recursive: true, mode: 0o700 });
    fs.renameSync(at, kept);
    notice(`The agent changed ${name}, which is copied in and never part of a result; its version is kept in ${kept}.`);
  }
}

/** An agent may have put anything there: what has another size is not read. */
function isAsGiven(file: string, stat: fs.Stats, given: Given): boolean {
  return stat.isFile() && stat.size === given.bytes && sha256(fs.readFileSync(file)) === given.sha256;
}

/** Gives the owner back what an agent took from itself. */
function unlock(file: string, stat: fs.Stats): void {
  const needed = stat.isDirectory() ? 0o700 : stat.isFile() ? 0o400 : 0;
  if ((stat.mode & needed) !== needed) fs.chmodSync(file, (stat.mode & 0o777) | needed);
}

function cannotGive(from: string, name: string, maxBytes: number): string | null {
  const file = path.join(from, name);
  const real = fs.existsSync(file) ? fs.realpathSync(file) : null;
  if (real === null) return 'it is not there';
  if (!real.startsWith(`${fs.realpathSync(from)}/`)) return 'it is a link that leads out of the project';
  const stat = fs.statSync(real);
  if (!stat.isFile()) return 'it is no file';
  if (stat.size > maxBytes) return `it is larger than ${maxBytes / 1e6} MB (workspace.maxFileMb)`;
  try {
    fs.accessSync(real, fs.constants.R_OK);
  } catch {
    return 'it cannot be read';
  }
  return null;
}

/** Makes the directories above a name; false: something is there already, or in the way. */
function makePlace(copy: string, name: string): boolean {
  if (!throughDirectories(copy, name) || fs.lstatSync(path.join(copy, name), { throwIfNoEntry: false })) return false;
  fs.mkdirSync(path.dirname(path.join(copy, name)), { recursive: true });
  return true;
}

/** Whether no part of the way to a name is a link or a file: an agent's link would lead us anywhere. */
function throughDirectories(copy: string, name: string): boolean {
  let at = copy;
  for (const part of path.normalize(name).split('/').slice(0, -1)) {
    at = path.join(at, part);
    const stat = fs.lstatSync(at, { throwIfNoEntry: false });
    if (!stat) return true;
    if (!stat.isDirectory()) return false;
    unlock(at, stat);
  }
  return true;
}

function remember(list: string, given: Given[]): void {
  if (given.length === 0) return;
  fs.writeFileSync(`${list}.new`, JSON.stringify([...readList(list), ...given]), { mode: 0o600 });
  fs.renameSync(`${list}.new`, list);
}

function readList(list: string): Given[] {
  return fs.existsSync(list) ? JSON.parse(fs.readFileSync(list, 'utf8')) : [];
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
