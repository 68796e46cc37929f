/** The working tree of a project without git: every file in it that is not ignored, as nobody has told git which ones count. */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { type GitHost, git } from './git.ts';
import { listFiles, type Project } from './inspect.ts';
import { type Name, nameList, onDisk } from './names.ts';

/** What stands in the tree. `kept`: names in `index`, which remembers files of an earlier look. */
export async function listWholeTree(
  project: Project,
  host: GitHost,
  index: string,
): Promise<{ names: Name[]; nested: Name[]; kept: Name[] }> {
  // With an index that is not there, nothing is tracked.
  const all = await listFiles(project.root, host, { env: { GIT_INDEX_FILE: `${index}-none` } });
  const { entries } = await listFiles(project.root, host, { untracked: false, env: { GIT_INDEX_FILE: index } });
  return { names: all.untracked, nested: all.nested, kept: entries.map((entry) => entry.name) };
}

/** Throws PanError where a tree is larger than a copy of it may be. Sizes in MB (10^6 bytes). */
export function refuseTooLarge(
  project: Project,
  names: Name[],
  limits: { maxFileMb: number; maxTotalMb: number },
): void {
  let bytes = 0;
  let files = 0;
  for (const name of names) {
    const stat = fs.lstatSync(onDisk(project.root, name), { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size > limits.maxFileMb * 1e6) continue;
    bytes += stat.size;
    files += 1;
  }
  if (bytes <= limits.maxTotalMb * 1e6) return;
  throw new PanError(
    'too-large',
    `${project.root} is no git repository, and the ${files} files in it that are not ignored have ${Math.ceil(bytes / 1e6)} MB, more than workspace.maxTotalMb (${limits.maxTotalMb}).`,
    'Name what is no source in a .gitignore there, raise workspace.maxTotalMb, or run `git init` and commit what belongs to the project.',
    EXIT.usage,
  );
}

/** Takes names out of an index. */
export async function forget(project: Project, host: GitHost, index: string, names: Name[]): Promise<void> {
  if (names.length === 0) return;
  await git(host, ['update-index', '--force-remove', '-z', '--stdin'], {
    cwd: project.root,
    env: { GIT_INDEX_FILE: index },
    input: nameList(names),
  });
}

/** Next time, files that have not changed are not read again. Whole or absent, whoever else does the same. */
export function keepIndex(project: Project, index: string): void {
  const stat = fs.statSync(index, { throwIfNoEntry: false });
  if (!stat) return;
  const part = path.join(project.gitDir, `index.${process.pid}`);
  fs.copyFileSync(index, part);
  fs.utimesSync(part, stat.atime, (stat.mtimeMs - 1) / 1_000);
  fs.renameSync(part, path.join(project.gitDir, 'index'));
}
