/**
 * A change as a commit of the user's, where a person asked for it: on the current HEAD with exactly the applied paths, or on a new branch
 * beside the working tree. Hooks do not run and nothing is signed (git.ts); the author is who git says the user is.
 */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { readJournal } from './apply-journal.ts';
import { type GitHost, git, gitLine, lastLine, splitNul, tryGit } from './git.ts';
import type { Project } from './inspect.ts';
import { mergeTrees, putEntries, treeWith } from './merge.ts';
import { type Name, nameOf, textOf } from './names.ts';
import { treeChanges, treeFiles } from './tree-changes.ts';

/** Throws PanError where HEAD cannot be committed on, or one of these paths of the change holds uncommitted work of the user's. Touches nothing. */
export async function refuseUnclean(project: Project, host: GitHost, paths: string[]): Promise<void> {
  refuseWithoutIdentity(project);
  const busy = ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'rebase-merge', 'rebase-apply'].find((name) =>
    fs.existsSync(path.join(project.gitDir, name)),
  );
  if (busy)
    throw unclean(
      `The repository is in the middle of something (${busy}), so nothing can be committed on it.`,
      'Finish or abort that first, or leave --commit out.',
    );
  const status = await git(
    host,
    ['status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=all', '--ignore-submodules=all'],
    { cwd: project.root },
  );
  const wanted = new Set(paths.map(nameOf));
  const dirty = splitNul(status, 'latin1')
    .map((entry) => entry.slice(3))
    .find((name) => wanted.has(name));
  if (dirty !== undefined)
    throw unclean(
      `${textOf(dirty)} holds changes of yours that are not committed, and they would be in the commit too.`,
      'Commit or stash them first, or leave --commit out.',
    );
}

/**
 * Commits what the apply in `journalDir` has just brought, on HEAD and in the user's index, whose other entries stay. Returns the commit.
 * Throws PanError with HEAD and index as they were; the working tree is the caller's to take back.
 */
export async function commitApplied(
  project: Project,
  host: GitHost,
  options: { journalDir: string; message: string; scratchDir: string },
): Promise<string> {
  const { plan } = readJournal(options.journalDir);
  if (!plan) throw new Error(`${options.journalDir} holds no apply`);
  const head = await headOf(project, host);
  const before = await treeFiles(project, host, head ?? (await emptyTree(project, host)));
  const strange = plan.entries.find(({ name, blobs }) => {
    const committed = before.get(name) ?? null;
    return committed?.id !== blobs.before?.id || committed?.mode !== blobs.before?.mode;
  });
  if (strange)
    throw unclean(
      `${textOf(strange.name)} was not as HEAD has it, so the commit would hold more than the change.`,
      'Commit or stash your own changes first, or leave --commit out.',
    );
  const entries = (side: 'before' | 'after') => plan.entries.map(({ name, blobs }) => ({ name, blob: blobs[side] }));
  const scratch = path.join(options.scratchDir, 'commit-index');
  fs.mkdirSync(options.scratchDir, { recursive: true, mode: 0o700 });
  let commit: string;
  try {
    const tree = await treeWith(project, host, scratch, head ?? (await emptyTree(project, host)), entries('after'));
    commit = await commitTree(project, host, tree, head, options.message);
  } finally {
    fs.rmSync(scratch, { force: true });
  }
  const index = path.join(project.gitDir, 'index');
  await putEntries(project, host, index, entries('after'));
  const moved = await tryGit(
    host,
    ['update-ref', '-m', reflog(options.message), 'HEAD', commit, head ?? nothing(project)],
    {
      cwd: project.root,
    },
  );
  if (moved.code !== 0) {
    await putEntries(project, host, index, entries('before'));
    throw unclean(`HEAD could not be moved (${lastLine(moved.stderr)}).`, 'Try again, or leave --commit out.');
  }
  // What was put into the index without a look at the files; a file that differs is no failure here.
  await tryGit(host, ['update-index', '-q', '--refresh'], { cwd: project.root });
  return commit;
}

/** A new branch `name` on `onto`, with the change alone: nothing of the working tree that is not committed. Touches neither HEAD nor index nor files. */
export async function branchWith(
  project: Project,
  host: GitHost,
  options: {
    name: string;
    message: string;
    base: string;
    result: string;
    only: string[];
    onto: string;
    scratchDir: string;
  },
): Promise<{ commit: string; files: string[] }> {
  refuseWithoutIdentity(project);
  const ref = `refs/heads/${options.name}`;
  const valid = await tryGit(host, ['check-ref-format', '--branch', options.name], { cwd: project.root });
  if (valid.code !== 0)
    throw new PanError('bad-branch', `"${options.name}" is no name for a branch.`, 'Give another name.');
  const chosen = (await treeChanges(project, host, options.base, options.result)).filter((change) =>
    options.only.includes(textOf(change.name)),
  );
  const scratch = path.join(options.scratchDir, 'branch-index');
  fs.mkdirSync(options.scratchDir, { recursive: true, mode: 0o700 });
  let theirs: string;
  try {
    const entries = chosen.map((change) => ({ name: change.name, blob: change.new }));
    theirs = await treeWith(project, host, scratch, options.base, entries);
  } finally {
    fs.rmSync(scratch, { force: true });
  }
  const merged = await mergeTrees(project, host, { base: options.base, ours: `${options.onto}^{tree}`, theirs });
  if ('conflicts' in merged)
    throw new PanError(
      'conflict',
      `The change builds on what you have not committed in ${textOf(merged.conflicts[0] as Name)}, so a branch cannot hold it alone.`,
      'Commit your own changes first and dispatch again, or apply it to the working tree.',
      EXIT.failed,
    );
  const commit = await commitTree(project, host, merged.tree, options.onto, options.message);
  const made = await tryGit(host, ['update-ref', '-m', reflog(options.message), ref, commit, nothing(project)], {
    cwd: project.root,
  });
  if (made.code !== 0)
    throw new PanError(
      'branch-exists',
      `The branch ${options.name} could not be made (${lastLine(made.stderr)}).`,
      'Give another name.',
      EXIT.failed,
    );
  const files = (await treeChanges(project, host, options.onto, commit)).map((change) => textOf(change.name));
  return { commit, files };
}

function refuseWithoutIdentity(project: Project): void {
  if (project.own)
    throw unclean(
      `${project.root} is no git repository.`,
      'Run `git init` there first, or apply it to the files alone.',
    );
  if (!project.identity)
    throw unclean(
      'git does not know who you are, so there is no author for the commit.',
      'Set user.name and user.email with `git config`.',
    );
}

/** null = no commit yet. */
async function headOf(project: Project, host: GitHost): Promise<string | null> {
  const asked = await tryGit(host, ['rev-parse', '-q', '--verify', 'HEAD^{commit}'], { cwd: project.root });
  return asked.code === 0 ? asked.stdout.toString('utf8').trim() : null;
}

const emptyTree = (project: Project, host: GitHost): Promise<string> =>
  gitLine(host, ['hash-object', '-w', '-t', 'tree', '--stdin'], { cwd: project.root, input: '' });

async function commitTree(
  project: Project,
  host: GitHost,
  tree: string,
  parent: string | null,
  message: string,
): Promise<string> {
  const from = parent === null ? [] : ['-p', parent];
  return gitLine(host, ['commit-tree', tree, ...from, '-F', '-'], {
    cwd: project.root,
    input: `${message.trimEnd()}\n`,
  });
}

const nothing = (project: Project): string => '0'.repeat(project.objectFormat === 'sha1' ? 40 : 64);

const reflog = (message: string): string => `commit: ${message.split('\n')[0]}`;

const unclean = (what: string, next: string): PanError => new PanError('not-clean', what, next, EXIT.failed);
