import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fileGlob } from '../../src/core/file-glob.ts';

it.each([
  ['*.ts', 'a.ts', true],
  ['*.ts', 'src/deep/a.ts', true],
  ['*.ts', 'a.tsx', false],
  ['src/*.ts', 'src/a.ts', true],
  ['src/*.ts', 'packages/x/src/a.ts', true],
  ['src/*.ts', 'src/deep/a.ts', false],
  ['src/**/*.ts', 'src/a.ts', true],
  ['src/**', 'src/deep/a.ts', true],
  ['**/*', '.github/w.yml', true],
  ['./a.{js,ts}', 'a.ts', true],
  ['a.{js,ts}', 'a.css', false],
  ['[ab]?.txt', 'b1.txt', true],
  ['[!ab].txt', 'a.txt', false],
  ['!*.md', 'a.md', false],
  ['!*.md', 'a.ts', true],
  ['a+(b).c', 'a+(b).c', true],
  ['{', '{', true],
])('%s on %s: %s', (glob, path, matches) => {
  expect(fileGlob(glob)(path)).toBe(matches);
});

it('takes any text as a glob', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'{}[]!^*?,/\\-a]') }),
      fc.string(),
      (glob, path) => typeof fileGlob(glob)(path) === 'boolean',
    ),
  );
});
