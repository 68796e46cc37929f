/** One row of the table of shapes: a project as people have them, what an agent does in it, and what must come of it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Receipt } from '../../../src/protocol/receipt.ts';

/** Where a row lives. Names of files are latin1 text, one letter per byte. */
export interface Place {
  /** A directory of the row's own, for what lies beside the project. */
  beside: string;
  /** The project, not made yet. */
  dir: string;
  git(...args: string[]): string;
  /** Writes a file of the project and the directories it needs. */
  write(name: string, content: string | Buffer, mode?: number): void;
  read(name: string): Buffer;
  exists(name: string): boolean;
}

export interface Shape {
  name: string;
  make(at: Place): void | Promise<void>;
  /** Directory the command is given in, below the project. */
  cwd?: string;
  /** Shell text the agent runs; not given: it edits edit.txt, adds "new/added file.txt" and removes gone.txt. */
  change?: string;
  /** Files that differ after the apply, sorted; not given: those of the usual change. */
  changes?: string[];
  /** Part of what the command of the agent prints. */
  says?: string;
  /** What the user does between the dispatch and the apply. */
  meanwhile?(at: Place): void;
  /** Looks at the tree after the apply. */
  applied?(at: Place): void;
  receipt?(receipt: Receipt, at: Place): void;
  /** Code of the error the dispatch is refused with. */
  refused?: string;
  /** What the apply is refused with; the work stays in its ref. */
  conflict?: RegExp;
  /** Directories beside the project whose git data belongs to it. */
  also?(at: Place): string[];
}

export const USUAL_CHANGE = [
  "printf 'by the agent\\n' >> edit.txt",
  "mkdir -p new && printf 'added\\n' > 'new/added file.txt'",
  'rm gone.txt',
].join(' && ');
export const USUAL_CHANGES = ['edit.txt', 'gone.txt', 'new/added file.txt'];

/** A repository with a commit of the files that the usual change is about. */
export function repository(at: Place, ...init: string[]): void {
  fs.mkdirSync(at.dir, { recursive: true });
  at.git('init', '-q', '-b', 'main', ...init);
  at.git('config', 'user.name', 'User');
  at.git('config', 'user.email', 'user@example.invalid');
  files(at);
  commit(at, 'first');
}

export function files(at: Place): void {
  at.write('edit.txt', 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n');
  at.write('gone.txt', 'to be removed\n');
  at.write('kept/file.txt', 'kept\n');
}

export function commit(at: Place, message: string): void {
  at.git('add', '-A');
  at.git('commit', '-q', '-m', message);
}

export function placeOf(beside: string, env: Record<string, string>): Place {
  const dir = path.join(beside, 'a project');
  const onDisk = (name: string) => Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name, 'latin1')]);
  return {
    beside,
    dir,
    git: (...args) =>
      execFileSync('git', ['-c', 'gc.auto=0', '-c', 'maintenance.auto=false', ...args], {
        cwd: dir,
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }).trim(),
    write(name, content, mode) {
      const slash = name.lastIndexOf('/');
      if (slash > 0) fs.mkdirSync(onDisk(name.slice(0, slash)), { recursive: true });
      fs.writeFileSync(onDisk(name), content);
      if (mode !== undefined) fs.chmodSync(onDisk(name), mode);
    },
    read: (name) => fs.readFileSync(onDisk(name)),
    exists: (name) => fs.lstatSync(onDisk(name), { throwIfNoEntry: false }) !== undefined,
  };
}

/** Below a git directory: what is git's to fill while nothing of the user's changes: objects, and PanCode's own refs. */
const OWN = /^(objects|refs\/pancode|lfs)$/;

/**
 * Kind, permissions and content of everything in the directories, git's index, refs, configuration and logs included; keys are latin1
 * names. Directories have the key of a file with "/" at the end.
 */
export function fingerprint(dirs: string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [n, dir] of dirs.entries()) visit(Buffer.from(dir), n === 0 ? '' : `${n}:`, n === 0 ? null : '', found);
  return found;
}

/** `inGit`: path of `dir` below the git directory it is in, "" or with "/" at the end; null outside. */
function visit(dir: Buffer, prefix: string, inGit: string | null, found: Map<string, string>): void {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true, encoding: 'buffer' })) {
    const file = Buffer.concat([dir, Buffer.from('/'), entry.name]);
    const [own, name] = [entry.name.toString('latin1'), `${prefix}${entry.name.toString('latin1')}`];
    if (inGit !== null && OWN.test(`${inGit}${own}`)) continue;
    const mode = fs.lstatSync(file).mode.toString(8);
    if (entry.isDirectory()) {
      found.set(`${name}/`, mode);
      visit(file, `${name}/`, inGit === null ? (own === '.git' ? '' : null) : `${inGit}${own}/`, found);
    } else if (entry.isSymbolicLink()) found.set(name, `${mode} ${fs.readlinkSync(file, { encoding: 'latin1' })}`);
    else found.set(name, entry.isFile() ? `${mode} ${contentOf(file)}` : mode);
  }
}

function contentOf(file: Buffer): string {
  const bytes = fs.readFileSync(file);
  return bytes.length < 200 ? bytes.toString('latin1') : createHash('sha256').update(bytes).digest('hex');
}

/** Names of files that differ, sorted; directories are not counted. */
export function differing(before: Map<string, string>, after: Map<string, string>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => !name.endsWith('/') && before.get(name) !== after.get(name))
    .sort();
}
