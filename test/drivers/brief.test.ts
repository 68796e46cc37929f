import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectProject } from '../../src/drivers/brief.ts';
import { put, tempDir } from '../fixtures/temp.ts';

const dir = tempDir();
const path = '/usr/bin:/bin';
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-C', cwd, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
    env: { PATH: path, HOME: dir },
    stdio: 'pipe',
  });

describe('collectProject', () => {
  it('sees staged, changed, renamed and untracked files, whatever their names', async () => {
    const root = join(dir, 'a repo');
    await mkdir(root);
    git(root, 'init', '-b', 'main');
    await put(join(root, 'package.json'), '{"scripts":{"test":"node --test"}}');
    await put(join(root, 'old name.ts'), 'a\nb\nc\nd\n');
    await put(join(root, 'changed.ts'), '1');
    await put(join(root, 'README.md'), '# Hello\n');
    git(root, 'add', '.');
    git(root, 'commit', '-m', 'x');
    git(root, 'mv', 'old name.ts', 'nëw name.ts');
    await writeFile(join(root, 'changed.ts'), '2');
    await put(join(root, '-untracked\nfile'), '');
    const { brief, files } = await collectProject({ root, cwd: root, path, home: root, git: true });
    expect(brief).toMatch(
      /^Branch: main at [0-9a-f]{12}\nUncommitted changes: 3\n {2}\?\? -untracked␊file\n {2}\.M changed\.ts\n {2}R\. nëw name\.ts\n/,
    );
    expect(brief).toContain('test `npm test`');
    expect(brief).toContain('  # Hello');
    expect(files.texts['package.json']).toContain('node --test');
  });

  it('runs nothing a repository configures', async () => {
    const root = join(dir, 'hostile');
    await mkdir(root);
    git(root, 'init');
    const hook = await put(join(dir, 'hook'), `#!/bin/sh\ntouch '${join(dir, 'ran')}'\n`, 0o755);
    git(root, 'config', 'core.fsmonitor', hook);
    await put(join(root, 'a'), '');
    const { brief } = await collectProject({ root, cwd: root, path, home: root, git: true });
    expect(brief).toContain('?? a');
    expect(() => execFileSync('ls', [join(dir, 'ran')], { stdio: 'pipe' })).toThrow();
  });

  it('takes instructions from the top down to where the agent starts, each text once, none from outside', async () => {
    const root = join(dir, 'plain');
    await put(join(root, 'AGENTS.md'), 'top');
    await symlink('AGENTS.md', join(root, 'CLAUDE.md'));
    await put(join(root, 'pkg/CLAUDE.md'), 'inner');
    await put(join(dir, 'secret.md'), 'secret');
    await symlink('../../secret.md', join(root, 'pkg/AGENTS.md'));
    await put(join(root, 'other/AGENTS.md'), 'not here');
    const { instructions, brief } = await collectProject({
      root,
      cwd: join(root, 'pkg'),
      path,
      home: root,
      git: false,
    });
    expect(instructions).toEqual([
      { path: 'AGENTS.md', text: 'top' },
      { path: 'pkg/CLAUDE.md', text: 'inner' },
    ]);
    expect(brief).toMatch(/^Git: not a git repository/);
  });

  it('says what it does not know where git is missing', async () => {
    const { brief } = await collectProject({ root: dir, cwd: dir, path: '/nonexistent', home: dir, git: true });
    expect(brief).toContain('Uncommitted changes: unknown');
  });
});
