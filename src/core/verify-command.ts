/** Finds out from a project's own files how it is tested, built and linted. Pure: it is handed the texts. */

/** Files whose text matters, by name in the project's top directory. */
export const MANIFESTS = [
  'package.json',
  'deno.json',
  'Makefile',
  'makefile',
  'GNUmakefile',
  'justfile',
  'Justfile',
  'Cargo.toml',
  'go.mod',
  'pyproject.toml',
  'tox.ini',
  'pytest.ini',
  'setup.cfg',
  'composer.json',
  'mix.exs',
  'pom.xml',
  'Gemfile',
] as const;

/** Files that matter by being there. */
export const MARKERS = [
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'bun.lockb',
  'uv.lock',
  'poetry.lock',
  'gradlew',
  'Rakefile',
] as const;

export interface ProjectFiles {
  /** Texts of the manifests that exist. */
  texts: Partial<Record<string, string>>;
  /** Names that exist, of MARKERS. */
  present: readonly string[];
}

export interface ProjectCommands {
  test: string | null;
  build: string | null;
  lint: string | null;
}

/** The check command; null where the project names none. npm's placeholder script is none. */
export function findVerifyCommand(files: ProjectFiles): string | null {
  return findCommands(files).test;
}

export function findCommands(files: ProjectFiles): ProjectCommands {
  const sources = [fromPackageJson, fromMakefile, fromJustfile, fromDeno, fromCargo, fromGo, fromPython, fromOthers];
  const found: ProjectCommands = { test: null, build: null, lint: null };
  for (const source of sources) {
    const commands = source(files);
    found.test ??= commands.test ?? null;
    found.build ??= commands.build ?? null;
    found.lint ??= commands.lint ?? null;
  }
  return found;
}

type Source = (files: ProjectFiles) => Partial<ProjectCommands>;

function json(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A manifest that is broken right now names no command; whoever works on it will see that.
    return {};
  }
}

const strings = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(value ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );

const fromPackageJson: Source = ({ texts, present }) => {
  const scripts = strings(json(texts['package.json']).scripts);
  const manager = present.includes('pnpm-lock.yaml')
    ? 'pnpm'
    : present.includes('yarn.lock')
      ? 'yarn'
      : present.includes('bun.lock') || present.includes('bun.lockb')
        ? 'bun'
        : 'npm';
  const run = (name: string): string | null =>
    (scripts[name]?.trim() ?? '') === ''
      ? null
      : manager === 'yarn' || manager === 'pnpm'
        ? `${manager} ${name}`
        : `${manager} run ${name}`;
  // What `npm init` writes: it always fails and tests nothing.
  const placeholder = /no test specified/.test(scripts.test ?? '');
  const test = placeholder || run('test') === null ? null : manager === 'bun' ? 'bun run test' : `${manager} test`;
  return { test, build: run('build'), lint: run('lint') };
};

/** Targets at the start of a line; `test :=` is a variable. */
const hasTarget = (text: string | undefined, name: string): boolean =>
  text !== undefined && new RegExp(`^(?:[\\w./-]+[ \\t]+)*${name}(?:[ \\t]+[\\w./-]+)*[ \\t]*::?(?!=)`, 'm').test(text);

const fromMakefile: Source = ({ texts }) => {
  const text = texts.GNUmakefile ?? texts.makefile ?? texts.Makefile;
  const target = (name: string): string | null => (hasTarget(text, name) ? `make ${name}` : null);
  return { test: target('test') ?? target('check'), build: target('build'), lint: target('lint') };
};

const fromJustfile: Source = ({ texts }) => {
  const text = texts.justfile ?? texts.Justfile;
  const recipe = (name: string): string | null =>
    text !== undefined && new RegExp(`^@?${name}(?:[ \\t][^:=\\n]*)?:(?!=)`, 'm').test(text) ? `just ${name}` : null;
  return { test: recipe('test'), build: recipe('build'), lint: recipe('lint') };
};

const fromDeno: Source = ({ texts }) => {
  if (texts['deno.json'] === undefined) return {};
  const tasks = strings(json(texts['deno.json']).tasks);
  return { test: tasks.test ? 'deno task test' : 'deno test', lint: 'deno lint' };
};

const fromCargo: Source = ({ texts }) =>
  texts['Cargo.toml'] === undefined ? {} : { test: 'cargo test', build: 'cargo build', lint: 'cargo clippy' };

const fromGo: Source = ({ texts }) =>
  texts['go.mod'] === undefined ? {} : { test: 'go test ./...', build: 'go build ./...', lint: 'go vet ./...' };

const fromPython: Source = ({ texts, present }) => {
  const project = texts['pyproject.toml'] ?? '';
  const run = present.includes('uv.lock') ? 'uv run ' : present.includes('poetry.lock') ? 'poetry run ' : '';
  const pytest =
    texts['pytest.ini'] !== undefined ||
    /\bpytest\b/.test(project) ||
    /^\[tool:pytest\]/m.test(texts['setup.cfg'] ?? '');
  const test = pytest ? (run ? `${run}pytest` : 'python3 -m pytest') : texts['tox.ini'] !== undefined ? 'tox' : null;
  return { test, lint: /^\[tool\.ruff/m.test(project) ? `${run}ruff check .` : null };
};

const fromOthers: Source = ({ texts, present }) => {
  if (texts['composer.json'] !== undefined && Object.hasOwn(Object(json(texts['composer.json']).scripts ?? {}), 'test'))
    return { test: 'composer test' };
  if (texts['mix.exs'] !== undefined) return { test: 'mix test', build: 'mix compile' };
  if (present.includes('gradlew')) return { test: './gradlew test', build: './gradlew build' };
  if (texts['pom.xml'] !== undefined) return { test: 'mvn -q test', build: 'mvn -q package' };
  if (texts.Gemfile !== undefined && /\brspec\b/.test(texts.Gemfile)) return { test: 'bundle exec rspec' };
  return {};
};
