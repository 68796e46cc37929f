/**
 * The git directory of ours for a project that is no git repository: `$STATE/projects/<hash of the real path>.git`. The project itself gets
 * none. It is a repository as any other, but that nobody commits to it: HEAD stays without a commit, and its index only remembers which
 * files were looked at.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** Written into it when the project has become a repository and has taken the refs over. */
const ADOPTED = 'adopted';

/**
 * Directories that programs make and can make again; a `.gitignore` of the project can take one back (`!target/`). `vendor`, `build` and
 * `dist` are not here, as in many projects they are source.
 */
const HEAVY = [
  'node_modules',
  'bower_components',
  '.venv',
  'venv',
  '__pycache__',
  '.tox',
  '.nox',
  '.mypy_cache',
  '.pytest_cache',
  '.ruff_cache',
  'target',
  '.gradle',
  '.next',
  '.nuxt',
  '.cache',
  '.terraform',
];

/** `root`: a real path. */
export function ownDirectory(state: string, root: string): string {
  return path.join(state, 'projects', `${createHash('sha256').update(root).digest('hex').slice(0, 32)}.git`);
}

/** Whether git has to work on a directory of ours at `root`. */
export function isOwn(state: string | undefined, root: string): state is string {
  if (state === undefined) return false;
  const dir = ownDirectory(state, root);
  return fs.existsSync(path.join(dir, 'HEAD')) && !fs.existsSync(path.join(dir, ADOPTED));
}

/** What git is told where `cwd` is the top of such a project; nothing anywhere else. */
export function ownEnvironment(state: string | undefined, cwd: string): Record<string, string> {
  return isOwn(state, cwd) ? { GIT_DIR: ownDirectory(state, cwd), GIT_WORK_TREE: cwd } : {};
}

/** Makes the directory; one that is there already is left as it is. HEAD comes last: with it, the directory counts. */
export function makeOwnDirectory(state: string, root: string): void {
  const dir = ownDirectory(state, root);
  for (const name of ['objects/info', 'objects/pack', 'refs/heads', 'info'])
    fs.mkdirSync(path.join(dir, name), { recursive: true, mode: 0o700 });
  const write = (name: string, text: string) => {
    const part = path.join(dir, `${name}.${process.pid}`);
    fs.writeFileSync(part, text, { mode: 0o600 });
    fs.renameSync(part, path.join(dir, name));
  };
  write('config', '[core]\n\trepositoryformatversion = 0\n\tfileMode = true\n\tbare = false\n');
  write('info/exclude', HEAVY.map((name) => `${name}/\n`).join(''));
  // For a person who finds the directory.
  write('description', `PanCode's record of ${JSON.stringify(root)}\n`);
  fs.rmSync(path.join(dir, ADOPTED), { force: true });
  write('HEAD', 'ref: refs/heads/none\n');
}

/** From now on the project's own repository counts, which has the refs by now. */
export function markAdopted(state: string, root: string): void {
  fs.writeFileSync(path.join(ownDirectory(state, root), ADOPTED), '');
}
