/** Files that say which versions of its dependencies a project has, and those that say which dependencies. By name, in any directory. */

const LOCKS = new Set([
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'bun.lockb',
  'deno.lock',
  'Cargo.lock',
  'go.sum',
  'uv.lock',
  'poetry.lock',
  'pdm.lock',
  'pylock.toml',
  'Pipfile.lock',
  'Gemfile.lock',
  'composer.lock',
  'mix.lock',
  'gradle.lockfile',
  'packages.lock.json',
  'pubspec.lock',
  'flake.lock',
]);
const MANIFESTS = new Set([
  'package.json',
  'deno.json',
  'Cargo.toml',
  'go.mod',
  'pyproject.toml',
  'setup.py',
  'setup.cfg',
  'Pipfile',
  'environment.yml',
  'Gemfile',
  'composer.json',
  'mix.exs',
  'pom.xml',
  'build.gradle',
  'build.gradle.kts',
  'Makefile',
]);

/** A list of requirements is a lock by its use: it is all that pip has. */
export function isLockFile(name: string): boolean {
  return LOCKS.has(name) || /^(requirements|constraints)[^/]*\.txt$/.test(name);
}

export function isManifest(name: string): boolean {
  return MANIFESTS.has(name);
}
