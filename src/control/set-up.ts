/**
 * `workspace.setup`: a command that prepares a checkout (`npm ci`, `uv sync`), run once for each state of the lock files. What it made is
 * kept below `$STATE/setup/<project>/<key>/`: `tree/` with the directories and files, `layer.json` with their names, `log`. What an agent's
 * commit makes is for its own dispatch alone: another one would build on what an agent's scripts left there.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isLockFile, isManifest } from '../core/lock-files.ts';
import type { DispatchPlaces } from '../core/places.ts';
import { visible } from '../core/visible.ts';
import { once } from '../drivers/once.ts';
import { checkoutAt } from '../drivers/workspace/copy.ts';
import { type GitHost, git, splitNul } from '../drivers/workspace/git.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import { removeTree } from '../drivers/workspace/remove.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Job } from '../protocol/job.ts';
import type { BoxParts } from './box.ts';
import { runCommand } from './command.ts';

/** What a set-up made. */
export interface Layer {
  /** Holds everything at its relative path. */
  tree: string;
  directories: string[];
  files: string[];
}

export interface SetUpPlace {
  job: Job;
  places: DispatchPlaces;
  project: Project;
  git: GitHost;
  /** Whose lock files count, and whose files the command finds. */
  commit: string;
  /** Whether the commit is the user's working tree, with nothing of an agent's in it. */
  isUsers: boolean;
}

/**
 * The layer for a commit; made where there is none yet, while others wait. The command sees a fresh checkout and the caches of package
 * managers, no network and no secrets. Throws PanError when it fails: nothing is kept then, and the next dispatch tries again.
 */
export async function setUp(
  command: string,
  place: SetUpPlace,
  parts: BoxParts,
  notice: (text: string) => void,
  signal: AbortSignal,
): Promise<Layer> {
  const { project, places } = place;
  const entries = splitNul(await git(place.git, ['ls-tree', '-r', '-z', place.commit], { cwd: project.root }));
  const tracked = entries.map((entry) => entry.slice(entry.indexOf('\t') + 1));
  const key = hash(keyOf(command, entries));
  const kept = path.join(places.setups, hash(project.root), key);
  const shared = place.isUsers || fs.existsSync(path.join(kept, 'layer.json'));
  const dir = shared ? kept : path.join(places.check, 'setup', key);
  const log = shared ? path.join(dir, 'log') : path.join(places.dir, 'setup.log');
  const file = path.join(dir, 'layer.json');
  const stopped = () =>
    failed(command, 'did not end within its time', 'Give it more with --timeout, or make it shorter.');
  const made = await once<Pick<Layer, 'directories' | 'files'>>(file, signal, async () => {
    notice(`Setting the project up with \`${command}\`: once for these lock files.`);
    return makeLayer(command, place, parts, { dir, log, tracked, notice, signal });
  }).catch((error: unknown) => {
    throw signal.aborted ? stopped() : error;
  });
  if (made === null) throw stopped();
  fs.utimesSync(file, new Date(), new Date()); // when it was last needed, for whoever makes room
  return { tree: path.join(dir, 'tree'), ...made };
}

async function makeLayer(
  command: string,
  place: SetUpPlace,
  parts: BoxParts,
  work: { dir: string; log: string; tracked: string[]; notice(text: string): void; signal: AbortSignal },
): Promise<Pick<Layer, 'directories' | 'files'> | null> {
  const at = (name: string) => path.join(work.dir, name);
  const { log } = work;
  const [checkout, home, tree] = [at('work'), at('home'), at('tree')];
  for (const left of [checkout, home, tree]) removeTree(left);
  try {
    await checkoutAt(place.project, place.git, place.commit, checkout);
    const code = await runCommand(command, { ...place, dir: checkout, home, shares: [], log }, parts, work.signal);
    if (code === null) return null;
    if (code !== 0)
      throw failed(
        command,
        `failed with exit status ${code}${lastWords(log)}`,
        `Correct workspace.setup; it runs without network, and its output is in ${log}.`,
      );
    return takeOutputs(checkout, tree, work.tracked, work.notice);
  } finally {
    for (const left of [checkout, home]) removeTree(left);
  }
}

/** Moves what is in the checkout and not in its commit. A directory that the commit does not know goes as a whole. */
function takeOutputs(
  checkout: string,
  tree: string,
  tracked: string[],
  notice: (text: string) => void,
): Pick<Layer, 'directories' | 'files'> {
  const known = new Set(tracked);
  const parents = new Set(['']);
  for (const name of tracked) for (let dir = path.dirname(name); dir !== '.'; dir = path.dirname(dir)) parents.add(dir);
  const made: Pick<Layer, 'directories' | 'files'> = { directories: [], files: [] };
  const look = (dir: string) => {
    for (const entry of fs.readdirSync(path.join(checkout, dir), { withFileTypes: true })) {
      const name = path.join(dir, entry.name);
      if (name === '.git' || known.has(name)) continue;
      if (entry.name.includes('\ufffd')) {
        if (!parents.has(name)) notice(`The set-up made ${visible(name)}, whose name is no text, so it is left out.`);
      } else if (entry.isDirectory() && parents.has(name)) look(name);
      else if (entry.isDirectory()) made.directories.push(name);
      else if (entry.isFile()) made.files.push(name);
      else notice(`The set-up made ${visible(name)}, which is no file and no directory, so it is left out.`);
    }
  };
  look('');
  for (const name of [...made.directories, ...made.files]) {
    fs.mkdirSync(path.dirname(path.join(tree, name)), { recursive: true, mode: 0o755 });
    fs.renameSync(path.join(checkout, name), path.join(tree, name));
  }
  return made;
}

/** The lock files decide; where a project has none, its manifests do. `entries` as `git ls-tree` prints them. */
function keyOf(command: string, entries: string[]): string {
  const name = (entry: string) => path.basename(entry.slice(entry.indexOf('\t') + 1));
  const locks = entries.filter((entry) => isLockFile(name(entry)));
  const deciding = locks.length > 0 ? locks : entries.filter((entry) => isManifest(name(entry)));
  return [command, process.arch, ...deciding].join('\0');
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

function failed(command: string, how: string, todo: string): PanError {
  return new PanError('setup-failed', `The set-up \`${command}\` ${how}.`, todo, EXIT.failed);
}

/** The last line a command wrote, for a person. */
function lastWords(log: string): string {
  const lines = fs.existsSync(log) ? fs.readFileSync(log, 'utf8').slice(-2_000).trim().split('\n') : [];
  const last = visible(lines.at(-1) ?? '').trim();
  return last === '' ? '' : ` (${last.slice(0, 200).replace(/\.$/, '')})`;
}
