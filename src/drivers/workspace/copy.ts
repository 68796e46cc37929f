/** Private copies of a commit: a git directory of its own that borrows the user's objects, and a checkout made by us. */
import fs from 'node:fs';
import path from 'node:path';
import { objectsInside } from '../../core/places.ts';
import { PanError } from '../../protocol/error.ts';
import { userExcludes } from './excludes.ts';
import { type GitHost, git } from './git.ts';
import type { Project } from './inspect.ts';
import { quoteForGit } from './quote.ts';
import { together } from './several.ts';
import { copyIndex, RECORD_IDENTITY } from './snapshot.ts';
import { sparseConfig, sparseFiles } from './sparse.ts';
import { filterNames, showUserForm } from './user-form.ts';

export interface CopyPlace {
  /** A directory that does not exist yet. */
  dir: string;
  /** The copy is used on the host itself, not mounted in a sandbox: objects are borrowed at their real paths. */
  unsandboxed?: boolean;
}

/**
 * Makes the copy an agent works in. Its files are what any fresh clone has: attributes of the tree count, line ends of the user's
 * configuration do not; apply brings them back. Files with a filter of the user's are as the user has them (user-form.ts). `revision`:
 * the commit is no snapshot of the working tree. Two git processes at once, and two more where there are filters.
 */
export async function createCopy(
  project: Project,
  host: GitHost,
  options: CopyPlace & { id: string; commit: string; revision?: boolean },
): Promise<void> {
  const checkout = { dir: options.dir, commit: options.commit, revision: options.revision ?? false };
  const [filters] = await together([
    filterNames(project, host),
    checkOut(project, host, options.commit, options, userExcludes(project)),
  ]);
  await showUserForm(project, host, filters, checkout);
  makeStart(project, options.dir);
  copyIndex(path.join(options.dir, '.git', 'index'), pristineIndex(options.dir));
}

/** git knows no empty directories, and an ignored one is in no commit; the agent starts there all the same. A link on the way is not followed. */
function makeStart(project: Project, dir: string): void {
  let at = dir;
  for (const name of path.relative(project.root, project.cwd).split('/').filter(Boolean)) {
    at = path.join(at, name);
    const stat = fs.lstatSync(at, { throwIfNoEntry: false });
    if (!stat) fs.mkdirSync(at);
    else if (!stat.isDirectory())
      throw new PanError(
        'no-start',
        `${project.cwd} is no directory in what the dispatch starts from.`,
        'Start in another directory, or from another revision.',
      );
  }
}

/** A fresh checkout of a commit, for the check command. */
export async function checkoutAt(
  project: Project,
  host: GitHost,
  commit: string,
  dir: string,
  place: { unsandboxed?: boolean } = {},
): Promise<void> {
  const [filters] = await together([
    filterNames(project, host),
    checkOut(project, host, commit, { ...place, dir }, ''),
  ]);
  await showUserForm(project, host, filters, { dir, commit, revision: true });
}

/** The index as it was before the agent started, kept beside the copy where no agent reaches it: what is unchanged since is not read again. */
export const pristineIndex = (copy: string) => `${copy}.index`;

/** Where the object directories of the project are mounted in a sandbox. */
export function objectDirsInside(project: Project): string[] {
  return project.objectDirs.map((_, n) => objectsInside(n));
}

/** Configuration that keeps git from changing bytes, whatever the user's own says. */
export const PLAIN_FILES = [
  'core.autocrlf=false',
  'core.eol=lf',
  'core.safecrlf=false',
  'core.symlinks=true',
  'core.fileMode=true',
  'core.attributesFile=/dev/null',
  'submodule.recurse=false',
];

/** No configuration but what we pass: filters and drivers of the user are not run on a copy. */
export const NO_USER_CONFIG = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_ATTR_NOSYSTEM: '1' };

async function checkOut(
  project: Project,
  host: GitHost,
  commit: string,
  place: CopyPlace,
  excludes: string,
): Promise<void> {
  const { dir } = place;
  fs.mkdirSync(dir, { mode: 0o700 });
  const gitDir = path.join(dir, '.git');
  writeGitDirectory(project, gitDir, {
    HEAD: `${commit}\n`,
    config: configText(project),
    'info/exclude': excludes,
    ...sparseFiles(project),
  });
  const alternates = path.join(gitDir, 'objects', 'info', 'alternates');
  fs.writeFileSync(alternates, objectList(project.objectDirs));
  // Large trees are written by all cores at once.
  await git(host, ['--git-dir', gitDir, '--work-tree', dir, 'read-tree', '--reset', '-u', commit], {
    cwd: dir,
    config: [...PLAIN_FILES, 'checkout.workers=0'],
    env: NO_USER_CONFIG,
  });
  if (!place.unsandboxed) fs.writeFileSync(alternates, objectList(objectDirsInside(project)));
}

/** A git directory by hand: faster than `git init`, and nothing of the user's templates is in it. */
export function writeGitDirectory(project: Project, gitDir: string, files: Record<string, string>): void {
  for (const name of ['objects/info', 'objects/pack', 'refs/heads', 'info'])
    fs.mkdirSync(path.join(gitDir, name), { recursive: true });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(gitDir, name), text);
  if (project.shallow) fs.copyFileSync(path.join(project.commonDir, 'shallow'), path.join(gitDir, 'shallow'));
}

/** Text of an alternates file. */
export function objectList(dirs: string[]): string {
  return dirs.map((dir) => `${quoteForGit(dir)}\n`).join('');
}

/** Configuration text of a git directory of ours in the project's object format. */
export function formatConfig(project: Project): string {
  return project.objectFormat === 'sha1'
    ? '[core]\n\trepositoryformatversion = 0\n'
    : '[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n';
}

function configText(project: Project): string {
  // Without a name the agent's own commits would fail.
  const who = project.identity ?? { name: RECORD_IDENTITY.GIT_AUTHOR_NAME, email: RECORD_IDENTITY.GIT_AUTHOR_EMAIL };
  return `${formatConfig(project)}[core]
	bare = false
	fileMode = true
	logAllRefUpdates = true
[user]
	name = ${quoteForGit(who.name)}
	email = ${quoteForGit(who.email)}
[gc]
	auto = 0
[maintenance]
	auto = false
${sparseConfig(project)}`;
}
