/** What differs between two trees of the repository, and the bytes of blobs. Nothing of the user's configuration changes an answer. */
import path from 'node:path';
import { NO_USER_CONFIG } from './copy.ts';
import { type GitHost, type GitOptions, git, splitNul } from './git.ts';
import type { Project } from './inspect.ts';
import type { Name } from './names.ts';

/** A file in a tree. Modes are git's octal text, such as `100644`. */
export interface Blob {
  mode: string;
  id: string;
}

export interface TreeChange {
  name: Name;
  /** null: not there. */
  old: Blob | null;
  new: Blob | null;
}

/** Every path that differs, sorted as git sorts; a rename is a removal and an addition. */
export async function treeChanges(project: Project, host: GitHost, from: string, to: string): Promise<TreeChange[]> {
  return (await treeChangesWith(project, host, [], from, to)).changes;
}

/** The same, and what `flags` make git print after it. */
export async function treeChangesWith(
  project: Project,
  host: GitHost,
  flags: string[],
  from: string,
  to: string,
): Promise<{ changes: TreeChange[]; rest: string[] }> {
  const asked = ['--bare', 'diff-tree', '-r', '-z', '--raw', ...flags, '--no-abbrev', '--no-renames', from, to];
  const fields = splitNul(await git(host, asked, plain(project)), 'latin1');
  const changes: TreeChange[] = [];
  let n = 0;
  // Only descriptions of changes begin with a colon; counts follow them with a number or a dash.
  for (; n + 1 < fields.length && fields[n]?.startsWith(':'); n += 2) {
    const [oldMode, newMode, oldId, newId] = (fields[n] as string).slice(1).split(' ') as [
      string,
      string,
      string,
      string,
    ];
    changes.push({ name: fields[n + 1] as string, old: blob(oldMode, oldId), new: blob(newMode, newId) });
  }
  return { changes, rest: fields.slice(n) };
}

/**
 * Options for a comparison of trees that says the same on every machine and at every time: without a work tree and an index there are no
 * attributes of the tree, and of configuration only the repository's own is left, which the caller's flags override.
 */
export function plain(project: Project): GitOptions {
  return {
    cwd: project.gitDir,
    config: [
      'core.attributesFile=/dev/null',
      'core.quotePath=true',
      'diff.suppressBlankEmpty=false',
      // A file of 300 MB on one line would be a patch of 600 MB.
      'core.bigFileThreshold=16m',
    ],
    env: {
      ...NO_USER_CONFIG,
      GIT_DIR: project.gitDir,
      GIT_INDEX_FILE: path.join(project.gitDir, 'no-index-of-pancode'),
    },
  };
}

/** The bytes of blobs by id. Throws when one is missing. */
export async function readBlobs(project: Project, host: GitHost, ids: string[]): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) return found;
  const out = await git(host, ['cat-file', '--batch'], {
    cwd: project.root,
    input: wanted.map((id) => `${id}\n`).join(''),
  });
  let at = 0;
  for (const id of wanted) {
    const end = out.indexOf(0x0a, at);
    const [, type, size] = out.toString('latin1', at, end).split(' ');
    if (type !== 'blob') throw new Error(`the blob ${id} is missing in ${project.commonDir}`);
    at = end + 1 + Number(size) + 1;
    found.set(id, out.subarray(end + 1, at - 1));
  }
  return found;
}

/** Every file of a tree. */
export async function treeFiles(project: Project, host: GitHost, tree: string): Promise<Map<Name, Blob>> {
  const entries = splitNul(await git(host, ['ls-tree', '-r', '-z', tree], { cwd: project.root }), 'latin1');
  return new Map(
    entries.map((entry) => {
      const tab = entry.indexOf('\t');
      const [mode, , id] = entry.slice(0, tab).split(' ') as [string, string, string];
      return [entry.slice(tab + 1), { mode, id }];
    }),
  );
}

function blob(mode: string, id: string): Blob | null {
  return mode === '000000' ? null : { mode, id };
}
