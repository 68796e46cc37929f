/** What an agent left, in the form git keeps: the user's filters run on what it changed, as in `git add`. */
import { hasRealParents, statOf } from './disk-state.ts';
import { type GitHost, git, gitLine, tryGit } from './git.ts';
import type { Project } from './inspect.ts';
import { putEntries } from './merge.ts';
import { type Name, nameOf, onDisk, textOf } from './names.ts';
import { several } from './several.ts';
import { type Blob, treeChanges } from './tree-changes.ts';
import { filtered } from './user-form.ts';

/**
 * The tree of `commit` with what it changed since `base` in git's form; null: it has that form. `copy` is where its files are. A filter that
 * fails leaves the file as it is, and will say so again when it is applied.
 */
export async function gitFormOf(
  project: Project,
  host: GitHost,
  filters: ReadonlySet<string>,
  what: { base: string; commit: string; copy: string; index: string },
): Promise<string | null> {
  if (filters.size === 0) return null;
  const changed = (await treeChanges(project, host, what.base, what.commit)).filter(({ new: blob }) =>
    blob?.mode.startsWith('100'),
  );
  const blobs = new Map(changed.map((change) => [change.name, change.new as Blob]));
  const names = await filtered(project, host, filters, [...blobs.keys()]);
  const entries = await several(names, async (name) => {
    const blob = blobs.get(name) as Blob;
    const id = await cleaned(project, host, what.copy, name);
    return id === null || id === blob.id ? [] : [{ name, blob: { ...blob, id } }];
  });
  if (entries.flat().length === 0) return null;
  const at = { cwd: project.root, env: { GIT_INDEX_FILE: what.index } };
  await git(host, ['read-tree', what.commit], at);
  await putEntries(project, host, what.index, entries.flat());
  return gitLine(host, ['write-tree'], at);
}

/** The object that `git add` would make of a file of the copy, by the user's rules for its name; null where that cannot be done. */
async function cleaned(project: Project, host: GitHost, copy: string, name: Name): Promise<string | null> {
  const file = onDisk(copy, name);
  // What is no text cannot be an argument.
  if (nameOf(textOf(name)) !== name || !hasRealParents(copy, name) || !statOf(file)?.isFile()) return null;
  const asked = await tryGit(host, ['hash-object', '-w', `--path=${textOf(name)}`, '--stdin'], {
    cwd: project.root,
    config: ['core.safecrlf=false'],
    inputFile: file.toString('utf8'),
  });
  return asked.code === 0 ? asked.stdout.toString('utf8').trim() : null;
}
