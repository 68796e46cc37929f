import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import native from '../../../src/drivers/runtimes/native.ts';
import type { AgentEvent } from '../../../src/protocol/event.ts';
import type { Job } from '../../../src/protocol/job.ts';
import type { Wire } from '../../../src/protocol/words.ts';
import { collect, describeRuntime, endOf, until } from '../../conformance/runtimes.ts';
import { bundleNativeAgent } from '../../fixtures/native-agent.ts';
import { type TestHost, type TestHostOptions, testJob, testRunHost } from '../../fixtures/run-host.ts';
import { type ScriptedModel, type ScriptedTurn, scriptedModel } from '../../fixtures/scripted-model.ts';

let bundle: string;
let command: string[];
beforeAll(async () => {
  bundle = await mkdtemp(path.join(tmpdir(), 'pancode-agent-'));
  command = await bundleNativeAgent(bundle);
});
afterAll(() => rm(bundle, { recursive: true, force: true }));

const endpoint = (model: { url: string }, wire: Wire) => ({ baseUrl: model.url, token: 'dispatch-token', wire });

describeRuntime(native, {
  job: (cwd) => testJob(cwd),
  succeed: async (cwd) => {
    const model = await scriptedModel('openai-chat', [{ calls: [{ name: 'ls', args: {} }] }, { text: 'done' }]);
    const host = testRunHost({ cwd, nativeCommand: command, endpoint: endpoint(model, 'openai-chat') });
    return { host, close: () => model.close() };
  },
});

describe.each(['openai-chat', 'anthropic-messages'] as const)('native on %s', (wire) => {
  let cwd: string;
  let model: ScriptedModel | null = null;
  let host: TestHost;
  beforeEach(async () => {
    cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode native-')));
  });
  afterEach(async () => {
    await host.close();
    await model?.close();
    model = null;
    await rm(cwd, { recursive: true, force: true });
  });

  const start = async (turns: ScriptedTurn[], options: Partial<TestHostOptions> = {}, change: Partial<Job> = {}) => {
    model = await scriptedModel(wire, turns);
    host = testRunHost({ cwd, nativeCommand: command, endpoint: endpoint(model, wire), ...options });
    return native.run(
      testJob(cwd, { ...change, upstream: { wire, baseUrl: model.url, apiKeyEnv: null, billing: 'simulated' } }),
      host,
    );
  };
  const run = async (...args: Parameters<typeof start>) => collect(await start(...args));
  const results = (events: AgentEvent[]) => events.filter((event) => event.type === 'tool-result');
  const toolTexts = (request: number) => JSON.stringify(model?.requests[request]?.body.messages);

  it('edits files, runs commands, answers, and asks before each change', async () => {
    await writeFile(path.join(cwd, 'a.ts'), 'export const a = 1;\n');
    const events = await run([
      {
        text: 'I look.',
        calls: [
          { name: 'read', args: { path: 'a.ts' } },
          { name: 'grep', args: { pattern: 'const' } },
        ],
      },
      { calls: [{ name: 'edit', args: { path: 'a.ts', old: 'a = 1', new: 'a = 2' } }] },
      {
        calls: [
          { name: 'write', args: { path: 'b/c.ts', content: 'x\n' } },
          { name: 'bash', args: { command: 'cat a.ts b/c.ts' } },
        ],
      },
      { text: 'Changed a and added c.' },
    ]);
    expect(await readFile(path.join(cwd, 'a.ts'), 'utf8')).toBe('export const a = 2;\n');
    expect(toolTexts(3)).toContain('export const a = 2;\\nx');
    expect(host.asked.map(({ action, subject }) => [action, subject])).toEqual([
      ['file.write', 'a.ts'],
      ['file.write', 'b/c.ts'],
      ['command.run', 'cat a.ts b/c.ts'],
    ]);
    expect(events.filter((event) => event.type === 'tool').map((event) => event.action)).toEqual([
      'file.read',
      'search',
      'file.write',
      'file.write',
      'command.run',
    ]);
    expect(results(events).every((event) => event.ok && !event.denied)).toBe(true);
    expect(endOf(events)).toEqual({
      type: 'end',
      ok: true,
      status: 'succeeded',
      reason: 'The agent finished.',
      answer: 'Changed a and added c.',
      turns: 4,
    });
    const text = events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('|');
    expect(text.replaceAll('|', '')).toBe('I look.Changed a and added c.');
  });

  it('sends the token, and only ever adds to the conversation', async () => {
    await run([
      { calls: [{ name: 'ls', args: {} }] },
      { calls: [{ name: 'find', args: { pattern: '*' } }] },
      { text: 'ok' },
    ]);
    const bodies = model!.requests.map((request) => request.body);
    const header = wire === 'openai-chat' ? 'authorization' : 'x-api-key';
    expect(model!.requests[0]!.headers[header]).toContain('dispatch-token');
    expect(model!.requests[0]!.path).toBe(wire === 'openai-chat' ? '/v1/chat/completions' : '/v1/messages');
    const plain = (value: unknown) =>
      JSON.stringify(value, (key, inner) => (key === 'cache_control' ? undefined : inner));
    for (const [n, body] of bodies.entries()) {
      expect(plain(body.system ?? null)).toBe(plain(bodies[0]!.system ?? null));
      expect(plain(body.tools)).toBe(plain(bodies[0]!.tools));
      const before = bodies[n - 1]?.messages ?? [];
      expect(plain(body.messages.slice(0, before.length))).toBe(plain(before));
    }
    if (wire === 'anthropic-messages') {
      expect(bodies[2]!.system![0]!.cache_control).toEqual({ type: 'ephemeral' });
      expect(JSON.stringify(bodies[2]!.messages.at(-1))).toContain('"cache_control"');
      expect(JSON.stringify(bodies[2]).match(/"cache_control"/g)).toHaveLength(2);
    }
  });

  it('tells a denial to the model with its reason, and does nothing', async () => {
    const events = await run(
      [{ calls: [{ name: 'write', args: { path: 'no', content: '' } }] }, { text: 'I was not allowed.' }],
      {
        ask: async () => ({ allow: false, reason: 'because I say so' }),
      },
    );
    expect(existsSync(path.join(cwd, 'no'))).toBe(false);
    expect(results(events)).toMatchObject([{ ok: false, denied: true }]);
    expect(toolTexts(1)).toContain('Denied: because I say so');
  });

  it('offers a reader no tool that writes, and a reader without sandbox no shell', async () => {
    const stance = { mode: 'build', safety: 'auto-edit', readonly: true } as const;
    await run([{ text: 'ok' }], {}, { stance });
    const names = () => model!.requests[0]!.body.tools.map((tool) => tool.name ?? tool.function?.name);
    expect(names()).toEqual(['read', 'ls', 'find', 'grep', 'bash']);
    await model!.close();
    const events = await run(
      [{ calls: [{ name: 'bash', args: { command: 'touch x' } }] }, { text: 'ok' }],
      {},
      { stance, unsandboxed: true },
    );
    expect(names()).toEqual(['read', 'ls', 'find', 'grep']);
    expect(results(events)).toMatchObject([{ ok: false, summary: expect.stringContaining('There is no tool "bash"') }]);
    expect(existsSync(path.join(cwd, 'x'))).toBe(false);
  });

  it('lets the model correct wrong calls', async () => {
    const events = await run([
      {
        calls: [
          { name: 'read', args: { file: 'a' } },
          { name: 'raed', args: {} },
          { name: 'read', args: '{"path": ' },
        ],
      },
      { calls: [{ name: 'ls', args: { path: null } }] },
      { text: 'ok' },
    ]);
    const texts = toolTexts(1);
    expect(texts).toContain('Wrong arguments for read: path');
    expect(texts).toContain('Did you mean \\"read\\"');
    expect(texts).toContain('not a JSON object');
    expect(results(events).map((event) => event.ok)).toEqual([false, false, false, true]);
    expect(endOf(events).ok).toBe(true);
  });

  it('uses no call id twice', async () => {
    const call = { name: 'ls', args: {}, id: 'call_0' };
    const events = await run([{ calls: [call] }, { calls: [call] }, { text: 'ok' }]);
    const ids = results(events).map((event) => event.callId);
    expect(new Set(ids).size).toBe(2);
  });

  it('waits as long as a limit asks, and says so', async () => {
    const events = await run([
      { status: 429, headers: { 'retry-after': '0' } },
      { status: 503, headers: { 'retry-after-ms': '5' } },
      { text: 'ok' },
    ]);
    expect(events.filter((event) => event.type === 'retry')).toEqual([
      { type: 'retry', status: 429, attempt: 1, delayMs: 0 },
      { type: 'retry', status: 503, attempt: 2, delayMs: 5 },
    ]);
    expect(endOf(events).ok).toBe(true);
  });

  it.each<[string, ScriptedTurn, string, RegExp]>([
    [
      'a limit too long to wait for',
      { status: 429, headers: { 'retry-after': '3600' } },
      'rate-limited',
      /lab .*limit \(429\): scripted 429 .*3600 s/,
    ],
    ['a refused key', { status: 401 }, 'auth-required', /lab .*refused the key \(401\): scripted 401/],
    ['a forbidden model', { status: 403 }, 'auth-required', /403/],
    ['no money', { status: 402, body: '{"error":{"message":"pay\\nup"}}' }, 'failed', /answered 402: pay up/],
    ['a wrong request, told in no JSON', { status: 400, body: '<html>' }, 'failed', /answered 400: <html>/],
    [
      'a server that stays broken',
      { status: 500, headers: { 'retry-after': '0' } },
      'failed',
      /answered 500: scripted 500/,
    ],
    ['a stream that is cut', { text: 'half', after: 'destroy' }, 'failed', /model server lab/],
    ['a stream that just ends', { text: 'half', after: 'end' }, 'failed', /model server lab/],
    ['an answer without a finish reason', { text: 'half', finish: '' }, 'failed', /model server lab/],
    ['a stream of nothing', { body: '' }, 'failed', /model server lab/],
    ['garbage instead of a stream', { body: 'data: {"what": \n\ndata: [1]\n\n' }, 'failed', /model server lab/],
    ['nothing, twice', {}, 'failed', /answered with nothing, twice/],
    ['replies cut at the limit, again and again', { text: 'la', finish: 'length' }, 'failed', /output limit 3 times/],
  ])('ends honestly after %s', async (_name, turn, status, reason) => {
    const end = endOf(await run([turn]));
    expect(end).toMatchObject({ ok: false, status, answer: null });
    expect(end.reason).toMatch(reason);
    expect(end.reason).not.toContain('\n');
  });

  it('goes on after one reply that was cut, and the answer is whole', async () => {
    const events = await run([{ text: 'one ', finish: 'length' }, { text: 'two' }]);
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'one two', turns: 2 });
  });

  it('nudges once about an empty reply', async () => {
    expect(endOf(await run([{}, { text: 'here' }]))).toMatchObject({ ok: true, answer: 'here' });
  });

  it('stops at its turn cap and at a call repeated for ever', async () => {
    const turn = { calls: [{ name: 'ls', args: {} }] };
    const limits = { ...testJob(cwd).limits, turns: 2 };
    expect(endOf(await run([turn], {}, { limits }))).toMatchObject({ ok: false, status: 'failed', turns: 2 });
    expect(model!.requests).toHaveLength(2);
    await model!.close();
    const end = endOf(await run([turn]));
    expect(end.reason).toContain('repeated the same call');
    expect(toolTexts(3)).toContain('Do something else');
  });

  it('names a server that is not there', async () => {
    const events = await start([{ text: 'never' }]);
    await model!.close();
    model = null;
    expect(endOf(await collect(events))).toMatchObject({
      ok: false,
      status: 'failed',
      reason: expect.stringMatching(/lab .*ECONNREFUSED/),
    });
  });

  it('is cancelled in the middle of a silent stream', async () => {
    const stop = new AbortController();
    const events: AgentEvent[] = [];
    for await (const event of await start([{ text: 'so far', after: 'hang' }], {
      signal: stop.signal,
      graceMs: 10_000,
    })) {
      events.push(event);
      if (event.type === 'text') stop.abort();
    }
    expect(endOf(events)).toMatchObject({ ok: false, status: 'cancelled', turns: 0 });
  });

  it('is cancelled in the middle of a command, and nothing of it is left', async () => {
    const stop = new AbortController();
    const running = run([{ calls: [{ name: 'bash', args: { command: 'echo $$ > pid; exec sleep 600' } }] }], {
      signal: stop.signal,
      graceMs: 10_000,
    });
    await until(() => existsSync(path.join(cwd, 'pid')));
    stop.abort();
    expect(endOf(await running)).toMatchObject({ status: 'cancelled' });
    const pid = (await readFile(path.join(cwd, 'pid'), 'utf8')).trim();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it('keeps the token from its commands', async () => {
    await run([{ calls: [{ name: 'bash', args: { command: 'env; cat /proc/$PPID/cmdline' } }] }, { text: 'ok' }]);
    expect(toolTexts(1)).toContain('PATH=');
    expect(toolTexts(1)).not.toContain('dispatch-token');
  });
});

describe('what a process on the other end of the pipe may do', () => {
  let cwd: string;
  beforeEach(async () => {
    cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode native-')));
  });
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  const runScript = async (script: string) => {
    const host = testRunHost({ cwd, standIn: [process.execPath, '-e', script], graceMs: 200 });
    try {
      return await collect(native.run(testJob(cwd), host));
    } finally {
      await host.close();
    }
  };
  const END = JSON.stringify({ type: 'end', ok: true, status: 'succeeded', reason: 'r', answer: 'done', turns: 1 });

  it('mixes garbage into its events', async () => {
    const events = await runScript(
      `console.log('garbage'); console.log('{"type":"later"}'); console.log('{"type":"text","text":"é"}'); console.log(${JSON.stringify(END)})`,
    );
    expect(events.map((event) => event.type)).toEqual(['notice', 'unknown', 'text', 'end']);
    expect(endOf(events).ok).toBe(true);
  });

  it('ends and then stays, or fails', async () => {
    const stays = await runScript(`console.log(${JSON.stringify(END)}); setInterval(() => {}, 1000)`);
    expect(endOf(stays)).toMatchObject({ ok: true, answer: 'done' });
    const fails = await runScript(`process.stdout.write(${JSON.stringify(`${END}\n`)}, () => process.exit(9))`);
    expect(fails.find((event) => event.type === 'notice')).toMatchObject({ text: expect.stringContaining('status 9') });
  });

  it('tears its end in the middle', async () => {
    const events = await runScript(`process.stdout.write(${JSON.stringify(END.slice(0, -3))})`);
    expect(endOf(events)).toMatchObject({ ok: false, status: 'failed' });
  });

  it('says why it died', async () => {
    expect(endOf(await runScript('console.error("no\\nmemory"); process.exit(134)')).reason).toBe(
      'The native agent exited with status 134 without finishing: no memory',
    );
  });
});

it('gives up on a server that takes the connection and stays silent', async () => {
  const cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode native-')));
  const silent = net.createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const baseUrl = `http://127.0.0.1:${(silent.address() as net.AddressInfo).port}`;
  const host = testRunHost({ cwd, nativeCommand: command, endpoint: { baseUrl, token: 't', wire: 'openai-chat' } });
  const job = testJob(cwd);
  const events = await collect(native.run({ ...job, limits: { ...job.limits, timeoutMs: 300 } }, host));
  expect(endOf(events)).toMatchObject({
    ok: false,
    status: 'failed',
    reason: expect.stringContaining('sent nothing for'),
  });
  await host.close();
  await new Promise((resolve) => silent.close(resolve));
  await rm(cwd, { recursive: true, force: true });
});
