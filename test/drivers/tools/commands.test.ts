import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rgPath } from '@vscode/ripgrep';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ToolHost } from '../../../src/core/contracts.ts';
import bash from '../../../src/drivers/tools/bash.ts';
import find from '../../../src/drivers/tools/find.ts';
import grep from '../../../src/drivers/tools/grep.ts';
import { until } from '../../conformance/runtimes.ts';

let cwd: string;
let stop: AbortController;
let host: ToolHost;

beforeEach(async () => {
  cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode tools-')));
  stop = new AbortController();
  host = { cwd, signal: stop.signal, ripgrep: rgPath, askPerson: () => Promise.reject(new Error('not here')) };
});
afterEach(async () => {
  stop.abort();
  await rm(cwd, { recursive: true, force: true });
});

const alive = (pid: number) =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' }));
const pidIn = async (file: string) => Number(await readFile(path.join(cwd, file), 'utf8'));
const pidWritten = (file: string) => until(() => existsSync(path.join(cwd, file)));

describe('bash', () => {
  it('joins output and errors in order and tells the exit status', async () => {
    expect(await bash.run({ command: 'echo a; echo b >&2; echo c' }, host)).toEqual({ ok: true, text: 'a\nb\nc' });
    expect(await bash.run({ command: 'echo no; exit 7' }, host)).toEqual({ ok: false, text: 'no\n[exit status 7]' });
    expect(await bash.run({ command: 'kill -9 $$' }, host)).toEqual({ ok: false, text: '[ended by signal SIGKILL]' });
    expect(await bash.run({ command: 'true' }, host)).toEqual({ ok: true, text: '(no output)' });
    expect((await bash.run({ command: 'pwd' }, host)).text).toBe(cwd);
  });

  it('gives no input', async () => {
    expect(await bash.run({ command: 'read x; echo "[$x]"' }, host)).toEqual({ ok: true, text: '[]' });
  });

  it('clips the middle and keeps the whole in a file', async () => {
    const { text } = await bash.run({ command: 'seq 1 100000' }, host);
    expect(text.length).toBeLessThan(26_000);
    expect(text.startsWith('1\n2\n')).toBe(true);
    expect(text.endsWith('\n100000')).toBe(true);
    const kept = /all of it is in (\S+)/.exec(text)?.[1] as string;
    expect(await readFile(kept, 'utf8')).toBe(execFileSync('seq', ['1', '100000'], { encoding: 'utf8' }));
    await rm(path.dirname(kept), { recursive: true });
  });

  it('does not wait for a background child that holds its output, and ends it with the run', async () => {
    const { text } = await bash.run({ command: 'sleep 600 & echo $! > pid; echo started' }, host);
    expect(text).toBe('started');
    const pid = await pidIn('pid');
    expect(alive(pid)).toBe(true);
    stop.abort();
    await until(() => !alive(pid));
  });

  it('ends the whole tree at the time-out, also what ignores SIGTERM or left the group', async () => {
    const command =
      "trap '' TERM; setsid sleep 600 & echo $! > away; sleep 600 & echo $! > near; wait; wait; sleep 600";
    const { ok, text } = await bash.run({ command, timeoutSeconds: 0.5 }, host);
    expect(ok).toBe(false);
    expect(text).toContain('[stopped after 0.5 seconds');
    for (const file of ['away', 'near']) {
      const pid = await pidIn(file);
      await until(() => !alive(pid));
    }
  });

  it('ends at once when the run is cancelled', async () => {
    const running = bash.run({ command: 'echo $$ > pid; exec sleep 600' }, host);
    await pidWritten('pid');
    stop.abort();
    expect((await running).text).toContain('[cancelled]');
  });

  it('tells a command that is too long', async () => {
    expect((await bash.run({ command: `: ${'x'.repeat(300_000)}` }, host)).text).toContain('too long');
  });
});

describe('grep and find', () => {
  beforeEach(async () => {
    execFileSync('git', ['init', '-q'], { cwd });
    await mkdir(path.join(cwd, 'src/deep'), { recursive: true });
    await mkdir(path.join(cwd, '.github'));
    await writeFile(path.join(cwd, '.gitignore'), 'dist\n');
    await writeFile(path.join(cwd, 'dist'), 'needle\n');
    await writeFile(path.join(cwd, 'src/a b.ts'), 'one\nneedle --x\nthree\n');
    await writeFile(path.join(cwd, 'src/deep/c.js'), '-needle\n');
    await writeFile(path.join(cwd, '.github/w.yml'), 'needle: 1\n');
  });

  it('finds text in hidden files too, not in ignored ones', async () => {
    expect((await grep.run({ pattern: 'needle' }, host)).text).toBe(
      '.github/w.yml:1:needle: 1\nsrc/a b.ts:2:needle --x\nsrc/deep/c.js:1:-needle',
    );
    expect((await grep.run({ pattern: '-needle', glob: '*.js' }, host)).text).toBe('src/deep/c.js:1:-needle');
    expect((await grep.run({ pattern: 'needle', path: 'src/a b.ts', context: 1 }, host)).text).toBe(
      'src/a b.ts:1-one\nsrc/a b.ts:2:needle --x\nsrc/a b.ts:3-three',
    );
    expect(await grep.run({ pattern: 'absent' }, host)).toEqual({ ok: true, text: 'No matches.' });
  });

  it('tells a wrong pattern and a wrong path', async () => {
    expect(await grep.run({ pattern: '(' }, host)).toMatchObject({
      ok: false,
      text: expect.stringContaining('unclosed group'),
    });
    expect(await grep.run({ pattern: 'x', path: 'nowhere' }, host)).toMatchObject({
      ok: false,
      text: expect.stringContaining('nowhere'),
    });
  });

  it('says so where ripgrep is missing', async () => {
    const without = { ...host, ripgrep: '/nonexistent/rg' };
    expect((await grep.run({ pattern: 'x' }, without)).text).toContain('ripgrep is not available here');
  });

  it('finds files by glob at any depth', async () => {
    expect((await find.run({ pattern: '*.js' }, host)).text).toBe('src/deep/c.js');
    expect((await find.run({ pattern: 'deep/*.js' }, host)).text).toBe('src/deep/c.js');
    expect((await find.run({ pattern: '**/*.{js,yml}' }, host)).text).toBe('.github/w.yml\nsrc/deep/c.js');
    expect((await find.run({ pattern: '**/*' }, host)).text).not.toContain('dist');
    expect((await find.run({ pattern: '**/*', path: 'src' }, host)).text).toBe('src/a b.ts\nsrc/deep/c.js');
    expect((await find.run({ pattern: '*.rs' }, host)).text).toBe('No files match.');
    expect((await find.run({ pattern: 'dist' }, host)).text).toBe('No files match.');
  });

  it('stops reading where there is too much', async () => {
    await writeFile(path.join(cwd, 'big'), 'needle here\n'.repeat(100_000));
    const { text } = await grep.run({ pattern: 'needle', path: 'big' }, host);
    expect(text).toContain('[clipped; narrow the search');
    expect(text.length).toBeLessThan(30_000);
  });
});
