/** What a project is, and whether PanCode can work on it. What cannot be handled yet is refused with the reason and the way out. */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { type GitHost, git, lastLine, splitNul, tryGit } from './git.ts';
import { type Name, textOf } from './names.ts';
import { unquoteFromGit } from './quote.ts';
import { together } from './several.ts';

export interface Project {
  /** Real path of the work tree's top. */
  root: string;
  /** Real path the agent starts in: root or below. */
  cwd: string;
  /** This work tree's own git directory; the same as `commonDir` but in a linked worktree. */
  gitDir: string;
  commonDir: string;
  /** The repository's object directory and the alternates it borrows from. */
  objectDirs: string[];
  objectFormat: 'sha1' | 'sha256';
  shallow: boolean;
  /** null = no commit yet. */
  head: string | null;
  /** Name and e-mail of the user's git configuration; null where one of them is missing. */
  identity: { name: string; email: string } | null;
  /** The file of the user's own ignore patterns, `core.excludesFile`; it need not exist. */
  excludesFile: string;
}

/** Unknown options are echoed by `git rev-parse`, so that one call can answer with paths that hold newlines. */
const SEPARATOR = '--pancode-next';
const ASKED_CONFIG =
  '^(user\\.(name|email)|core\\.(sparsecheckout|excludesfile)|extensions\\.partialclone|remote\\..*\\.promisor)$';

/**
 * Throws PanError (exit 2) for a place that is no project. `stateDir` is given at admission: the project must not overlap PanCode's own
 * state, git must be new enough, and shapes of a repository that are not handled yet are refused, with repositories inside it. Later
 * looks, at harvest or apply, do not: the work of a dispatch must not be lost because the user is in the middle of a merge by then.
 * Two git processes at once; at admission two more after them, at once too.
 */
export async function inspectProject(
  cwd: string,
  host: GitHost,
  admission: { stateDir?: string } = {},
): Promise<Project> {
  const real = realDirectory(cwd);
  refusePlaces(real, host.home, admission.stateDir);
  const [place, config] = await together([
    locate(real, host),
    tryGit(host, ['config', '-z', '--get-regexp', ASKED_CONFIG], { cwd: real }),
  ]);
  refusePlaces(place.root, host.home, admission.stateDir);
  const values = configValues(config.stdout);
  if (admission.stateDir !== undefined) {
    await refuseShapes(place.root, host);
    refuseKinds(place.root, values);
  }
  try {
    fs.accessSync(place.commonDir, fs.constants.W_OK);
  } catch (cause) {
    throw new PanError(
      'git-read-only',
      `${place.commonDir} is not writable, so the work could not be kept in git.`,
      'Make the repository writable for you.',
      EXIT.usage,
      cause,
    );
  }
  const [name, email] = [values.get('user.name'), values.get('user.email')];
  return {
    ...place,
    cwd: real,
    identity: name && email ? { name, email } : null,
    excludesFile: await excludesFile(place.root, host, values.get('core.excludesfile')),
  };
}

/** An entry of an index: its tag as `git ls-files -v` prints it (S = skip-worktree, lower case = assume-unchanged). */
export interface IndexEntry {
  tag: string;
  name: Name;
}

/**
 * What is in an index, and with `untracked` the files beside it that git does not ignore. `env` may name another index. Throws PanError
 * where that is not handled: unmerged files, submodules, repositories inside.
 */
export async function listFiles(
  root: string,
  host: GitHost,
  options: { untracked?: boolean; env?: Record<string, string> } = {},
): Promise<{ entries: IndexEntry[]; untracked: Name[] }> {
  const others = options.untracked === false ? [] : ['-o', '--exclude-standard'];
  const out = await git(host, ['ls-files', '-v', '-s', ...others, '-z'], { cwd: root, env: options.env ?? {} });
  const lines = splitNul(out, 'latin1');
  const untracked = lines.filter((line) => line.startsWith('? ')).map((line) => line.slice(2));
  const staged = lines.filter((line) => !line.startsWith('? '));
  refuseEntries(
    root,
    staged.map((line) => line.slice(2)),
  );
  const nested = untracked.find((name) => name.endsWith('/'));
  if (nested !== undefined)
    throw refused(
      'nested-repository',
      `${path.join(root, textOf(nested))} is a repository inside this one, which is not handled yet.`,
      'Ignore it (.gitignore), move it away, or run the dispatch inside it.',
    );
  const entries = staged.map((line) => ({ tag: line[0] as string, name: line.slice(line.indexOf('\t') + 1) }));
  return { entries, untracked };
}

type Place = Omit<Project, 'cwd' | 'identity' | 'excludesFile'>;

async function locate(real: string, host: GitHost): Promise<Place> {
  const next = ['--show-toplevel', '--absolute-git-dir', '--git-common-dir'].flatMap((question) => [
    SEPARATOR,
    question,
  ]);
  const objects = [SEPARATOR, '--git-path', 'objects', SEPARATOR, '--is-shallow-repository'];
  const rest = [SEPARATOR, '--show-object-format', SEPARATOR, 'HEAD^{commit}'];
  const asked = await tryGit(
    host,
    ['rev-parse', '--path-format=absolute', '--is-inside-work-tree', ...next, ...objects, ...rest],
    { cwd: real },
  );
  const answers = asked.stdout.toString('utf8').replace(/\n$/, '').split(`\n${SEPARATOR}\n`);
  // Where HEAD is no commit git ends with an error, but the other questions are answered by then.
  if (answers.length < 8) throw notARepository(real, asked.stderr);
  const [inside, top, gitDir, commonDir, objectDir, shallow, format, head] = answers as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (inside !== 'true') throw bare(real);
  return {
    root: fs.realpathSync(top),
    gitDir: fs.realpathSync(gitDir),
    commonDir: fs.realpathSync(commonDir),
    objectDirs: objectDirectories(objectDir),
    shallow: shallow === 'true',
    objectFormat: format === 'sha256' ? 'sha256' : 'sha1',
    head: /^[0-9a-f]+$/.test(head) ? head : null,
  };
}

/** git itself is asked where the path has one of git's own forms (`~user/`, `%(prefix)/`). */
async function excludesFile(root: string, host: GitHost, named: string | undefined): Promise<string> {
  if (named === undefined) return path.join(host.home, '.config', 'git', 'ignore');
  if (named.startsWith('~/')) return path.join(host.home, named.slice(2));
  if (!/^[~%:]/.test(named)) return path.resolve(root, named);
  const asked = await git(host, ['config', '--type=path', '-z', '--get', 'core.excludesFile'], { cwd: root });
  return path.resolve(root, asked.toString('utf8').replace(/\0$/, ''));
}

function realDirectory(cwd: string): string {
  const stat = fs.statSync(cwd, { throwIfNoEntry: false });
  if (!stat) throw refused('no-directory', `${cwd} does not exist.`, 'Give --cwd a directory of your project.');
  if (!stat.isDirectory())
    throw refused('no-directory', `${cwd} is not a directory.`, 'Give --cwd a directory of your project.');
  try {
    fs.accessSync(cwd, fs.constants.R_OK | fs.constants.X_OK);
  } catch (cause) {
    throw new PanError(
      'unreadable',
      `${cwd} cannot be read.`,
      'Make it readable for you, or work elsewhere.',
      EXIT.usage,
      cause,
    );
  }
  return fs.realpathSync(cwd);
}

/** The whole disk, a home, and anything that holds PanCode's own state are no projects: an agent would see far too much. */
function refusePlaces(dir: string, home: string, stateDir: string | undefined): void {
  const realHome = fs.existsSync(home) ? fs.realpathSync(home) : home;
  const holds = (inner: string) => inner === dir || inner.startsWith(dir === '/' ? '/' : `${dir}/`);
  if (dir === '/')
    throw refused('bad-project', 'The root directory cannot be a project.', 'Change into your project first.');
  if (holds(realHome))
    throw refused(
      'bad-project',
      `${dir} is your home directory or holds it, so it cannot be a project.`,
      'Change into your project first.',
    );
  const state = stateDir && fs.existsSync(stateDir) ? fs.realpathSync(stateDir) : stateDir;
  if (state && (holds(state) || dir.startsWith(`${state}/`)))
    throw refused(
      'bad-project',
      `${dir} holds PanCode's own state or lies in it, so it cannot be a project.`,
      'Work elsewhere, or move PANCODE_HOME.',
    );
}

/** The last value of each name wins, as in git. */
function configValues(bytes: Buffer): Map<string, string> {
  return new Map(
    splitNul(bytes).map((entry) => {
      const end = entry.indexOf('\n');
      // A name without a value is true.
      return end < 0 ? [entry, 'true'] : [entry.slice(0, end), entry.slice(end + 1)];
    }),
  );
}

async function refuseShapes(root: string, host: GitHost): Promise<void> {
  await together([refuseOldGit(host, root), listFiles(root, host)]);
}

function refuseKinds(root: string, config: Map<string, string>): void {
  const isTrue = (value: string | undefined) => value !== undefined && /^(true|yes|on|[1-9]\d*)$/i.test(value);
  if (isTrue(config.get('core.sparsecheckout')))
    throw refused(
      'sparse',
      `${root} is a sparse checkout, which is not handled yet.`,
      'Run `git sparse-checkout disable`, or use a full clone.',
    );
  if (
    [...config].some(
      ([name, value]) => name === 'extensions.partialclone' || (name.endsWith('.promisor') && isTrue(value)),
    )
  )
    throw refused(
      'partial',
      `${root} is a partial clone: objects are missing.`,
      'Complete it with `git fetch --refetch --no-filter`, then unset remote.<name>.promisor.',
    );
}

/** `staged`: entries of an index as `git ls-files -s` prints them, in latin1. Throws PanError for submodules and unmerged files. */
function refuseEntries(root: string, staged: string[]): void {
  const name = (entry: string) => textOf(entry.slice(entry.indexOf('\t') + 1));
  const link = staged.find((entry) => entry.startsWith('160000 '));
  if (link)
    throw refused(
      'submodule',
      `${root} has the submodule ${name(link)}, which is not handled yet.`,
      'Run the dispatch inside the submodule, or in a repository without one.',
    );
  const unmerged = staged.find((entry) => /^\d+ [0-9a-f]+ [123]\t/.test(entry));
  if (unmerged)
    throw refused('unmerged', `${root} has unmerged files (${name(unmerged)}).`, 'Finish or abort the merge first.');
}

/** Apply needs `git merge-tree --write-tree`, which came with git 2.38. */
async function refuseOldGit(host: GitHost, root: string): Promise<void> {
  const version = (await git(host, ['version'], { cwd: root })).toString('utf8');
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 38)) return;
  throw refused(
    'old-git',
    `This is ${version.trim()}; applying a change needs git 2.38 or newer.`,
    'Install a newer git.',
  );
}

/** The alternates file of the repository is followed: a shared clone's own objects are not all there is. */
function objectDirectories(first: string): string[] {
  const found: string[] = [];
  const visit = (dir: string) => {
    if (!fs.existsSync(dir)) return;
    const real = fs.realpathSync(dir);
    if (found.includes(real)) return;
    found.push(real);
    const alternates = path.join(real, 'info', 'alternates');
    if (!fs.existsSync(alternates)) return;
    for (const line of fs.readFileSync(alternates, 'utf8').split('\n'))
      if (line && !line.startsWith('#')) visit(path.resolve(real, unquoteFromGit(line)));
  };
  visit(first);
  return found;
}

function notARepository(dir: string, stderr: string): PanError {
  // git names the directory its exception has to name, which may be above this one.
  const foreign = /dubious ownership in repository at '(.*?)'\n/s.exec(stderr)?.[1];
  if (foreign !== undefined)
    return refused(
      'foreign',
      `The repository ${foreign} belongs to another user.`,
      `If you trust it, run: git config --global --add safe.directory '${foreign.replaceAll("'", `'\\''`)}'`,
    );
  if (/not a git repository/i.test(stderr))
    return refused(
      'no-repository',
      `${dir} is not in a git repository, and work is kept in git.`,
      'Run `git init` there first.',
    );
  if (/must be run in a work tree/.test(stderr)) return bare(dir);
  return refused(
    'bad-repository',
    `git cannot read the repository of ${dir}: ${lastLine(stderr)}.`,
    'Repair it and run the command again.',
  );
}

function bare(dir: string): PanError {
  return refused('bare', `${dir} is a git directory without a work tree.`, 'Run the command in a checkout.');
}

function refused(code: string, what: string, toDo: string): PanError {
  return new PanError(code, what, toDo, EXIT.usage);
}
