import { mkdir, rename, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectProgram, scanPath } from '../../src/drivers/path-scan.ts';
import { put, tempDir } from '../fixtures/temp.ts';

const dir = tempDir();
const program = (name: string, text = '#!/bin/sh\n') => put(join(dir, name), text, 0o755);

describe('scanPath', () => {
  it('finds the first that can be run, as a shell would', async () => {
    await put(join(dir, 'a/codex'), 'not executable');
    await mkdir(join(dir, 'b/codex'), { recursive: true });
    const real = await program('real dir/codex-1.2.js');
    await mkdir(join(dir, 'c'));
    await symlink(real, join(dir, 'c/codex'));
    await program('d/codex');
    const found = await scanPath(['a', 'b', 'missing', 'c', 'd'].map((name) => join(dir, name)).join(':'), [
      'codex',
      'gemini',
    ]);
    expect(found.get('codex')!.path).toBe(real);
    expect(found.has('gemini')).toBe(false);
  });

  it('never looks where a project could put something', async () => {
    const before = process.cwd();
    await program('cwd/opencode');
    process.chdir(join(dir, 'cwd'));
    try {
      expect((await scanPath(':.:../cwd:', ['opencode'])).size).toBe(0);
    } finally {
      process.chdir(before);
    }
  });

  it('gives a new fingerprint to a program that was replaced', async () => {
    const file = await program('e/gemini');
    const first = (await inspectProgram(file))!.fingerprint;
    expect((await inspectProgram(file))!.fingerprint).toBe(first);
    await utimes(file, 1, 1);
    expect((await inspectProgram(file))!.fingerprint).not.toBe(first);
    await rename(await program('e/new', '#!/bin/sh\n# longer\n'), file);
    expect((await inspectProgram(file))!.fingerprint).not.toBe(first);
  });

  it('takes dangling links and loops for nothing', async () => {
    await mkdir(join(dir, 'f'));
    await symlink('loop', join(dir, 'f/loop'));
    await symlink('gone', join(dir, 'f/dangling'));
    expect((await scanPath(join(dir, 'f'), ['loop', 'dangling'])).size).toBe(0);
  });
});

describe('shims of version managers', () => {
  it('are passed over, whether a link tells them or their directory', async () => {
    await program('volta/volta-shim');
    await symlink('volta-shim', join(dir, 'volta/claude'));
    await program('asdf/shims/claude', '#!/bin/sh\nexec asdf exec claude "$@"\n');
    const real = await program('last/claude');
    const path = ['volta', 'asdf/shims', 'last'].map((name) => join(dir, name)).join(':');
    const found = (await scanPath(path, ['claude'])).get('claude')!;
    expect([found.path, found.directory]).toEqual([real, join(dir, 'last')]);
  });
});
