/**
 * Filters of the user's configuration (Git LFS, git-crypt, nbstripout): git keeps one form of a file, the working tree holds another. An agent
 * works on what the user sees; what it leaves is turned into git's form again, as `git add` would. Attributes are those of the user's tree.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { fileState, hasRealParents, sameBytes, statOf } from './disk-state.ts';
import { type GitHost, git, splitNul, tryGit } from './git.ts';
import type { Project } from './inspect.ts';
import { type Name, nameList, onDisk } from './names.ts';
import { removeTree } from './remove.ts';
import { several } from './several.ts';
import { writeForm } from './written-form.ts';

/** Names of the filters that the user's git has; mostly there are none, or `lfs`. */
export async function filterNames(project: Project, host: GitHost): Promise<ReadonlySet<string>> {
  const asked = await tryGit(
    host,
    ['config', '-z', '--name-only', '--get-regexp', '^filter\\..*\\.(clean|smudge|process)$'],
    {
      cwd: project.root,
    },
  );
  return new Set(splitNul(asked.stdout, 'latin1').map((key) => key.slice('filter.'.length, key.lastIndexOf('.'))));
}

/** Those of `names` that one of the filters is for. */
export async function filtered(
  project: Project,
  host: GitHost,
  filters: ReadonlySet<string>,
  names: Name[],
): Promise<Name[]> {
  if (filters.size === 0 || names.length === 0) return [];
  const fields = splitNul(
    await git(host, ['check-attr', '-z', '--stdin', 'filter'], { cwd: project.root, input: nameList(names) }),
    'latin1',
  );
  // Each answer is a name, the attribute, its value.
  return fields.filter((_, n) => n % 3 === 0 && filters.has(fields[n + 2] as string));
}

/** What `showUserForm` works on: a checkout of `commit` in git's form. */
export interface Checkout {
  dir: string;
  commit: string;
  /** The commit is no snapshot of the working tree: its files are written as a checkout of the user's would, with nothing fetched. */
  revision: boolean;
}

/** Puts what the user has in place of what git keeps; git in the copy sees no change in that. */
export async function showUserForm(
  project: Project,
  host: GitHost,
  filters: ReadonlySet<string>,
  copy: Checkout,
): Promise<void> {
  if (filters.size === 0) return;
  const listed = await git(host, ['ls-tree', '-r', '-z', '--name-only', copy.commit], { cwd: project.root });
  const names = await filtered(project, host, filters, splitNul(listed, 'latin1'));
  if (names.length === 0) return;
  if (!copy.revision) return put(project, copy, names, project.root);
  const written = `${copy.dir}.written`;
  const form = {
    tree: copy.commit,
    names,
    dir: `${written}/files`,
    index: `${written}/index`,
    attributesChange: false,
  };
  try {
    fs.mkdirSync(written, { mode: 0o700 });
    await writeForm(project, host, form).catch((cause: unknown) => {
      throw cause instanceof PanError ? filterFailed(copy.commit, cause) : cause;
    });
    await put(project, copy, names, form.dir);
  } finally {
    removeTree(written);
  }
}

function filterFailed(commit: string, cause: PanError): PanError {
  return new PanError(
    'filter-failed',
    `The files of ${commit} cannot be written as your git would: ${cause.message}`,
    'Repair the filter that git names, or start from the working tree.',
    EXIT.failed,
    cause,
  );
}

/** Takes the files over from below `root`, where they are files there and in the copy. */
async function put(project: Project, copy: Checkout, names: Name[], root: string): Promise<void> {
  const shown = await several(names, async (name) => {
    const [from, to] = [onDisk(root, name), onDisk(copy.dir, name)];
    const theirs = hasRealParents(root, name) ? statOf(from) : null;
    if (!theirs?.isFile() || !statOf(to)?.isFile()) return [];
    if (sameBytes(await fileState(from), await fileState(to))) return [];
    await fs.promises.copyFile(from, to, fs.constants.COPYFILE_FICLONE);
    // git reads again what is not older than its index, and would find a difference.
    fs.utimesSync(to, Date.now() / 1_000, Math.min(Number(theirs.mtimeMs), Date.now() - 2_000) / 1_000);
    return [name];
  });
  trustFiles(path.join(copy.dir, '.git', 'index'), copy.dir, new Set(shown.flat()), project.objectFormat);
}

/**
 * Makes an index of version 2 or 3 say of files that they are what it has for them, whatever bytes they hold: as git does it itself after it
 * has run a filter (gitformat-index).
 */
function trustFiles(index: string, dir: string, names: ReadonlySet<Name>, format: Project['objectFormat']): void {
  if (names.size === 0) return;
  const bytes = fs.readFileSync(index);
  const idLength = format === 'sha1' ? 20 : 32;
  if (bytes.toString('latin1', 0, 4) !== 'DIRC' || bytes.readUInt32BE(4) > 3)
    throw new Error(`${index} is no index of version 2 or 3`);
  let at = 12;
  for (let n = bytes.readUInt32BE(8); n > 0; n -= 1) {
    const flags = at + 40 + idLength;
    const start = flags + (bytes.readUInt16BE(flags) & 0x4000 ? 4 : 2);
    const end = bytes.indexOf(0, start);
    const name = bytes.toString('latin1', start, end);
    if (names.has(name)) putStat(bytes, at, fs.lstatSync(onDisk(dir, name), { bigint: true }));
    at += (end - at + 8) & ~7;
  }
  const content = bytes.subarray(0, -idLength);
  createHash(format).update(content).digest().copy(bytes, content.length);
  fs.writeFileSync(index, bytes);
}

function putStat(bytes: Buffer, at: number, stat: fs.BigIntStats): void {
  const second = 1_000_000_000n;
  const times = [stat.ctimeNs / second, stat.ctimeNs % second, stat.mtimeNs / second, stat.mtimeNs % second];
  // The mode, at 24, is git's own.
  for (const [n, value] of [...times, stat.dev, stat.ino, null, stat.uid, stat.gid, stat.size].entries())
    if (value !== null) bytes.writeUInt32BE(Number(BigInt.asUintN(32, value)), at + 4 * n);
}
