import { mkdir, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, it } from 'vitest';
import { knownPrefixes } from '../../src/drivers/known-prefixes.ts';
import { scanPath } from '../../src/drivers/path-scan.ts';
import { put, tempDir } from '../fixtures/temp.ts';

const find = async (home: string, name: string) =>
  (await scanPath((await knownPrefixes(home)).join(delimiter), [name])).get(name)?.path ?? null;
const program = (file: string) => put(file, '#!/bin/sh\n', 0o755);

it.each([
  '.local/bin/codex',
  'bin/codex',
  '.claude/local/codex',
  '.nvm/versions/node/v22.3.0/bin/codex',
  '.local/share/fnm/node-versions/v20.1.0/installation/bin/codex',
  '.volta/tools/image/packages/cowsay/bin/codex',
  '.volta/tools/image/packages/@openai/codex/bin/codex',
  '.local/share/mise/installs/node/24.1.0/bin/codex',
  '.local/share/mise/installs/npm-openai-codex/0.1.0/bin/codex',
  '.asdf/installs/nodejs/22.0.0/bin/codex',
  '.local/share/pnpm/codex',
  '.bun/bin/codex',
  '.deno/bin/codex',
  '.linuxbrew/bin/codex',
])('~/%s is found', async (place) => {
  const home = tempDir();
  const file = await program(join(home, place));
  expect(await find(home, 'codex')).toBe(file);
});

it('the newest version is taken, by number and not by letter', async () => {
  const home = tempDir();
  await program(join(home, '.nvm/versions/node/v9.11.2/bin/gemini'));
  const newest = await program(join(home, '.nvm/versions/node/v24.1.0/bin/gemini'));
  await program(join(home, '.nvm/versions/node/v22.20.0/bin/gemini'));
  expect(await find(home, 'gemini')).toBe(newest);
});

it('the version nvm’s default alias names comes first', async () => {
  const home = tempDir();
  await program(join(home, '.nvm/versions/node/v24.1.0/bin/gemini'));
  const chosen = await program(join(home, '.nvm/versions/node/v22.20.0/bin/gemini'));
  await program(join(home, '.nvm/versions/node/v2.2.0/bin/gemini'));
  await put(join(home, '.nvm/alias/default'), '22\n');
  expect(await find(home, 'gemini')).toBe(chosen);
});

it('fnm’s default comes before its versions', async () => {
  const home = tempDir();
  const chosen = await program(join(home, '.local/share/fnm/node-versions/v20.1.0/installation/bin/gemini'));
  await program(join(home, '.local/share/fnm/node-versions/v24.1.0/installation/bin/gemini'));
  await mkdir(join(home, '.local/share/fnm/aliases'), { recursive: true });
  await symlink('../node-versions/v20.1.0/installation', join(home, '.local/share/fnm/aliases/default'));
  expect(await find(home, 'gemini')).toBe(chosen);
});

it.each(['prefix=~/my npm', 'prefix = "~/my npm"', `foo=1\nprefix=\${HOME}/my npm\n`])(
  'npm’s prefix: %j',
  async (line) => {
    const home = tempDir();
    await put(join(home, '.npmrc'), `//registry.example.com/:_authToken=secret\n${line}\n`);
    const file = await program(join(home, 'my npm/bin/opencode'));
    expect(await find(home, 'opencode')).toBe(file);
  },
);

it('a home without anything, and one that is not there, are no failure', async () => {
  expect(await find(tempDir(), 'surely-nobody-has-this')).toBeNull();
  expect(await find('/nonexistent/home', 'surely-nobody-has-this')).toBeNull();
});
