// What every script needs before it can work: dependencies (they bring Node 24), bubblewrap, and the bundle.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const node24 = path.join(root, 'node_modules', '.bin', 'node');

/** Runs a command after printing it. Ends this process with the command's status when it fails. */
export function run(command, args, options = {}) {
  console.error(`> ${[command, ...args].join(' ')}`);
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (done.error) fail(`${command} could not be started (${done.error.message}).`);
  if (done.status !== 0) process.exit(done.status ?? 1);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Installs what package-lock.json names when it is missing or older than the lock file. */
export function ensureDependencies() {
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  const lock = path.join(root, 'package-lock.json');
  const fresh = existsSync(installed) && existsSync(node24) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
  if (!fresh) run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Goes on under the repository's own Node 24 when npm runs on an older one. */
export function ensureNode24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return;
  if (!existsSync(node24))
    fail(
      `There is no Node 24 for ${process.platform}-${process.arch} among the dependencies. Install Node 24 or newer and run the command again.`,
    );
  const env = { ...process.env, PATH: `${path.dirname(node24)}${path.delimiter}${process.env.PATH}` };
  const done = spawnSync(node24, process.argv.slice(1), { stdio: 'inherit', env });
  process.exit(done.status ?? 1);
}

/** Installs bubblewrap by the package manager when this is root, else names the one command that does. Returns whether it is there. */
export function ensureBubblewrap() {
  const there = () => spawnSync('bwrap', ['--version']).status === 0;
  if (process.platform !== 'linux' || there()) return there();
  if (process.getuid() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-q'], { env });
    run('apt-get', ['install', '-y', '-q', 'bubblewrap'], { env });
    return there();
  }
  console.error(
    'PanCode holds agents in bubblewrap, which is not installed. Install it with: sudo apt-get install bubblewrap',
  );
  return false;
}

/** Builds dist/ when a source is newer than it. Needs Node 24. */
export async function ensureBuilt() {
  const built = path.join(root, 'dist', 'main.js');
  const newest = Math.max(
    ...['src', 'scripts'].flatMap((dir) =>
      readdirSync(path.join(root, dir), { recursive: true }).map(
        (name) => statSync(path.join(root, dir, name)).mtimeMs,
      ),
    ),
    statSync(path.join(root, 'package.json')).mtimeMs,
  );
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return;
  const { buildAll } = await import('./build.mjs');
  await buildAll();
}
