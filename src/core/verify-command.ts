/** Finds out from a project's own files how it is tested, built and linted. Pure: it is handed the texts. */

/** Files whose text matters, by name in the project's top directory. */
export const MANIFESTS = [
  'package.json',
  'deno.json',
  'deno.jsonc',
  'Makefile',
  'makefile',
  'GNUmakefile',
  'justfile',
  'Justfile',
  'Taskfile.yml',
  'Taskfile.yaml',
  'Cargo.toml',
  'go.mod',
  'pyproject.toml',
  'tox.ini',
  'pytest.ini',
  'setup.cfg',
  'setup.py',
  'requirements.txt',
  'requirements-dev.txt',
  'Pipfile',
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
  'mvnw',
  'build.gradle',
  'build.gradle.kts',
  'manage.py',
  'phpunit.xml',
  'phpunit.xml.dist',
  'Rakefile',
  '.venv',
  'venv',
] as const;

/** Endings of files in the top directory that matter by being there, as a MARKER `*.sln`. */
export const ENDINGS = ['.sln', '.slnx', '.csproj', '.fsproj'] as const;

export interface ProjectFiles {
  /** Texts of the manifests that exist. */
  texts: Partial<Record<string, string>>;
  /** Names that exist, of MARKERS; `*.sln` where a name has one of ENDINGS. */
  present: readonly string[];
  /** Where the first Python test is, `.` or a directory in the top one, and whether it is one of the standard library's; null: there is none. */
  pythonTests?: { dir: string; unittest: boolean } | null;
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
  const sources = [
    ...[fromPackageJson, fromMakefile, fromJustfile, fromTaskfile, fromDeno, fromBun],
    ...[fromCargo, fromGo, fromPython, fromJvm, fromDotnet, fromOthers],
  ];
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

/** Targets before the first colon of a line; `test :=` is a variable. Not one expression: a line of 100 kB took ten seconds. */
const hasTarget = (text: string | undefined, name: string): boolean =>
  (text ?? '').split('\n').some((line) => {
    const colon = line.indexOf(':');
    if (colon < 0 || /^::?=/.test(line.slice(colon)) || /^\s/.test(line)) return false;
    const targets = line
      .slice(0, colon)
      .trimEnd()
      .split(/[ \t]+/);
    return targets.includes(name) && targets.every((target) => /^[\w./-]+$/.test(target));
  });

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

/** Tasks are keys below `tasks:`, indented by one step. */
const fromTaskfile: Source = ({ texts }) => {
  const text = texts['Taskfile.yml'] ?? texts['Taskfile.yaml'];
  const tasks = /^tasks:[ \t]*\n((?:[ \t]+.*\n|[ \t]*\n|[ \t]*#.*\n)*)/m.exec(`${text ?? ''}\n`)?.[1] ?? '';
  const step = /^[ \t]+(?=[^\s#])/m.exec(tasks)?.[0] ?? '';
  const task = (name: string): string | null =>
    tasks.split('\n').some((line) => new RegExp(`^${step}['"]?${name}['"]?:`).test(line)) ? `task ${name}` : null;
  return step === '' ? {} : { test: task('test'), build: task('build'), lint: task('lint') };
};

const fromDeno: Source = ({ texts }) => {
  const text = texts['deno.json'] ?? texts['deno.jsonc'];
  if (text === undefined) return {};
  // A file with comments is no JSON, but names its task all the same.
  const named =
    strings(json(text).tasks).test !== undefined ||
    /"test"\s*:/.test(text.split(/"tasks"\s*:\s*\{/)[1]?.split('}')[0] ?? '');
  return { test: named ? 'deno task test' : 'deno test', lint: 'deno lint' };
};

/** Bun has a test runner of its own. npm's placeholder says nothing about it; no script at all does. */
const fromBun: Source = ({ texts, present }) => {
  const scripts = strings(json(texts['package.json']).scripts);
  const bun = present.includes('bun.lock') || present.includes('bun.lockb');
  return bun && scripts.test === undefined ? { test: 'bun test' } : {};
};

const fromCargo: Source = ({ texts }) =>
  texts['Cargo.toml'] === undefined ? {} : { test: 'cargo test', build: 'cargo build', lint: 'cargo clippy' };

const fromGo: Source = ({ texts }) =>
  texts['go.mod'] === undefined ? {} : { test: 'go test ./...', build: 'go build ./...', lint: 'go vet ./...' };

const fromPython: Source = ({ texts, present, pythonTests }) => {
  const project = texts['pyproject.toml'] ?? '';
  const given = ['requirements.txt', 'requirements-dev.txt', 'setup.py', 'setup.cfg', 'Pipfile', 'tox.ini'];
  // A private environment that is there is what the user tests with; without one the project's manager makes it.
  const environment = ['.venv', 'venv'].find((name) => present.includes(name));
  const manager = present.includes('uv.lock') ? 'uv run ' : present.includes('poetry.lock') ? 'poetry run ' : '';
  const python = environment ? `${environment}/bin/python` : manager ? `${manager}python` : 'python3';
  const lint = /^\[tool\.ruff/m.test(project) ? `${environment ? `${python} -m ` : manager}ruff check .` : null;
  const pytest =
    texts['pytest.ini'] !== undefined ||
    /\bpytest\b/.test(project) ||
    given.some((name) => /^[^#\n]*\bpytest\b/m.test(texts[name] ?? '')) ||
    (pythonTests?.unittest === false && texts['tox.ini'] === undefined);
  if (pytest) return { test: manager && !environment ? `${manager}pytest` : `${python} -m pytest`, lint };
  if (texts['tox.ini'] !== undefined) return { test: 'tox', lint };
  if (present.includes('manage.py')) return { test: `${python} manage.py test`, lint };
  if (!pythonTests) return { lint };
  return { test: `${python} -m unittest discover${pythonTests.dir === '.' ? '' : ` -s ${pythonTests.dir}`}`, lint };
};

/** A wrapper in the project knows its version; without one the machine's own is used. */
const fromJvm: Source = ({ texts, present }) => {
  const gradle = present.includes('gradlew')
    ? './gradlew'
    : present.some((name) => name.startsWith('build.gradle'))
      ? 'gradle'
      : null;
  if (gradle) return { test: `${gradle} test`, build: `${gradle} build` };
  if (texts['pom.xml'] === undefined) return {};
  const maven = present.includes('mvnw') ? './mvnw' : 'mvn';
  return { test: `${maven} -q test`, build: `${maven} -q package` };
};

const fromDotnet: Source = ({ present }) =>
  present.some((name) => name.startsWith('*.')) ? { test: 'dotnet test', build: 'dotnet build' } : {};

const fromOthers: Source = ({ texts, present }) => {
  if (texts['composer.json'] !== undefined && Object.hasOwn(Object(json(texts['composer.json']).scripts ?? {}), 'test'))
    return { test: 'composer test' };
  if (present.some((name) => name.startsWith('phpunit.xml'))) return { test: 'vendor/bin/phpunit' };
  if (texts['mix.exs'] !== undefined) return { test: 'mix test', build: 'mix compile' };
  if (texts.Gemfile !== undefined && /\brspec\b/.test(texts.Gemfile)) return { test: 'bundle exec rspec' };
  if (texts.Gemfile !== undefined && present.includes('Rakefile')) return { test: 'bundle exec rake test' };
  return {};
};
