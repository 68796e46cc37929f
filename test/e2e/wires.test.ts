/** The same dispatch on every wire and on every local engine: the receipt says what the server's log says. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Simulated, startSimulated } from '../../src/drivers/simulated/server.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { createUser, dirtyRepository, type User } from '../fixtures/pancode.ts';

const KEY = 'the-real-key-0123456789';
const usage = { input: 1_100, cacheRead: 1_200, output: 70, reasoning: 20 };
const conversations = [
  {
    turns: [
      { thinking: 'I look at it.', calls: [{ read: 'src/app.js' }], usage },
      { calls: [{ write: { path: 'docs/new note.md', content: 'ü\n' } }], usage },
      { text: 'It is written: {lastResult}', usage },
    ],
  },
];

let user: User | undefined;
let model: Simulated | undefined;
afterEach(async () => {
  await user?.close();
  await model?.close();
  user = model = undefined;
});

async function dispatch(provider: string, id: string, script: object, suffix = '') {
  model = await startSimulated({ script });
  const endpoint = { id: 'lab', provider, url: model.url + suffix, models: [{ id, tier: 'frontier' }] };
  const keyed = ['anthropic', 'openai', 'google', 'openai-compatible'].includes(provider)
    ? { apiKeyEnv: 'LAB_KEY' }
    : {};
  user = createUser({
    env: { LAB_KEY: KEY },
    config: { discover: false, endpoints: [{ ...endpoint, ...keyed }] },
  });
  dirtyRepository(user);
  const ran = await user.json<Receipt>([
    'dispatch',
    'builder',
    'Write the note',
    '--worker',
    `native/lab/${id}`,
    '--safety',
    'full-auto',
  ]);
  return { ...ran, model, note: path.join(user.project, 'docs/new note.md') };
}

describe.each([
  ['anthropic', 'claude-sonnet-5', ''],
  ['openai', 'gpt-5.5', '/v1/'],
  ['openai-compatible', 'org/m1', '/v1'],
  ['google', 'gemini-2.5-pro', '/v1beta'],
])('provider %s', (provider, id, suffix) => {
  it('works, and the receipt’s tokens are those the server sent', async () => {
    const { value: receipt, code, model, note } = await dispatch(provider, id, { conversations }, suffix);
    expect([receipt.outcome, code]).toMatchObject([{ status: 'succeeded' }, 0]);
    expect(fs.readFileSync(note, 'utf8')).toBe('ü\n');
    const { input, cacheRead, output, reasoning } = model.sent;
    expect(receipt.usage).toMatchObject({ input, cacheRead, output, reasoning, requests: 3, grade: 'measured' });
    expect([input, cacheRead, output, reasoning]).toEqual([3_300, 3_600, 210, 60]);
    const asked = model.requests.filter((request) => request.wire !== null);
    expect(new Set(asked.map((request) => request.key))).toEqual(new Set([KEY]));
    expect(receipt.cost).toMatchObject({ billing: 'simulated' });
  });
});

describe.each([
  ['ollama', 'ollama', 'qwen3:8b'],
  ['lmstudio', 'lmstudio', 'qwen/qwen3-8b'],
  ['lmstudio', 'lmstudio-v0', 'qwen/qwen3-8b'],
  ['llamacpp', 'llamacpp', 'qwen3-8b-Q4_K_M.gguf'],
])('provider %s on a server posing as %s', (provider, engine, id) => {
  it('works, and the receipt’s tokens are those the server sent', async () => {
    const { value: receipt, code, model, note } = await dispatch(provider, id, { pose: engine, conversations });
    expect([receipt.outcome, code]).toMatchObject([{ status: 'succeeded' }, 0]);
    expect(fs.readFileSync(note, 'utf8')).toBe('ü\n');
    const { input, cacheRead, output } = model.sent;
    expect(receipt.usage).toMatchObject({ input, output, requests: 3, grade: 'measured' });
    expect(receipt.usage.cacheRead).toBe(engine === 'llamacpp' ? cacheRead : null);
  });
});

it('a conversation that outgrows the window in use ends with the reason before the engine cuts it, and its work is kept', async () => {
  const turns = [
    { calls: [{ run: 'yes a line of text | head -n 2000 > big.txt' }], usage: { input: 4_000 } },
    { calls: [{ read: 'big.txt' }], usage: { input: 7_900 } },
    { text: 'never asked for' },
  ];
  const script = {
    pose: { engine: 'ollama', models: [{ id: 'qwen3:8b', context: 8_192 }] },
    conversations: [{ turns }],
  };
  const { value: receipt, code, model } = await dispatch('ollama', 'qwen3:8b', script);
  expect(code).toBe(1);
  expect(receipt.outcome).toMatchObject({
    status: 'failed',
    reason: expect.stringContaining('window in use holds 8192'),
  });
  expect(receipt.changes.files.map((file) => file.path)).toEqual(['big.txt']);
  expect(model.requests.filter((request) => request.wire !== null)).toHaveLength(2);
});
