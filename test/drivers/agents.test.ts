import { execFileSync } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadAgents } from '../../src/drivers/agents.ts';
import { put, tempDir } from '../fixtures/temp.ts';

const dir = tempDir();
const shippedDir = join(import.meta.dirname, '../../agents');
let n = 0;
async function load(
  files: { user?: Record<string, string>; project?: Record<string, string> },
  prepare?: (root: string) => Promise<void>,
) {
  const base = join(dir, String(n++));
  const places = { shippedDir, configDir: join(base, 'config'), projectRoot: join(base, 'project') };
  for (const [name, text] of Object.entries(files.user ?? {})) await put(join(places.configDir, 'agents', name), text);
  for (const [name, text] of Object.entries(files.project ?? {}))
    await put(join(places.projectRoot, '.pancode/agents', name), text);
  await prepare?.(places.projectRoot);
  return loadAgents(places);
}
const front = (lines: string) => `---\n${lines}\n---\nDo things.\n`;
const complete = 'name: mine\ndescription: d\nreadonly: true\ntier: small\nspeed: fast';

describe('loadAgents', () => {
  it('does not take the constitution for an agent', async () => {
    const { agents, constitution } = await load({});
    expect(agents).toHaveLength(7);
    expect(constitution).toMatch(/^You are one worker of PanCode/);
  });

  it('adds the user’s agents, and lets them replace a shipped one', async () => {
    const { agents } = await load({
      user: { 'mine.md': front(complete), 'b.md': front(complete.replace('mine', 'builder')).replaceAll('\n', '\r\n') },
    });
    expect(agents).toHaveLength(8);
    expect(agents.find(({ name }) => name === 'builder')).toMatchObject({
      source: 'user',
      readonly: true,
      prompt: 'Do things.',
    });
  });

  it('lets a project add text and the read-only flag', async () => {
    const { agents } = await load({
      project: { 'builder.md': front('readonly: true'), 'scout.md': 'Look at docs/ first.' },
    });
    expect(agents.find(({ name }) => name === 'builder')).toMatchObject({
      source: 'project',
      readonly: true,
      tier: 'frontier',
    });
    expect(agents.find(({ name }) => name === 'scout')!.prompt).toMatch(/<!-- project -->\nLook at docs\/ first\.$/);
  });

  it.each([
    ['user', front(`${complete}\nreadOnly: true`), 'unknown key "readOnly". Did you mean "readonly"?'],
    [
      'user',
      front(complete.replace('small', 'smal')),
      'tier is wrong: it is "smal", which is none of any, small, mid, frontier. Did you mean "small"?',
    ],
    ['user', front(complete.replace('tier: small\n', '')), 'the key "tier" is missing'],
    ['user', front(complete.replace('mine', 'My Agent')), 'name is wrong'],
    ['user', front(`${complete}\ntools: bash`), 'tools is wrong'],
    ['user', front(complete).replace('Do things.\n', ''), 'has no prompt'],
    ['user', 'Only text.', 'is missing'],
    ['user', front('- a'), 'the front matter is wrong'],
    ['user', front('a: ['), 'not valid YAML'],
    ['project', front('readonly: false'), 'may not set readonly to false'],
    ['project', front('tier: frontier'), 'may not set tier'],
    ['project', front('run: true'), 'may not set run'],
    ['project', front('tools: [dispatch]'), 'may not set tools'],
  ] as const)('%s: %s', async (where, text, sentence) => {
    const files = where === 'user' ? { user: { 'x.md': text } } : { project: { 'builder.md': text } };
    await expect(load(files)).rejects.toMatchObject({ exit: 2, message: expect.stringContaining(sentence) });
    await expect(load(files)).rejects.toMatchObject({
      message: expect.stringContaining(where === 'user' ? 'x.md' : 'builder.md'),
    });
  });

  it('refuses a project’s file for an agent that does not exist, and two files of one name', async () => {
    await expect(load({ project: { 'bilder.md': 'x' } })).rejects.toThrow(/Did you mean "builder"/);
    await expect(load({ user: { 'a.md': front(complete), 'b.md': front(complete) } })).rejects.toThrow(
      /already defines/,
    );
  });

  it('reads neither a link that leaves the project nor a pipe', async () => {
    const secret = await put(join(dir, 'secret'), 'token');
    const agentsDir = (root: string) => join(root, '.pancode/agents');
    const prepared = (make: (folder: string) => Promise<void>) =>
      load({}, async (root) => {
        await mkdir(agentsDir(root), { recursive: true });
        await make(agentsDir(root));
      });
    await expect(prepared((folder) => symlink(secret, join(folder, 'scout.md')))).rejects.toThrow(
      /not a readable file inside the project/,
    );
    await expect(prepared(async (folder) => void execFileSync('mkfifo', [join(folder, 'scout.md')]))).rejects.toThrow(
      /not a readable file/,
    );
  });
});
