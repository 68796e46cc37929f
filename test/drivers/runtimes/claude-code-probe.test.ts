/** What the claude-code runtime finds out about an installed `claude`; the real one, and files that only look like it. */
import { copyFile, link, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createProbeHost } from '../../../src/drivers/probe-host.ts';
import claudeCode from '../../../src/drivers/runtimes/claude-code.ts';
import { claudeProgram } from '../../fixtures/claude-code.ts';

let program: string;
let root: string;
beforeAll(async () => {
  program = await claudeProgram();
}, 300_000);
beforeEach(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode probe-')));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const probe = (file: string) => {
  const places = { path: process.env.PATH ?? '', home: root, scratchHome: path.join(root, 'scratch') };
  return claudeCode.probe(file, createProbeHost({ ...places, stopped: new AbortController().signal }));
};
/** An executable file below the root, in its own directory. */
const put = async (name: string, text: string, mode = 0o755) => {
  const file = path.join(root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text, { mode });
  return file;
};
/** Claims to be Claude Code, and answers the question for its models when told to. */
const fake = (version: string, models?: string[]) => {
  const answer = { type: 'control_response', response: { response: { models: models?.map((value) => ({ value })) } } };
  return `#!/bin/sh\nif [ "$1" = --version ]; then echo "${version}"; else cat >/dev/null; echo noise; ${models ? `echo '${JSON.stringify(answer)}'` : ':'}; fi\n`;
};

it('finds version and models of the real one, without a key', async () => {
  const found = await probe(program);
  expect(found).toMatchObject({
    state: 'ready',
    reason: null,
    version: path.basename(path.join(program, '../../../..')).slice(12),
  });
  expect(found.models.length).toBeGreaterThan(2);
  expect(found.models.every(({ id }) => /^claude-[a-z0-9-]+$/.test(id))).toBe(true);
  expect(new Set(found.models.map(({ id }) => id)).size).toBe(found.models.length);
  expect(found.models.map(({ tier }) => tier)).toContain('frontier');
  // npm's package for this platform holds the binary and nothing else.
  expect(found.installRoots).toEqual([path.dirname(program)]);
});

it('needs only the file itself where it lies among other things, and the versions directory of the vendor’s installer', async () => {
  const same = async (name: string) => {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    // A copy of 400 MB only where no hard link can be made.
    await link(program, file).catch(() => copyFile(program, file));
    return file;
  };
  const loose = await same('Downloads/claude');
  expect((await probe(loose)).installRoots).toEqual([loose]);
  const own = await same('.local/share/claude/versions/2.1.331');
  expect((await probe(own)).installRoots).toEqual([path.dirname(own)]);
});

it('needs the whole package where the program is a script of it', async () => {
  await put('lib/package.json', JSON.stringify({ name: '@anthropic-ai/claude-code' }), 0o644);
  const file = await put('lib/bin/cli.js', fake('2.1.400 (Claude Code)', ['claude-x-1', 'claude-x-1[1m]', 'default']));
  expect(await probe(file)).toEqual({
    version: '2.1.400',
    state: 'ready',
    reason: null,
    installRoots: [path.join(root, 'lib')],
    models: [{ id: 'claude-x-1', tier: 'any' }],
  });
});

it.each<[string, string, string, string | null, RegExp]>([
  ['another program', '#!/bin/sh\necho 3.4.5', 'unsupported', null, /does not say that it is Claude Code/],
  ['an old one', fake('2.0.76 (Claude Code)'), 'unsupported', '2.0.76', /older than 2\.1\.197: run `claude update`/],
  [
    'a wrapper of somebody',
    fake('2.1.331 (Claude Code)'),
    'unsupported',
    '2.1.331',
    /name the program itself in runtimes\.claude-code\.path/,
  ],
  ['one that fails', '#!/bin/sh\necho broken >&2; exit 7', 'unavailable', null, /ends with status 7: broken/],
  [
    'npm’s placeholder',
    '#!/bin/sh\necho "Error: claude native binary not installed." >&2; exit 1',
    'unavailable',
    null,
    /without its binary: run `npm install/,
  ],
  ['no program', '\u007fELF', 'unavailable', null, /cannot be started|ends with status/],
])('says what is wrong with %s', async (_what, text, state, version, reason) => {
  const found = await probe(await put('bin/claude', text));
  expect(found).toMatchObject({ state, version, reason: expect.stringMatching(reason), models: [] });
});

it('does not call one ready that does not answer on its protocol', async () => {
  await put('lib/package.json', JSON.stringify({ name: '@anthropic-ai/claude-code' }), 0o644);
  const found = await probe(await put('lib/cli.js', fake('2.9.9 (Claude Code)')));
  expect(found).toMatchObject({
    version: '2.9.9',
    state: 'unsupported',
    reason: expect.stringContaining('JSON protocol'),
  });
});

it('leaves nothing in the user’s HOME', async () => {
  await probe(program);
  expect(await readdir(root)).toEqual(['scratch']);
});
