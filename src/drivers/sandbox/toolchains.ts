/**
 * Directories of the client's PATH that an agent may see. Never a manager's root: binding all of ~/.cargo would show its credentials, so
 * each manager has the exact list of what its programs need.
 */
import fs from 'node:fs';
import path from 'node:path';
import { ownDirectories } from './mounts.ts';
import { type SandboxSpec, within } from './spec.ts';
import { isSystem } from './view.ts';

/** What programs in a `bin` directory need of its parent. `etc` is left out: package managers keep tokens there. */
const UNIX_PREFIX = ['bin', 'lib', 'lib32', 'lib64', 'libexec', 'share', 'include', 'ssl'];
/** A whole version of a language, unpacked: what stands beside `bin` in Go, Java and Rust. */
const LANGUAGE = [
  'src',
  'pkg',
  'api',
  'misc',
  'VERSION',
  'go.env',
  'conf',
  'jmods',
  'legal',
  'release',
  'jre',
  'Cellar',
];

/** By how the real path of a PATH entry ends; names are relative to the directory that holds the entry. */
const NEEDS: [ending: RegExp, beside: string[]][] = [
  [
    /\/(versions\/node|node-versions|installs?|candidates|toolchains|tools\/image\/node)\/.+\/bin$/,
    [...UNIX_PREFIX, ...LANGUAGE],
  ],
  [/\/\.cargo\/bin$/, ['../.rustup/toolchains', '../.rustup/settings.toml']],
  [/\/\.pyenv\/(bin|shims)$/, ['libexec', 'shims', 'bin', 'versions', 'version', 'plugins', 'completions', 'pyenv.d']],
  [/\/\.(rbenv|nodenv)\/(bin|shims)$/, ['libexec', 'shims', 'bin', 'versions', 'version', 'plugins']],
  [/\/\.asdf\/(bin|shims)$/, ['bin', 'lib', 'libexec', 'shims', 'plugins', 'installs', 'asdf.sh', 'version.txt']],
  [/\/\.volta\/bin$/, ['tools/image', 'tools/user', 'volta', 'volta-shim', 'volta-migrate']],
  [/\/(\.npm-global|\.npm-packages|\.yarn|\.fnm|\.n|n)\/bin$/, ['lib']],
  [/\/(mini|ana|micro)(conda|forge|mamba)\d*(\/envs\/[^/]+)?\/bin$/, [...UNIX_PREFIX, 'conda-meta', 'condabin']],
  [/\/\.local\/bin$/, ['share/uv/python', 'share/uv/tools', 'share/pipx/venvs', 'pipx/venvs']],
  [/\/linuxbrew\/bin$/, ['lib', 'Cellar', 'opt', 'share', 'sbin']],
];
/** Files with tokens that lie in what is mounted, relative to the directory that holds `bin`. */
const TOKENS = ['etc/npmrc', 'pip.conf', 'lib/node_modules/npm/npmrc'];

export interface Toolchains {
  /** Real paths to mount read-only at their own places. */
  mounts: string[];
  /** Files in them, or in the system, that must not be readable. */
  masks: string[];
  /** PATH inside: real paths, because a program looks for what it needs beside its own. */
  path: string;
}

/**
 * Entries that do not exist, and those that hold the home, the project or PanCode's own state, are left out: they are no toolchains.
 * Entries in the project stay, as the project is there anyway.
 */
export function toolchainsOf(spec: SandboxSpec): Toolchains {
  const roots = spec.roots.filter((dir) => !isSystem(dir) && fs.existsSync(dir)).map((dir) => fs.realpathSync(dir));
  const mounts = new Set(spec.profile === 'H' ? [] : roots);
  const masks = new Set(TOKENS.flatMap((name) => ['/usr', '/usr/local'].map((prefix) => path.join(prefix, name))));
  const inside: string[] = [];
  const real = realHome(spec.home.path);
  const tooMuch = [spec.home.path, real, spec.project, ...ownDirectories(spec)];
  for (const entry of spec.path.split(':')) {
    const dir = path.isAbsolute(entry) ? realDirectory(entry) : null;
    if (dir === null || tooMuch.some((place) => within(place, dir))) continue;
    if (isSystem(dir)) {
      inside.push(entry === dir || isSystem(entry) ? path.normalize(entry) : dir);
      continue;
    }
    inside.push(dir);
    if (within(dir, spec.project)) continue;
    for (const needed of [dir, ...besidesOf(dir)])
      if (!tooMuch.some((place) => within(place, needed))) mounts.add(needed);
    for (const file of tokensOf(dir)) masks.add(file);
  }
  for (const needed of interpretersOf(spec))
    if (!isSystem(needed) && !tooMuch.some((place) => within(place, needed))) mounts.add(needed);
  const always = ['/usr/local/bin', '/usr/bin', '/bin'].filter((dir) => !inside.includes(dir));
  return {
    mounts: [...mounts],
    masks: [...masks].filter((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile()),
    path: [...new Set([...inside, ...always])].join(':'),
  };
}

function besidesOf(dir: string): string[] {
  const needs = NEEDS.find(([ending]) => ending.test(dir))?.[1] ?? [];
  return needs.map((name) => path.join(path.dirname(dir), name)).filter((file) => fs.existsSync(file));
}

/** In the parent of `dir`, and in each version a manager keeps beside it. */
function tokensOf(dir: string): string[] {
  const parent = path.dirname(dir);
  const versions = ['versions', 'installs', 'tools/image']
    .map((name) => path.join(parent, name))
    .filter((place) => fs.existsSync(place));
  const prefixes = versions.flatMap((place) =>
    directoriesIn(place).flatMap((version) => [version, ...directoriesIn(version)]),
  );
  return [parent, ...prefixes].flatMap((prefix) => TOKENS.map((name) => path.join(prefix, name)));
}

function directoriesIn(dir: string): string[] {
  return fs
    .readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(dir, entry.name));
}

function realDirectory(dir: string): string | null {
  try {
    const real = fs.realpathSync(dir);
    return fs.statSync(real).isDirectory() ? real : null;
  } catch {
    return null; // PATH names many directories that are not there
  }
}

function realHome(home: string): string {
  return fs.existsSync(home) ? fs.realpathSync(home) : home;
}

/**
 * What a Python environment in the project needs of the Python it was made with, wherever that lies: its `bin` holds links. Only the
 * interpreter, its library and headers, and only where they are one: the text that names them may come with a repository.
 */
function interpretersOf(spec: SandboxSpec): string[] {
  const inProject = ['.venv', 'venv'].map((name) => path.join(spec.project, name));
  const environments = new Set([...spec.shares.map((share) => share.host), ...(spec.copy === null ? inProject : [])]);
  return [...environments].flatMap((dir) => {
    const python = path.join(dir, 'bin', 'python');
    if (!fs.existsSync(path.join(dir, 'pyvenv.cfg')) || !fs.existsSync(python)) return [];
    const real = fs.realpathSync(python);
    const [bin, name] = [path.dirname(real), path.basename(real)];
    const prefix = path.dirname(bin);
    const lib = fs.existsSync(path.join(prefix, 'lib')) ? fs.readdirSync(path.join(prefix, 'lib')) : [];
    const libraries = lib.filter((each) => /^(python3\.\d+|libpython3.*)$/.test(each));
    if (path.basename(bin) !== 'bin' || !/^python3(\.\d+)?$/.test(name) || libraries.length === 0) return [];
    return [bin, path.join(prefix, 'include'), ...libraries.map((each) => path.join(prefix, 'lib', each))].filter(
      (file) => fs.existsSync(file),
    );
  });
}
