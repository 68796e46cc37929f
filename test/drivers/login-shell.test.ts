/** The PATH of real shells, with start-up files as people have them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askShellPath, loginShell } from '../../src/drivers/login-shell.ts';
import { createProbeHost } from '../../src/drivers/probe-host.ts';
import { processesOf } from '../fixtures/claude-code.ts';
import { put, tempDir } from '../fixtures/temp.ts';
import { until } from '../fixtures/workers.ts';

const host = (scratchHome: string) =>
  createProbeHost({ path: '/usr/bin:/bin', home: '/', scratchHome, stopped: new AbortController().signal });
const pathOf = async (home: string, shell: string, timeoutMs?: number) => {
  const found = (await loginShell(shell, home))!;
  return askShellPath(found, host(join(home, 'scratch')).run, timeoutMs);
};
const bash = (home: string, timeoutMs?: number) => pathOf(home, '/bin/bash', timeoutMs);

describe('bash', () => {
  it('gives what its profile and its interactive start-up file add, between whatever they print', async () => {
    const home = tempDir();
    await put(join(home, '.profile'), 'echo "Welcome!"; export PATH="$HOME/from profile:$PATH"; cat; read -r x\n');
    await put(join(home, '.bashrc'), 'printf "\\033[31mhello PATH=/evil\\n"; PATH="$PATH:$HOME/from-rc:relative:"\n');
    const path = (await bash(home))!.split(':');
    expect(path).toContain(join(home, 'from profile'));
    expect(path).toContain(join(home, 'from-rc'));
    expect(path.every((entry) => entry.startsWith('/'))).toBe(true);
    expect(path).not.toContain('/evil');
  });

  it('gives what the profile says where the interactive file ends it, hangs, or never stops talking', async () => {
    for (const bad of ['exit 3', 'exec /bin/false', 'sleep 1000 & sleep 1000', 'while :; do echo y; done']) {
      const home = tempDir();
      await put(join(home, '.profile'), 'PATH="$HOME/own:$PATH"; export PATH\n');
      await put(join(home, '.bashrc'), `${bad}\n`);
      expect((await bash(home, 1_500))!.split(':')[0]).toBe(join(home, 'own'));
      await until(() => processesOf(home).length === 0);
    }
  });

  it('says nothing where neither answers', async () => {
    const home = tempDir();
    await put(join(home, '.profile'), 'exit 0\n');
    await put(join(home, '.bashrc'), 'exit 0\n');
    expect(await bash(home)).toBeNull();
  });

  it('touches neither the history nor the start-up files', async () => {
    const home = tempDir();
    await put(join(home, '.bashrc'), 'PATH=$PATH:/x\n');
    await bash(home);
    expect(existsSync(join(home, '.bash_history'))).toBe(false);
  });
});

it('a plain shell is asked too', async () => {
  const home = tempDir();
  await put(join(home, '.profile'), 'PATH="$HOME/own:$PATH"; export PATH\n');
  expect((await pathOf(home, '/bin/sh'))!.split(':')[0]).toBe(join(home, 'own'));
});

describe('loginShell', () => {
  it.each([null, '/usr/sbin/nologin', '/bin/false', 'bash', '/nonexistent/bash', '/usr/bin/tcsh'])(
    '%j is none that can be asked',
    async (shell) => expect(await loginShell(shell, tempDir())).toBeNull(),
  );

  it('changes its fingerprint with each start-up file', async () => {
    const home = tempDir();
    const seen = new Set([(await loginShell('/bin/bash', home))!.fingerprint]);
    for (const name of ['.bashrc', '.zshrc', '.config/fish/config.fish']) {
      await put(join(home, name), 'x\n');
      seen.add((await loginShell('/bin/bash', home))!.fingerprint);
    }
    await put(join(home, '.bashrc'), 'longer\n');
    seen.add((await loginShell('/bin/bash', home))!.fingerprint);
    expect(seen.size).toBe(5);
    expect((await loginShell('/bin/bash', home))!.fingerprint).toBe([...seen].at(-1));
  });
});
