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
    ['nothing', {}, [], null],
  ] as const)('%s', (_name, texts, present, expected) => {
    expect(findVerifyCommand({ texts, present })).toBe(expected);
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
