import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEMO_SCRIPT } from '../../../src/drivers/simulated/demo-script.ts';
import { matcher, parseScript, readScript } from '../../../src/drivers/simulated/script.ts';
import { PanError } from '../../../src/protocol/error.ts';
import { put, tempDir } from '../../fixtures/temp.ts';

const dir = tempDir();

function fault(data: unknown): string {
  try {
    parseScript(data, 'test.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(PanError);
    expect(error).toMatchObject({ code: 'script', exit: 2, do: expect.stringContaining('docs/simulated-model.md') });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}
const turn = (fields: object) => ({ conversations: [{ turns: [fields] }] });

describe('a script', () => {
  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /^test.yaml: the whole script: /],
    ['a list', [], /the whole script: /],
    ['no conversation', { conversations: [] }, /^test.yaml: conversations: /],
    ['no turns', { conversations: [{ turns: [] }] }, /conversations\[0\]\.turns: /],
    ['an unknown key', { conversation: [] }, /conversations: |unknown key "conversation"/],
    [
      'a key typed wrong',
      turn({ txt: 'x' }),
      /unknown key "conversations\[0\]\.turns\[0\]\.txt"\. Did you mean "text"\?$/,
    ],
    [
      'a key typed wrong deep inside',
      turn({ usage: { cachRead: 1 } }),
      /usage\.cachRead"\. Did you mean "cacheRead"\?$/,
    ],
    ['a call typed wrong', turn({ calls: [{ wirte: {} }] }), /calls\[0\]\.wirte"\. Did you mean "write"\?$/],
    ['an empty call', turn({ calls: [{}] }), /calls\[0\]: a call holds exactly one of write, edit/],
    ['two calls in one', turn({ calls: [{ read: 'a', run: 'b' }] }), /calls\[0\]: a call holds exactly one of/],
    [
      'a call without arguments',
      turn({ calls: [{ call: { name: 'ls' } }] }),
      /calls\[0\]\.call\.args: neither a map nor/,
    ],
    ['a number as text', turn({ text: 5 }), /turns\[0\]\.text: .*string/],
    ['half a token', turn({ usage: { input: 1.5 } }), /usage\.input: /],
    ['an ending that is none', turn({ then: 'stop' }), /turns\[0\]\.then: .*"cut"/],
    ['a failure of two kinds', turn({ fail: [{ status: 500, then: 'cut' }] }), /fail\[0\]: a failure holds either/],
    ['a failure of no kind', turn({ fail: [{ times: 2 }] }), /fail\[0\]: a failure holds either/],
    ['a failure that succeeds', turn({ fail: [{ status: 200 }] }), /fail\[0\]\.status: /],
    [
      'a broken pattern',
      { conversations: [{ when: '/(/', turns: [{}] }] },
      /conversations\[0\]\.when: not a regular expr/,
    ],
    [
      'a conversation that is never reached',
      { conversations: [{ turns: [{}] }, { when: 'x', turns: [{}] }] },
      /conversations\[0\]: .*never reached/,
    ],
  ])('is refused with its key: %s', (_name, data, message) => expect(fault(data)).toMatch(message));

  it('conditions are text or a pattern', () => {
    expect(matcher('a.b')!('xa.bx')).toBe(true);
    expect(matcher('a.b')!('aXb')).toBe(false);
    const pattern = matcher('/^a.b$/i')!;
    // The same answer however often it is asked.
    expect([pattern('AxB'), pattern('AxB'), pattern('xAxB')]).toEqual([true, true, false]);
    expect(matcher('src/app')!('in src/app.js')).toBe(true);
  });

  it('comes from YAML or JSON', async () => {
    const script = { conversations: [{ turns: [{ text: 'x' }] }] };
    const yaml = await put(path.join(dir, 'a.yaml'), 'conversations:\n  - turns: [{text: x}]\n');
    const json = await put(path.join(dir, 'a.json'), JSON.stringify(script));
    expect(await readScript(yaml)).toEqual(await readScript(json));
    expect(await readScript(json)).toEqual(parseScript(script, 'x'));
  });

  it.each([
    ['is not there', null, /cannot be read \(ENOENT\)/],
    ['is no YAML', 'a: [', /is not valid YAML/],
    ['is empty', '', /the whole script/],
    ['names a key twice', 'models: [a]\nmodels: [b]\n', /not valid YAML.*unique/],
  ])('a file that %s is refused by its name', async (name, text, message) => {
    const file = path.join(dir, `${name}.yaml`);
    if (text !== null) await put(file, text);
    const error = await readScript(file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PanError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(file);
  });

  it('of the demo is valid', () => {
    expect(parseScript(DEMO_SCRIPT, 'demo').conversations.at(-1)).not.toHaveProperty('when');
  });

  it('of the documentation is valid and uses every key it describes', async () => {
    const page = readFileSync(path.join(import.meta.dirname, '../../../docs/simulated-model.md'), 'utf8');
    const [example] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)]
      .map((match) => match[1]!)
      .filter((text) => /^models:/.test(text));
    const script = await readScript(await put(path.join(dir, 'docs.yaml'), example!));
    expect(script.models).toEqual(['m1']);
    expect(script.conversations).toHaveLength(4);
    expect(script.conversations[1]!.turns[1]).toMatchObject({
      usage: { input: 1100, cacheRead: 1200, cacheWrite: 50, output: 70, reasoning: 20 },
      fail: [
        { status: 429, retryAfter: 1, times: 2 },
        { then: 'cut', times: 1 },
      ],
    });
  });

  it('of the documentation poses as it says', async () => {
    const page = readFileSync(path.join(import.meta.dirname, '../../../docs/simulated-model.md'), 'utf8');
    const example = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)]
      .map((match) => match[1]!)
      .find((text) => /^pose:/.test(text));
    const { pose } = await readScript(await put(path.join(dir, 'pose.yaml'), example!));
    expect(pose).toMatchObject({
      engine: 'ollama',
      old: true,
      models: [{ context: 8192 }, { remote: true }, { embedding: true }],
    });
    expect(parseScript({ pose: 'llamacpp', conversations: [{ turns: [{}] }] }, 'x').pose).toEqual({
      engine: 'llamacpp',
      old: false,
    });
  });
});
