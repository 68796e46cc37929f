import { describe, expect, it } from 'vitest';
import { findCommands, findVerifyCommand } from '../../src/core/verify-command.ts';

const pkg = (scripts: unknown) => ({ 'package.json': JSON.stringify({ scripts }) });

describe('findVerifyCommand', () => {
  it.each([
    ['an npm script', pkg({ test: 'vitest' }), [], 'npm test'],
    ['npm’s placeholder', pkg({ test: 'echo "Error: no test specified" && exit 1' }), [], null],
    ['no scripts', pkg(undefined), [], null],
    ['scripts of a wrong type', pkg({ test: 5 }), [], null],
    ['a list as package.json', { 'package.json': '[1]' }, [], null],
    ['null as package.json', { 'package.json': 'null' }, [], null],
    ['broken JSON beside a Makefile', { 'package.json': '{', Makefile: 'test:\n\tx' }, [], 'make test'],
    ['pnpm', pkg({ test: 'x' }), ['pnpm-lock.yaml'], 'pnpm test'],
    ['yarn', pkg({ test: 'x' }), ['yarn.lock'], 'yarn test'],
    ['bun', pkg({ test: 'x' }), ['bun.lock'], 'bun run test'],
    [
      'the placeholder beside a Makefile',
      { ...pkg({ test: 'echo no test specified' }), Makefile: 'test: all' },
      [],
      'make test',
    ],
    ['several targets in a line', { Makefile: 'lint test: all\n\tx' }, [], 'make test'],
    ['a check target', { Makefile: 'check:\n\tx' }, [], 'make check'],
    ['a variable called test', { Makefile: 'test := 1\ntests: x' }, [], null],
    ['a recipe line that looks like a target', { Makefile: 'all:\n\techo test: x' }, [], null],
    ['cargo', { 'Cargo.toml': '[package]' }, [], 'cargo test'],
    ['go', { 'go.mod': 'module x' }, [], 'go test ./...'],
    ['pytest', { 'pyproject.toml': '[tool.pytest.ini_options]' }, [], 'python3 -m pytest'],
    ['pytest with uv', { 'pyproject.toml': 'pytest' }, ['uv.lock'], 'uv run pytest'],
    ['python without tests', { 'pyproject.toml': '[project]' }, [], null],
    ['tox', { 'tox.ini': '' }, [], 'tox'],
    ['just', { justfile: 'test *args:\n  x' }, [], 'just test'],
    [
      'a taskfile',
      { 'Taskfile.yml': 'version: 3\ntasks:\n  build:\n    cmds: [x]\n  test:\n    cmds: [y]\n' },
      [],
      'task test',
    ],
    ['a taskfile whose test is a name further down', { 'Taskfile.yml': 'tasks:\n  a:\n    test: 1\nx: 1\n' }, [], null],
    ['deno with comments', { 'deno.jsonc': '{ // x\n "tasks": {"test": "deno test -A"} }' }, [], 'deno task test'],
    ['deno', { 'deno.json': '{}' }, [], 'deno test'],
    ['bun without a script', pkg({}), ['bun.lock'], 'bun test'],
    ['gradle with a wrapper', {}, ['gradlew', 'build.gradle'], './gradlew test'],
    ['gradle without', {}, ['build.gradle.kts'], 'gradle test'],
    ['maven with a wrapper', { 'pom.xml': '<x/>' }, ['mvnw'], './mvnw -q test'],
    ['maven without', { 'pom.xml': '<x/>' }, [], 'mvn -q test'],
    ['dotnet', {}, ['*.sln'], 'dotnet test'],
    ['composer', { 'composer.json': '{"scripts":{"test":"phpunit"}}' }, [], 'composer test'],
    ['phpunit', { 'composer.json': '{}' }, ['phpunit.xml.dist'], 'vendor/bin/phpunit'],
    ['mix', { 'mix.exs': 'x' }, [], 'mix test'],
    ['rspec', { Gemfile: "gem 'rspec'" }, [], 'bundle exec rspec'],
    ['rake', { Gemfile: "gem 'minitest'" }, ['Rakefile'], 'bundle exec rake test'],
    [
      'pytest in a private environment',
      { 'pyproject.toml': 'pytest' },
      ['.venv', 'uv.lock'],
      '.venv/bin/python -m pytest',
    ],
    ['pytest in the requirements', { 'requirements-dev.txt': 'x\npytest==8\n' }, [], 'python3 -m pytest'],
    ['a requirement that is commented out', { 'requirements.txt': '# pytest\n' }, [], null],
    ['django', { 'requirements.txt': 'django\n' }, ['manage.py', 'venv'], 'venv/bin/python manage.py test'],
    ['nothing', {}, [], null],
  ] as const)('%s', (_name, texts, present, expected) => {
    expect(findVerifyCommand({ texts, present })).toBe(expected);
  });

  it.each([
    [{ dir: 'tests', unittest: true }, 'python3 -m unittest discover -s tests'],
    [{ dir: '.', unittest: true }, 'python3 -m unittest discover'],
    [{ dir: 'tests', unittest: false }, 'python3 -m pytest'],
    [null, null],
  ])('Python tests %j without any other hint', (pythonTests, expected) => {
    expect(findVerifyCommand({ texts: {}, present: [], pythonTests })).toBe(expected);
  });

  it.each([
    ['Makefile', 'test '],
    ['deno.json', '"tasks":{'],
    ['justfile', 'test '],
    ['Taskfile.yml', '  test '],
    ['requirements.txt', 'pytes '],
  ])('a %s of one very long line ends too', (name, word) => {
    const text = word.repeat(Math.floor(256_000 / word.length));
    expect(findCommands({ texts: { [name]: text }, present: [] }).build).toBeNull();
  });

  it('finds build and lint too, from wherever they are', () => {
    expect(findCommands({ texts: { ...pkg({ test: 't', lint: 'l' }), Makefile: 'build:\n\tx' }, present: [] })).toEqual(
      {
        test: 'npm test',
        build: 'make build',
        lint: 'npm run lint',
      },
    );
  });
});
