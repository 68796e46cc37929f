/** What a process that speaks Claude Code's lines may do to the claude-code runtime; a stand-in, since the real one cannot be made to. */
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import claudeCode from '../../../src/drivers/runtimes/claude-code.ts';
import type { AgentEvent } from '../../../src/protocol/event.ts';
import type { Job } from '../../../src/protocol/job.ts';
import { collect, endOf, until } from '../../conformance/runtimes.ts';
import { type TestHost, type TestHostOptions, testJob, testRunHost } from '../../fixtures/run-host.ts';

const RESULT = {
  type: 'result',
  subtype: 'success',
  is_error: false,
  result: 'done',
  stop_reason: 'end_turn',
  terminal_reason: 'completed',
};
const usage = (inputTokens: number) => ({
  m: {
    inputTokens,
    outputTokens: 1,
    cacheReadInputTokens: 0,
    cacheCreationInputTokens: 0,
    costUSD: 1,
    costBasis: 'list',
  },
});

let cwd: string;
let host: TestHost;
beforeEach(async () => {
  cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode cc-')));
});
afterEach(async () => {
  await host.close();
  await rm(cwd, { recursive: true, force: true });
});

/** `say(value)` prints a line; `hear(f)` calls `f` with each line from us. */
const PRELUDE = `
  const say = (value) => process.stdout.write((typeof value === 'string' ? value : JSON.stringify(value)) + '\\n');
  const hear = (f) => require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => f(JSON.parse(line)));
  const RESULT = ${JSON.stringify(RESULT)};
`;

function start(script: string, options: Partial<TestHostOptions> = {}, change: Partial<Job> = {}) {
  host = testRunHost({ cwd, standIn: [process.execPath, '-e', PRELUDE + script], graceMs: 300, ...options });
  const worker = { ...testJob(cwd).worker, model: 'm1' };
  return claudeCode.run(testJob(cwd, { worker, program: { path: '/bin/claude', installRoots: [] }, ...change }), host);
}
const run = async (...args: Parameters<typeof start>): Promise<AgentEvent[]> => collect(await start(...args));
const kinds = (events: AgentEvent[]) => events.map((event) => event.type);

describe('the end', () => {
  it('is good only with result, no error, and exit 0', async () => {
    expect(endOf(await run('say(RESULT)'))).toMatchObject({ ok: true, status: 'succeeded', answer: 'done' });
  });

  it.each<[string, object]>([
    ['is_error beside subtype success', { is_error: true }],
    ['no is_error', { is_error: undefined }],
    ['another subtype', { subtype: 'error_during_execution' }],
    ['no text', { result: ' ' }],
    ['no answer at all', { result: undefined }],
    ['a reply that broke off', { stop_reason: null }],
    ['a reply that stopped for an unknown reason', { stop_reason: 'full_moon' }],
    ['a command of its own', { local_command: 'clear' }],
    ['a status of the server', { is_error: true, api_error_status: 418, result: 'API Error: 418 teapot' }],
  ])('is no success with %s (fact 2)', async (_what, change) => {
    const end = endOf(await run(`say(${JSON.stringify({ ...RESULT, ...change })})`));
    expect(end).toMatchObject({ ok: false, status: 'failed', answer: null });
    expect(end.reason).toMatch(
      /^Claude Code ended with an error|answered with nothing|broke off before its end|not known here: full_moon|asked no model|418: teapot$/,
    );
  });

  it.each<[string, string, string]>([
    ['exits 0 without a word (fact 1)', 'process.exit(0)', 'Claude Code exited with status 0 without a result.'],
    [
      'says why on standard error',
      'console.error("no\\nspace"); process.exit(1)',
      'Claude Code exited with status 1 without a result: no space',
    ],
    [
      'tears its result',
      'process.stdout.write(JSON.stringify(RESULT).slice(0, -4))',
      'Claude Code exited with status 0 without a result.',
    ],
    ['is killed', 'process.kill(process.pid, "SIGKILL")', 'Claude Code was ended by SIGKILL without a result.'],
    [
      'fails after a good result',
      'say(RESULT); process.exitCode = 9',
      'Claude Code said that it was done, but then exited with status 9.',
    ],
    [
      'closes its output and stays',
      'require("node:fs").closeSync(1); setInterval(() => {}, 1000)',
      'Claude Code closed its output and was killed without a result.',
    ],
  ])('is told when it %s', async (_what, script, reason) => {
    expect(endOf(await run(script))).toMatchObject({ ok: false, status: 'failed', reason });
  });

  it('stands when it does not exit after its result, which is told', async () => {
    const events = await run('say(RESULT); setInterval(() => {}, 1000)');
    expect(kinds(events)).toEqual(['notice', 'end']);
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'done' });
  });

  it('is the last of several results, with the running total of the last', async () => {
    const results = [
      { ...RESULT, result: 'first', modelUsage: usage(1) },
      { ...RESULT, result: 'second', modelUsage: usage(3) },
    ];
    const events = await run(`for (const one of ${JSON.stringify(results)}) say(one); say({ type: 'later' })`);
    expect(kinds(events)).toEqual(['usage', 'usage', 'unknown', 'end']);
    expect(events.filter((event) => event.type === 'usage').at(-1)).toMatchObject({ input: 3, output: 1, costUsd: 1 });
    expect(endOf(events).answer).toBe('second');
  });

  it('closes the input after the result, which is what it waits for', async () => {
    const events = await run('say(RESULT); process.stdin.resume().on("end", () => process.exit(0))', {
      graceMs: 60_000,
    });
    expect(endOf(events).ok).toBe(true);
  });

  it('comes although something it started holds its output open', async () => {
    const events = await run(
      `require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit' }); process.stdout.write(JSON.stringify(RESULT) + '\\n', () => process.exit(0))`,
    );
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'done' });
  });

  it('loses nothing to a slow reader', async () => {
    const line = { type: 'assistant', message: { id: 'm', content: [{ type: 'text', text: 'x'.repeat(4_000) }] } };
    const events: AgentEvent[] = [];
    const running = start(`for (let n = 0; n < 30; n += 1) say(${JSON.stringify(line)}); say(RESULT)`, {
      graceMs: 60_000,
    });
    for await (const event of running) {
      events.push(event);
      if (events.length === 1) await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    expect(events.filter((event) => event.type === 'text')).toHaveLength(30);
    expect(endOf(events).ok).toBe(true);
  });
});

describe('lines', () => {
  it('of unknown kinds are kept, harmless ones dropped, garbage told, and none is fatal', async () => {
    const lines = [
      'garbage',
      { type: 'from-the-future', n: 1 },
      { type: 'system', subtype: 'from-the-future' },
      { type: 'system', subtype: 'task_updated' },
      { type: 'system', subtype: 'informational', content: 'look here' },
      { type: 'assistant', message: 'not an object' },
      { type: 'assistant', message: { id: 'm', content: 'plain text' } },
      {
        type: 'assistant',
        message: { id: 'm', content: [{ type: 'thinking', thinking: 'hm' }, { type: 'hologram' }] },
      },
      { type: 'result', is_error: 'maybe' },
      { type: 'big', text: 'x'.repeat(20_000) },
      RESULT,
    ];
    const events = await run(`for (const line of ${JSON.stringify(lines)}) say(line)`);
    expect(events.slice(0, -2)).toEqual([
      { type: 'notice', text: 'Claude Code wrote something that is no event.' },
      { type: 'unknown', vendorType: 'from-the-future', raw: lines[1] },
      { type: 'unknown', vendorType: 'system/from-the-future', raw: lines[2] },
      { type: 'notice', text: 'look here' },
      { type: 'unknown', vendorType: 'assistant', raw: lines[5] },
      { type: 'text', text: 'plain text\n' },
      { type: 'reasoning', text: 'hm\n' },
      { type: 'unknown', vendorType: 'result', raw: lines[8] },
    ]);
    expect(events.at(-2)).toMatchObject({
      type: 'unknown',
      vendorType: 'big',
      raw: expect.stringMatching(/^\{"type":"big"/),
    });
    expect(endOf(events)).toMatchObject({ ok: true, turns: 1 });
  });

  it('of a sub-agent are its calls, not its words', async () => {
    const of = (content: object[]) => ({ type: 'assistant', parent_tool_use_id: 't0', message: { id: 's', content } });
    const lines = [
      of([{ type: 'text', text: 'mine' }]),
      of([{ type: 'tool_use', id: 't1', name: 'mcp__x__y', input: {} }]),
      RESULT,
    ];
    const events = await run(`for (const line of ${JSON.stringify(lines)}) say(line)`);
    expect(events).toMatchObject([
      { type: 'tool', name: 'mcp__x__y', action: 'other', subject: '' },
      { type: 'end', turns: 0 },
    ]);
  });

  it('of 50 MB are dropped, told, and survived', async () => {
    const events = await run('say("{\\"type\\":\\"" + "x".repeat(50_000_000) + "\\"}"); say(RESULT)', {
      graceMs: 60_000,
    });
    expect(events).toMatchObject([
      { type: 'notice', text: 'Claude Code wrote a line that is too long.' },
      { type: 'end', ok: true },
    ]);
  });

  it('that come in pieces of a byte are whole again', async () => {
    const line = { type: 'assistant', message: { id: 'm', content: [{ type: 'text', text: 'naïve 🙂' }] } };
    const script = `const bytes = Buffer.from(${JSON.stringify(JSON.stringify(line))} + '\\n' + JSON.stringify(RESULT) + '\\n');
      (async () => { for (const byte of bytes) { process.stdout.write(Buffer.from([byte])); await new Promise(setImmediate); } })();`;
    expect((await run(script)).slice(0, 1)).toEqual([{ type: 'text', text: 'naïve 🙂\n' }]);
  });
});

describe('questions', () => {
  const question = {
    type: 'control_request',
    request_id: 'q1',
    request: { subtype: 'can_use_tool', tool_name: 'Write', input: { file_path: '/p/a' }, tool_use_id: 't1' },
  };
  /** Ends with what was answered as its result. */
  const ANSWERED =
    'hear((line) => { if (line.type === "control_response") { say({ ...RESULT, result: JSON.stringify(line.response) }); process.exit(0); } });';

  it('are answered with the input that was asked about', async () => {
    const events = await run(`${ANSWERED} say(${JSON.stringify(question)})`);
    expect(JSON.parse(endOf(events).answer!)).toEqual({
      subtype: 'success',
      request_id: 'q1',
      response: { behavior: 'allow', updatedInput: { file_path: '/p/a' } },
    });
    expect(host.asked).toEqual([{ action: 'file.write', subject: '/p/a', detail: '{"file_path":"/p/a"}' }]);
  });

  it('about tools nobody knows are put as other', async () => {
    const strange = { ...question, request: { ...question.request, tool_name: 'Teleport' } };
    await run(`${ANSWERED} say(${JSON.stringify(strange)})`);
    expect(host.asked).toMatchObject([{ action: 'other', subject: '' }]);
  });

  it.each([
    ['of another kind', `say({ type: 'control_request', request_id: 'q2', request: { subtype: 'hook_callback' } })`],
    ['that are malformed', `say('{"type":"control_request","request_id":"q2","request":{"subtype":')`],
    [
      'of 50 MB',
      `say('{"type":"control_request","request_id":"q2","request":{"subtype":"can_use_tool","x":"' + 'x'.repeat(50_000_000) + '"}}')`,
    ],
  ])('%s are refused, not left waiting', async (_what, script) => {
    const events = await run(`${ANSWERED} ${script}`, { graceMs: 60_000 });
    expect(JSON.parse(endOf(events).answer!)).toMatchObject({ subtype: 'error', request_id: 'q2' });
    expect(host.asked).toEqual([]);
  });

  it('that are answered after it has gone harm nobody', async () => {
    const events = await run(`say(${JSON.stringify(question)}); process.stdout.write('', () => process.exit(0))`, {
      ask: () => new Promise((resolve) => setTimeout(() => resolve({ allow: true, reason: '' }), 300)),
    });
    expect(endOf(events).ok).toBe(false);
  });
});

describe('stopping', () => {
  const retry = (status: number | null, attempt: number, delay: number) => ({
    type: 'system',
    subtype: 'api_retry',
    attempt,
    retry_delay_ms: delay,
    error_status: status,
  });
  /** Polite: it ends as the real one does after an interrupt. */
  const POLITE =
    'hear((line) => { if (line.request?.subtype === "interrupt") say({ ...RESULT, is_error: true, subtype: "error_during_execution", terminal_reason: "aborted_streaming" }); }).on("close", () => process.exit(1));';
  const say = (...lines: object[]) => `${POLITE} for (const line of ${JSON.stringify(lines)}) say(line);`;

  it.each<[string, object[], string, RegExp]>([
    ['a refused key', [retry(401, 1, 500)], 'auth-required', /\(401\); name the variable .*apiKeyEnv NAME`\.$/],
    [
      'a server error for the fourth time',
      [1, 2, 3, 4].map((n) => retry(503, n, 1)),
      'failed',
      /answered 503, 4 times/,
    ],
    [
      'no answer for the fourth time',
      [1, 2, 3, 4].map((n) => retry(null, n, 1)),
      'failed',
      /could not be reached or broke off, 4 times/,
    ],
    ['a limit longer than allowed', [retry(429, 1, 60_001)], 'rate-limited', /at its limit \(429\)/],
    ['limits that add up', [retry(529, 1, 40_000), retry(529, 2, 40_000)], 'rate-limited', /at its limit \(529\)/],
  ])('it does after %s', async (_what, lines, status, reason) => {
    const end = endOf(await run(say(...lines), { graceMs: 60_000 }));
    expect(end).toMatchObject({ ok: false, status, reason: expect.stringMatching(reason) });
  });

  it('it does not for three server errors, nor for limits of different requests', async () => {
    const lines = [1, 2, 3, 1, 2, 3].map((n) => retry(500, n, 1));
    const limits = [retry(429, 1, 40_000), retry(429, 1, 40_000)];
    const events = await run(`for (const line of ${JSON.stringify([...lines, ...limits])}) say(line); say(RESULT)`);
    expect(events.filter((event) => event.type === 'retry')).toHaveLength(8);
    expect(endOf(events).ok).toBe(true);
  });

  it('a cancelled run is cancelled, whatever its result says', async () => {
    const stop = new AbortController();
    const events: AgentEvent[] = [];
    const script =
      'hear((line) => { if (line.request?.subtype === "interrupt") { say(RESULT); process.exit(0); } }); say({ type: "ready" });';
    for await (const event of start(script, { signal: stop.signal, graceMs: 60_000 })) {
      events.push(event);
      stop.abort();
    }
    expect(endOf(events)).toMatchObject({ ok: false, status: 'cancelled', reason: 'Cancelled.' });
  });

  it('a result that came before the cancel stands', async () => {
    const stop = new AbortController();
    const events: AgentEvent[] = [];
    const script = `say({ ...RESULT, modelUsage: ${JSON.stringify(usage(1))} }); setInterval(() => {}, 1000)`;
    for await (const event of start(script, { signal: stop.signal })) {
      events.push(event);
      if (event.type === 'usage') stop.abort();
    }
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'done' });
  });

  it('a process that closed its input is killed after the grace', async () => {
    const stop = new AbortController();
    const running = run('process.stdin.destroy(); say({ type: "ready" }); setInterval(() => {}, 1000)', {
      signal: stop.signal,
    });
    await until(() => host.processes.length > 0);
    stop.abort();
    expect(endOf(await running)).toMatchObject({ status: 'cancelled' });
  });
});

it('names what is missing before it starts anything', async () => {
  expect(endOf(await run('', {}, { program: { path: null, installRoots: [] } })).reason).toContain('not installed');
  expect(endOf(await run('', {}, { worker: { ...testJob(cwd).worker, model: null } })).reason).toContain('no model');
  expect(host.commands).toEqual([]);
});

it('fails where its HOME cannot be written', async () => {
  await writeFile(path.join(cwd, 'file'), '');
  const running = start('say(RESULT)');
  Object.assign(host, { hostHome: path.join(cwd, 'file') });
  expect(endOf(await collect(running)).reason).toMatch(/^Claude Code could not be started: /);
  expect(host.commands).toEqual([]);
});
