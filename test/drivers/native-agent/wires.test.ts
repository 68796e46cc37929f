/** The native agent on every wire and on every engine, through a real gateway: what is counted equals what the simulated model sent. */
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { usageOf } from '../../../src/core/usage.ts';
import { startGateway } from '../../../src/drivers/gateway/server.ts';
import native from '../../../src/drivers/runtimes/native.ts';
import type { ScriptInput } from '../../../src/drivers/simulated/script.ts';
import { type Simulated, startSimulated } from '../../../src/drivers/simulated/server.ts';
import type { MeteredRequest } from '../../../src/protocol/usage.ts';
import { WIRES, type Wire } from '../../../src/protocol/words.ts';
import { collect, endOf } from '../../conformance/runtimes.ts';
import { bundleNativeAgent } from '../../fixtures/native-agent.ts';
import { testJob, testRunHost } from '../../fixtures/run-host.ts';

let bundle: string;
let command: string[];
beforeAll(async () => {
  bundle = await mkdtemp(path.join(tmpdir(), 'pancode-agent-'));
  command = await bundleNativeAgent(bundle);
});
afterAll(() => rm(bundle, { recursive: true, force: true }));

const clean: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of clean.splice(0).reverse()) await undo();
});

/** An error in the middle of a stream that began well. */
const BROKEN = Object.fromEntries([['then', 'error']]);
const USAGE = { input: 1_100, cacheRead: 1_200, cacheWrite: 50, output: 70, reasoning: 20 };
const WRITES: ScriptInput['conversations'][number]['turns'] = [
  {
    thinking: 'Erst denken 🤔',
    text: 'I write both.',
    calls: [{ write: { path: 'a b.txt', content: 'ü\n' } }, { write: { path: 'c.txt', content: 'c\n' } }],
    usage: USAGE,
  },
  { thinking: 'Und lesen.', calls: [{ read: 'a b.txt' }], usage: USAGE },
  { text: 'Done: {lastResult}', usage: { output: 9 } },
];

/** Runs the agent in a directory of its own. */
async function run(script: ScriptInput, wire: Wire, model: string, change: { waitMs?: number } = {}) {
  const cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode wires-')));
  clean.push(() => rm(cwd, { recursive: true, force: true }));
  const server: Simulated = await startSimulated({ script });
  clean.push(() => server.close());
  const metered: MeteredRequest[] = [];
  const socketDir = path.join(cwd, '.gateway');
  await mkdir(socketDir);
  const gateway = await startGateway({
    socketDir,
    listenTcp: true,
    upstream: { wire, baseUrl: server.url, apiKeyEnv: 'KEY', billing: 'simulated' },
    apiKey: 'the-real-key',
    token: 'dispatch-token',
    model,
    refuse: () => null,
    onRequest: () => {},
    onFinished: (request) => metered.push(request),
  });
  clean.push(() => gateway.close());
  const endpoint = { baseUrl: `http://127.0.0.1:${gateway.port}`, token: 'dispatch-token', wire };
  const host = testRunHost({ cwd, nativeCommand: command, endpoint });
  clean.push(() => host.close());
  const job = testJob(cwd);
  const events = await collect(
    native.run(
      {
        ...job,
        worker: { ...job.worker, model },
        limits: { ...job.limits, waitMs: change.waitMs ?? 5_000 },
        prompt: { ...job.prompt, task: '# Task\n\nWrite it' },
      },
      host,
    ),
  );
  await gateway.close();
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every wire.
  const bodies = server.requests.map((request) => request.body as any);
  return { cwd, server, events, end: endOf(events), usage: usageOf(metered, null, null), metered, bodies };
}

describe.each(WIRES)('on %s', (wire) => {
  it('works through a conversation, and its tokens are those the server sent', async () => {
    const { cwd, server, events, end, usage, metered } = await run({ conversations: [{ turns: WRITES }] }, wire, 'm1');
    expect(end).toMatchObject({ status: 'succeeded', turns: 3 });
    expect(await readFile(path.join(cwd, 'a b.txt'), 'utf8')).toBe('ü\n');
    expect(await readFile(path.join(cwd, 'c.txt'), 'utf8')).toBe('c\n');
    expect(end.answer).toMatch(/^Done: .*ü/s);
    expect(
      events
        .filter((event) => event.type === 'reasoning')
        .map((event) => event.text)
        .join(''),
    ).toBe('Erst denken 🤔Und lesen.');
    const { input, cacheRead, cacheWrite, output, reasoning, requests } = server.sent;
    expect(usage).toMatchObject({ input, cacheRead, output, reasoning, requests, grade: 'measured' });
    expect(usage.cacheWrite).toBe(wire === 'anthropic-messages' ? cacheWrite : null);
    expect([requests, cacheRead, output, reasoning]).toEqual([3, 2_400, 149, 40]);
    expect(metered.map((request) => request.model)).toEqual(['m1', 'm1', 'm1']);
    expect(new Set(server.requests.map((request) => request.key))).toEqual(new Set(['the-real-key']));
    expect(JSON.stringify(server.requests)).not.toContain('dispatch-token');
  });

  it.each([
    ['waits for a limit as long as it is told', [{ status: 429, retryAfter: 0.01, times: 3 }], [10, 10, 10]],
    // In a Chat Completions stream an error has no status that would tell whether asking again helps.
    [
      'tries again after a server error, and after an error inside a stream',
      [{ status: 503 }, wire === 'openai-chat' ? { status: 502 } : BROKEN],
      [1_000, 2_000],
    ],
  ])('%s', async (_, fail, delays) => {
    const { server, end, events } = await run({ conversations: [{ turns: [{ text: 'Well.', fail }] }] }, wire, 'm1');
    expect(end).toMatchObject({ status: 'succeeded', answer: expect.stringContaining('Well.') });
    expect(events.flatMap((event) => (event.type === 'retry' ? [event.delayMs] : []))).toEqual(delays);
    expect(server.requests.map((request) => request.attempt)).toEqual([1, ...delays.map((_, n) => n + 2)]);
  });

  it.each([
    [
      'a wrong key',
      { status: 401, message: 'Nobody knows you.' },
      'auth-required',
      /refused the key \(401\): Nobody knows you\./,
    ],
    ['a limit beyond its patience', { status: 429, retryAfter: 900 }, 'rate-limited', /It asks to wait 900 s\./],
    ['a request that is refused', { status: 400, message: 'Too long.' }, 'failed', /answered 400: Too long\./],
  ])('ends at once with %s', async (_, failure, status, reason) => {
    const { end, server } = await run({ conversations: [{ turns: [{ text: 'x', fail: [failure] }] }] }, wire, 'm1');
    expect(end).toMatchObject({ status, reason: expect.stringMatching(reason) });
    expect(server.requests).toHaveLength(1);
  });

  it.each(['cut', 'unfinished', 'garbage'])('an answer that ends in %s is no success', async (then) => {
    const turn = {
      text: 'One, two, three, four, five, six, seven, eight, nine, ten.',
      ...Object.fromEntries([['then', then]]),
    };
    const { end } = await run({ conversations: [{ turns: [turn] }] }, wire, 'm1');
    expect(end).toMatchObject({ status: 'failed', ok: false });
  });
});

it('Responses: nothing is kept at the service, and reasoning goes back as it came', async () => {
  const { bodies, end } = await run({ conversations: [{ turns: WRITES }] }, 'openai-responses', 'gpt-5.5');
  expect(end.status).toBe('succeeded');
  expect(bodies.map((body) => [body.store, body.include, body.previous_response_id])).toEqual(
    Array(3).fill([false, ['reasoning.encrypted_content'], undefined]),
  );
  const reasoning = bodies[2].input.filter((item: { type?: string }) => item.type === 'reasoning');
  expect(reasoning).toMatchObject([{ encrypted_content: 'c2ltdWxhdGVk' }, { encrypted_content: 'c2ltdWxhdGVk' }]);
});

it('Gemini 3 gets the signatures of its calls back', async () => {
  const { bodies, end } = await run({ conversations: [{ turns: WRITES }] }, 'gemini', 'gemini-3-pro-preview');
  expect(end.status).toBe('succeeded');
  const parts = bodies[2].contents.flatMap((content: { parts: object[] }) => content.parts);
  const calls = parts.filter((part: object) => 'functionCall' in part);
  expect(calls.map((part: { thoughtSignature?: string }) => part.thoughtSignature)).toEqual([
    'c2ltdWxhdGVk',
    undefined,
    'c2ltdWxhdGVk',
  ]);
});

describe.each([
  ['ollama', 'qwen3:8b'],
  ['lmstudio', 'qwen/qwen3-8b'],
  ['lmstudio-v0', 'qwen/qwen3-8b'],
  ['llamacpp', 'qwen3-8b-Q4_K_M.gguf'],
] as const)('on a server posing as %s', (engine, model) => {
  it('works with a window of 8k, and its tokens are those the server sent', async () => {
    const { cwd, server, end, usage } = await run(
      { pose: engine, conversations: [{ turns: WRITES }] },
      'openai-chat',
      model,
    );
    expect(end).toMatchObject({ status: 'succeeded', turns: 3 });
    expect(await readFile(path.join(cwd, 'c.txt'), 'utf8')).toBe('c\n');
    const { input, output, requests, cacheRead } = server.sent;
    expect(usage).toMatchObject({ input, output, requests, grade: 'measured' });
    expect([usage.cacheRead, cacheRead]).toEqual(engine === 'llamacpp' ? [2_400, 2_400] : [null, 0]);
  });
});
