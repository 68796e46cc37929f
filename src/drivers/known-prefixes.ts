/**
 * Where installers and version managers put programs, for those that are on no PATH: a daemon has no interactive shell, and most managers
 * change PATH in one. Real programs only, never the shims of a manager, which need its environment. Nothing is run.
 */
import { readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';

/** Below the home; `*` stands for any one name, the newest version first. */
const IN_HOME = [
  '.local/bin',
  'bin',
  '.claude/local',
  '.opencode/bin',
  '.npm-global/bin',
  '.npm-packages/bin',
  '.volta/tools/image/packages/*/bin',
  '.volta/tools/image/packages/*/*/bin', // @scope/name
  '.local/share/fnm/aliases/default/bin',
  'Library/Application Support/fnm/aliases/default/bin',
  '.fnm/aliases/default/bin',
  '.nvm/versions/node/*/bin',
  '.local/share/fnm/node-versions/*/installation/bin',
  'Library/Application Support/fnm/node-versions/*/installation/bin',
  '.fnm/node-versions/*/installation/bin',
  '.local/share/mise/installs/node/*/bin',
  '.local/share/mise/installs/*/*/bin', // npm:NAME, ubi:NAME …
  '.asdf/installs/nodejs/*/bin',
  '.asdf/installs/*/*/bin',
  '.local/share/pnpm',
  '.local/share/pnpm/bin',
  'Library/pnpm',
  'Library/pnpm/bin',
  '.bun/bin',
  '.deno/bin',
  '.linuxbrew/bin',
];
const IN_SYSTEM = ['/opt/homebrew/bin', '/home/linuxbrew/.linuxbrew/bin', '/usr/local/bin', '/snap/bin'];

/** Absolute directories that may hold a program; those that are not there are left out only where a `*` was to be looked up. */
export async function knownPrefixes(home: string): Promise<string[]> {
  const [own, npm, preferred] = await Promise.all([
    Promise.all(IN_HOME.map((pattern) => expand(home, pattern.split('/')))),
    npmPrefix(home),
    nvmDefault(home),
  ]);
  return [...new Set([...npm, ...preferred, ...own.flat(), ...IN_SYSTEM])];
}

async function expand(dir: string, parts: readonly string[]): Promise<string[]> {
  const star = parts.indexOf('*');
  if (star < 0) return [join(dir, ...parts)];
  const place = join(dir, ...parts.slice(0, star));
  const names = await readdir(place).catch(() => []); // a manager that is not installed
  const newestFirst = names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return (await Promise.all(newestFirst.map((name) => expand(join(place, name), parts.slice(star + 1))))).flat();
}

/** `prefix=` of ~/.npmrc, where `npm install --global` puts programs. */
async function npmPrefix(home: string): Promise<string[]> {
  const text = await readFile(join(home, '.npmrc'), 'utf8').catch(() => ''); // most have none
  const given = /^\s*prefix\s*=\s*"?([^"\n]+?)"?\s*$/m.exec(text)?.[1];
  const prefix = given?.replace(/^~(?=\/|$)|^\$\{HOME\}/, home);
  return prefix !== undefined && isAbsolute(prefix) ? [join(prefix, 'bin')] : [];
}

/** The versions nvm's default alias means, where it is a number (`22`, `v22.3`); names such as `lts/*` mean the newest here. */
async function nvmDefault(home: string): Promise<string[]> {
  const alias = (await readFile(join(home, '.nvm/alias/default'), 'utf8').catch(() => '')).trim();
  const number = /^v?(\d+(?:\.\d+){0,2})$/.exec(alias)?.[1];
  if (number === undefined) return [];
  const all = await expand(home, ['.nvm', 'versions', 'node', '*', 'bin']);
  return all.filter((dir) => `${dir.split('/').at(-2)}.`.startsWith(`v${number}.`));
}
