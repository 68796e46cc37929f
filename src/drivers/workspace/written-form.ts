/** Files of a tree as `git checkout` would write them: with the user's line ends, filters and encodings. */
import fs from 'node:fs';
import path from 'node:path';
import { type GitHost, type GitOptions, lastLine, tryGit } from './git.ts';
import type { Project } from './inspect.ts';
import { type Name, nameList, onDisk } from './names.ts';
import { conflict } from './prepare.ts';

/** LFS content that is on this machine is written; what is not stays a pointer and is never fetched (git-lfs 3.3). */
export const NO_FETCH = ['lfs.url=file:///dev/null', 'lfs.skipDownloadErrors=true'];

/**
 * Writes `names` of `tree` below `dir` by their own names. Throws PanError `conflict` where a filter fails or a file is missing.
 * Attributes are those of `tree`. Filters run in the user's working tree, as they expect, but where the change sets attributes itself.
 */
export async function writeForm(
  project: Project,
  host: GitHost,
  what: { tree: string; names: Name[]; dir: string; index: string; attributesChange: boolean },
): Promise<void> {
  fs.mkdirSync(what.dir, { recursive: true, mode: 0o700 });
  if (what.names.length === 0) return;
  const env = { GIT_INDEX_FILE: what.index };
  await must(tryGit(host, ['read-tree', what.tree], { cwd: project.root, env }));
  const input = nameList(what.names);
  const elsewhere = ['--git-dir', project.gitDir, '--work-tree', what.dir];
  // With a prefix git reads attributes from the working tree; with a work tree that is empty, from the index, which is the tree.
  const [args, options]: [string[], GitOptions] = what.attributesChange
    ? [[...elsewhere, 'checkout-index', '-f', '-z', '--stdin'], { cwd: what.dir, env, input, config: NO_FETCH }]
    : [
        ['checkout-index', '-f', `--prefix=${what.dir}/`, '-z', '--stdin'],
        { cwd: project.root, env, input, config: NO_FETCH },
      ];
  await must(tryGit(host, args, options));
  const missing = what.names.find((name) => !fs.lstatSync(onDisk(what.dir, name), { throwIfNoEntry: false }));
  if (missing !== undefined) throw conflict(`git could not write ${path.basename(missing)}.`);
}

/** Whether a change of `name` changes how other files are written. */
export const setsAttributes = (name: Name) => path.basename(name) === '.gitattributes';

async function must(running: ReturnType<typeof tryGit>): Promise<void> {
  const { code, stderr } = await running;
  if (code !== 0) throw conflict(`git could not write the change: ${lastLine(stderr) || `status ${code}`}.`);
}
