/** What a project is, and whether PanCode can work on it. What cannot be handled is refused with the reason and the way out. */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { adoptOwn } from './adopt.ts';
import { type GitHost, git, lastLine, splitNul, tryGit } from './git.ts';
import { type Name, textOf } from './names.ts';
import { isOwn, makeOwnDirectory, ownDirectory } from './own-directory.ts';
import { realDirectory, refusePlaces, refuseShared } from './project-place.ts';
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
  /** The project is no git repository: `gitDir` is the directory of ours (own-directory.ts). */
  own: boolean;
  /** Only a part of the tree is in the working tree, chosen by `gitDir`/info/sparse-checkout; null: all of it is. `cone`: as configured. */
  sparse: { cone: string | null } | null;
  /** Objects may be missing, as nobody has needed them yet. */
  partial: boolean;
}

/** Unknown options are echoed by `git rev-parse`, so that one call can answer with paths that hold newlines. */
const SEPARATOR = '--pancode-next';
const ASKED_CONFIG =
  '^(user\\.(name|email)|core\\.(sparsecheckout(cone)?|excludesfile)|extensions\\.partialclone|remote\\..*\\.promisor)$';

/**
 * Throws PanError (exit 2) for a place that is no project. `stateDir` is given at admission: the project must not overlap PanCode's own
 * state, git must be new enough, and an unfinished merge is refused. Later looks, at harvest or apply, do not: the work of a dispatch must
 * not be lost because the user is in the middle of a merge by then. A directory without a repository gets one of ours at admission, where
 * `host.state` says where. Two git processes at once; at admission two more after them, at once too.
 */
export async function inspectProject(
  cwd: string,
  host: GitHost,
  admission: { stateDir?: string } = {},
): Promise<Project> {
  const admitted = admission.stateDir !== undefined;
  const real = realDirectory(cwd);
  refusePlaces(real, host.home, admission.stateDir);
  if (admitted) await adoptOwn(real, host);
  const [place, config] = await together([
    locate(real, host, admitted),
    tryGit(host, ['config', '-z', '--get-regexp', ASKED_CONFIG], { cwd: real }),
  ]);
  refusePlaces(place.root, host.home, admission.stateDir);
  if (admitted) await refuseShapes(place.root, host);
  refuseReadOnly(place);
  const values = configValues(config.stdout);
  const [name, email] = [values.get('user.name'), values.get('user.email')];
  return {
    ...place,
    cwd: real,
    identity: name && email ? { name, email } : null,
    excludesFile: await excludesFile(place.root, host, values.get('core.excludesfile')),
    sparse: isTrue(values.get('core.sparsecheckout')) ? { cone: values.get('core.sparsecheckoutcone') ?? null } : null,
    partial: [...values].some(
      ([key, value]) => key === 'extensions.partialclone' || (key.endsWith('.promisor') && isTrue(value)),
    ),
  };
}

const isTrue = (value: string | undefined) => value !== undefined && /^(true|yes|on|[1-9]\d*)$/i.test(value);

/** An entry of an index: its tag as `git ls-files -v` prints it (S = skip-worktree, lower case = assume-unchanged). */
export interface IndexEntry {
  tag: string;
  name: Name;
}

/** What is in an index, and beside it. Names as in names.ts. */
export interface Listed {
  /** Files and links. */
  entries: IndexEntry[];
  /** Files that git does not ignore. */
  untracked: Name[];
  /** Repositories inside this one that are no submodules of it. */
  nested: Name[];
  /** Submodules, with the commit the index has. */
  submodules: { name: Name; commit: string }[];
}

/** `env` may name another index. Throws PanError for unmerged files. */
export async function listFiles(
  root: string,
  host: GitHost,
  options: { untracked?: boolean; env?: Record<string, string> } = {},
): Promise<Listed> {
  const others = options.untracked === false ? [] : ['-o', '--exclude-standard'];
  const out = await git(host, ['ls-files', '-v', '-s', ...others, '-z'], { cwd: root, env: options.env ?? {} });
  const listed: Listed = { entries: [], untracked: [], nested: [], submodules: [] };
  for (const line of splitNul(out, 'latin1')) {
    const tag = line[0] as string;
    const tab = line.indexOf('\t');
    const name = tag === '?' ? line.slice(2) : line.slice(tab + 1);
    if (tag === '?' && name.endsWith('/')) listed.nested.push(name.slice(0, -1));
    else if (tag === '?') listed.untracked.push(name);
    else if (line[tab - 1] !== '0') throw unmerged(root, name);
    else if (line.startsWith('160000 ', 2)) listed.submodules.push({ name, commit: line.slice(9, tab - 2) });
    else listed.entries.push({ tag, name });
  }
  return listed;
}

type Place = Omit<Project, 'cwd' | 'identity' | 'excludesFile' | 'sparse' | 'partial'>;

async function locate(real: string, host: GitHost, admitted: boolean): Promise<Place> {
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
  if (answers.length < 8) {
    if (!admitted || host.state === undefined || !hasNone(real, asked.stderr))
      throw notARepository(real, host, asked.stderr);
    refuseShared(real);
    makeOwnDirectory(host.state, real);
    return locate(real, host, false);
  }
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
  if (inside !== 'true') throw elsewhere(real, gitDir, top);
  const root = fs.realpathSync(top);
  const own = isOwn(host.state, real);
  if (!own && !fs.existsSync(path.join(root, '.git'))) throw noWayBack(root, gitDir);
  return {
    root,
    own,
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
  // Only these are listed: of 50,000 files all would take a quarter of a second, and the snapshot lists them anyway.
  const [conflicted] = await together([git(host, ['ls-files', '-u', '-z'], { cwd: root }), refuseOldGit(host, root)]);
  const [first] = splitNul(conflicted, 'latin1');
  if (first !== undefined) throw unmerged(root, first.slice(first.indexOf('\t') + 1));
}

/** Refs and objects are written there. */
function refuseReadOnly(place: Place): void {
  const dirs = [place.commonDir, place.objectDirs[0], path.join(place.commonDir, 'refs')];
  for (const dir of dirs)
    try {
      if (dir !== undefined && fs.existsSync(dir)) fs.accessSync(dir, fs.constants.W_OK);
    } catch (cause) {
      throw new PanError(
        'git-read-only',
        `${dir} is not writable, so the work could not be kept in git.`,
        `Make it writable for you (\`chmod -R u+w ${quoted(place.commonDir)}\`, where it is yours), or work in a clone of it.`,
        EXIT.usage,
        cause,
      );
    }
}

function unmerged(root: string, name: Name): PanError {
  return refused('unmerged', `${root} has unmerged files (${textOf(name)}).`, 'Finish or abort the merge first.');
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

/** Whether `dir` is in no repository, not even in a damaged one. */
function hasNone(dir: string, stderr: string): boolean {
  return /not a git repository \(or any/i.test(stderr) && !fs.existsSync(path.join(dir, '.git'));
}

function notARepository(dir: string, host: GitHost, stderr: string): PanError {
  // git names the directory its exception has to name, which may be above this one.
  const foreign = /dubious ownership in repository at '(.*?)'\n/s.exec(stderr)?.[1];
  if (foreign !== undefined)
    return refused(
      'foreign',
      `The repository ${foreign} belongs to another user.`,
      `If you trust it, run: git config --global --add safe.directory ${quoted(foreign)}`,
    );
  if (hasNone(dir, stderr))
    return host.state === undefined
      ? refused('no-repository', `${dir} is not in a git repository.`, 'Run `git init` there first.')
      : refused(
          'no-repository',
          `${dir} is not in a git repository, and nothing is kept of it in ${ownDirectory(host.state, dir)}.`,
          'Dispatch a task there first.',
        );
  if (/must be run in a work tree/.test(stderr)) return bare(dir);
  if (/unknown repository (extension|version)|expected git repo version|invalid value for 'extensions/i.test(stderr))
    return refused(
      'new-repository',
      `The repository of ${dir} needs a newer git (${lastLine(stderr)}).`,
      'Put a newer git first in PATH.',
    );
  return refused(
    'bad-repository',
    `git cannot read the repository of ${dir}: ${lastLine(stderr)}.`,
    'Repair it and run the command again.',
  );
}

function elsewhere(dir: string, gitDir: string, top: string): PanError {
  return refused(
    'bare',
    `The work tree of ${gitDir} is ${top} (core.worktree), and ${dir} is not in it.`,
    `Run the command with --cwd ${quoted(top)}.`,
  );
}

/** By `core.worktree`, without a `.git` that leads back: git would find another repository there, or none. */
function noWayBack(root: string, gitDir: string): PanError {
  return refused(
    'no-way-back',
    `The work tree ${root} belongs to ${gitDir} by core.worktree alone, so git cannot find its repository from there.`,
    `Run: printf 'gitdir: %s\\n' ${quoted(gitDir)} > ${quoted(path.join(root, '.git'))}`,
  );
}

/** A word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function bare(dir: string): PanError {
  return refused('bare', `${dir} is a git directory without a work tree.`, 'Run the command in a checkout.');
}

function refused(code: string, what: string, toDo: string): PanError {
  return new PanError(code, what, toDo, EXIT.usage);
}
