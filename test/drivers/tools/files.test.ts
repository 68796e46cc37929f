import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ToolHost } from '../../../src/core/contracts.ts';
import edit from '../../../src/drivers/tools/edit.ts';
import ls from '../../../src/drivers/tools/ls.ts';
import read from '../../../src/drivers/tools/read.ts';
import write from '../../../src/drivers/tools/write.ts';

let cwd: string;
let host: ToolHost;
const at = (name: string) => path.join(cwd, name);

beforeEach(async () => {
  cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode tools-')));
  host = {
    ...{ cwd, signal: new AbortController().signal, ripgrep: 'rg' },
    askPerson: () => Promise.reject(new Error('not here')),
  };
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

describe('read', () => {
  it('numbers lines', async () => {
    await writeFile(at('a'), 'one\ntwo\r\nthree');
    expect(await read.run({ path: 'a' }, host)).toEqual({ ok: true, text: '1\tone\n2\ttwo\n3\tthree' });
  });

  it('clips a long file and says how to go on', async () => {
    const lines = Array.from({ length: 5_000 }, (_, n) => `line ${n + 1}`);
    await writeFile(at('long'), lines.join('\n'));
    const first = await read.run({ path: 'long' }, host);
    expect(first.text).toMatch(/\n2000\tline 2000\n\[clipped; go on with offset 2001\]$/);
    const last = await read.run({ path: 'long', offset: 4_999, limit: 10 }, host);
    expect(last.text).toBe('4999\tline 4999\n5000\tline 5000');
    expect((await read.run({ path: 'long', offset: 5_001 }, host)).text).toContain('only 5000 lines');
  });

  it('bounds one endless line, and counts characters whole over chunk borders', async () => {
    await writeFile(at('wide'), `${'é'.repeat(300_000)}\nnext`);
    const { text } = await read.run({ path: 'wide' }, host);
    expect(text).toBe(`1\t${'é'.repeat(2_000)} [… 298000 more characters]\n2\tnext`);
  });

  it.each([
    ['missing', 'There is no "missing"'],
    ['dir', 'is a directory. Use ls'],
    ['binary', 'binary file of 4 bytes'],
    ['pipe', 'not a regular file'],
  ])('refuses %s in words', async (name, words) => {
    await mkdir(at('dir'));
    await writeFile(at('binary'), Buffer.from([1, 0, 2, 3]));
    execFileSync('mkfifo', [at('pipe')]);
    const result = await read.run({ path: name }, host);
    expect(result.ok).toBe(false);
    expect(result.text).toContain(words);
  });

  it('reads an empty file and odd names', async () => {
    await writeFile(at('-rf é\n'), '');
    expect(await read.run({ path: '-rf é\n' }, host)).toEqual({ ok: true, text: '(the file is empty)' });
  });
});

describe('write', () => {
  it('makes directories and leaves nothing beside the file', async () => {
    expect((await write.run({ path: 'a b/c/-d', content: 'x\n' }, host)).text).toBe('Created a b/c/-d (1 lines).');
    expect(await readdir(at('a b/c'))).toEqual(['-d']);
  });

  it('keeps the mode of a file and writes through a link', async () => {
    await writeFile(at('run.sh'), 'old');
    await chmod(at('run.sh'), 0o755);
    await symlink('run.sh', at('link'));
    expect((await write.run({ path: 'link', content: 'new' }, host)).ok).toBe(true);
    expect(await readFile(at('run.sh'), 'utf8')).toBe('new');
    expect((await stat(at('run.sh'))).mode & 0o777).toBe(0o755);
  });

  it('refuses a directory and a file used as one', async () => {
    await mkdir(at('dir'));
    await writeFile(at('file'), '');
    expect((await write.run({ path: 'dir', content: '' }, host)).text).toContain('is a directory');
    expect((await write.run({ path: 'file/x', content: '' }, host)).text).toContain('not a directory');
  });

  it('says that the dispatch is read-only where the file system is', async () => {
    const script = `import('${path.resolve(import.meta.dirname, '../../../src/drivers/tools/write.ts')}')
      .then((m) => m.default.run({ path: 'a', content: 'x' }, { cwd: ${JSON.stringify(cwd)}, signal: new AbortController().signal, ripgrep: 'rg' }))
      .then((r) => process.stdout.write(JSON.stringify(r)))`;
    const out = execFileSync('bwrap', ['--ro-bind', '/', '/', '--dev', '/dev', '--', process.execPath, '-e', script], {
      encoding: 'utf8',
    });
    expect(JSON.parse(out)).toEqual({ ok: false, text: expect.stringContaining('This dispatch is read-only: "a"') });
  });
});

describe('edit', () => {
  const file = async (text: string) => writeFile(at('f'), text);
  const now = () => readFile(at('f'), 'utf8');

  it('replaces one exact place', async () => {
    await file('a\nb $& c\n');
    expect(await edit.run({ path: 'f', old: 'b $& c', new: '$1' }, host)).toEqual({
      ok: true,
      text: 'Edited f at line 2.',
    });
    expect(await now()).toBe('a\n$1\n');
  });

  it('refuses several places, naming count and lines, and takes them with all', async () => {
    await file('x\ny\nx\n');
    const refused = await edit.run({ path: 'f', old: 'x', new: 'z' }, host);
    expect(refused.ok).toBe(false);
    expect(refused.text).toContain('occurs 2 times in f, at lines 1, 3');
    expect(await now()).toBe('x\ny\nx\n');
    expect((await edit.run({ path: 'f', old: 'x', new: 'z', all: true }, host)).text).toContain('in 2 places');
    expect(await now()).toBe('z\ny\nz\n');
  });

  it('shows the nearest line where nothing fits', async () => {
    await file('const answer = compute(41);\n');
    const { ok, text } = await edit.run({ path: 'f', old: 'const answer = compute(42);', new: '' }, host);
    expect(ok).toBe(false);
    expect(text).toContain('The most similar line is 1: const answer = compute(41);');
  });

  it('refuses what is no UTF-8 text, and a change of nothing', async () => {
    await writeFile(at('f'), Buffer.from([0x61, 0xff, 0x62]));
    expect((await edit.run({ path: 'f', old: 'a', new: 'b' }, host)).text).toContain('not UTF-8');
    expect((await edit.run({ path: 'f', old: 'a', new: 'a' }, host)).ok).toBe(false);
    expect(await readFile(at('f'))).toEqual(Buffer.from([0x61, 0xff, 0x62]));
  });
});

it('ls tells directories, links and sizes apart', async () => {
  await mkdir(at('d'));
  await writeFile(at('b'), '12345');
  await symlink('nowhere', at('l'));
  expect((await ls.run({}, host)).text).toBe('b 5\nd/\nl -> nowhere');
  expect((await ls.run({ path: 'b' }, host)).text).toContain('is a file. Use read');
  expect((await ls.run({ path: 'd' }, host)).text).toBe('(the directory is empty)');
});
