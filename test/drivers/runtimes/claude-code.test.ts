/** The claude-code runtime with the real CLI against a scripted model. What only a stand-in can do is in claude-code-lines.test.ts. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import claudeCode from '../../../src/drivers/runtimes/claude-code.ts';
import type { AgentEvent } from '../../../src/protocol/event.ts';
import type { Job } from '../../../src/protocol/job.ts';
import { collect, describeRuntime, endOf, until } from '../../conformance/runtimes.ts';
import { type ClaudePlace, claudePlace, claudeProgram, processesOf } from '../../fixtures/claude-code.ts';
import { type TestHost, type TestHostOptions, testJob, testRunHost } from '../../fixtures/run-host.ts';
import { type ScriptedModel, type ScriptedTurn, scriptedModel } from '../../fixtures/scripted-model.ts';

let program: string;
beforeAll(async () => {
  program = await claudeProgram();
}, 300_000);

const endpoint = (model: { url: string }) =>
  ({ baseUrl: model.url, token: 'dispatch-token', wire: 'anthropic-messages' }) as const;

describeRuntime(claudeCode, {
  job: (cwd) =>
    testJob(cwd, {
      program: { path: program, installRoots: [] },
      worker: { ...testJob(cwd).worker, runtime: 'claude-code', endpoint: null, model: 'claude-sonnet-5' },
    }),
  succeed: async (cwd) => {
    const model = await scriptedModel('anthropic-messages', [
      { calls: [{ name: 'Bash', args: { command: 'ls' } }] },
      { text: 'done' },
    ]);
    return { host: testRunHost({ cwd, endpoint: endpoint(model) }), close: () => model.close() };
  },
});

describe('the real Claude Code', () => {
  let place: ClaudePlace;
  let model: ScriptedModel | null = null;
  let host: TestHost;
  beforeEach(async () => {
    place = await claudePlace(program);
  });
  afterEach(async () => {
    await place.close();
    await model?.close();
    model = null;
  });

  const start = async (
    turns: ScriptedTurn[],
    options: Omit<Partial<TestHostOptions>, 'cwd'> = {},
    change: Partial<Job> = {},
  ) => {
    model = await scriptedModel('anthropic-messages', turns);
    host = place.host({ endpoint: endpoint(model), ...options });
    return claudeCode.run(place.job(change), host);
  };
  const run = async (...args: Parameters<typeof start>) => collect(await start(...args));
  const results = (events: AgentEvent[]) => events.filter((event) => event.type === 'tool-result');
  const sent = (request: number) => JSON.stringify(model?.requests[request]?.body);
  const offered = (request: number) => model!.requests[request]!.body.tools.map((tool) => tool.name);
  const text = (name: string) => readFile(path.join(place.cwd, name), 'utf8');
  const bash = (command: string): ScriptedTurn => ({ calls: [{ name: 'Bash', args: { command } }] });
  const reader = { stance: { mode: 'build', safety: 'auto-edit', readonly: true } } as const;

  it('writes one file and edits another, and tells what it does', async () => {
    await writeFile(path.join(place.cwd, 'ä b.ts'), 'export const a = 1;\n');
    const file = path.join(place.cwd, 'ä b.ts');
    const events = await run([
      { text: 'I look.', calls: [{ name: 'Read', args: { file_path: file } }] },
      { calls: [{ name: 'Edit', args: { file_path: file, old_string: 'a = 1', new_string: 'a = 2' } }] },
      { calls: [{ name: 'Write', args: { file_path: path.join(place.cwd, 'new/c.ts'), content: 'x\n' } }] },
      { calls: [{ name: 'Grep', args: { pattern: 'const' } }] },
      bash('cat *.ts; touch made'),
      { text: 'All\ndone' },
    ]);
    expect(await text('ä b.ts')).toBe('export const a = 2;\n');
    expect(await text('new/c.ts')).toBe('x\n');
    expect(existsSync(path.join(place.cwd, 'made'))).toBe(true);
    expect(events[0]).toMatchObject({
      type: 'session',
      model: 'claude-sonnet-5',
      version: expect.stringMatching(/^2\./),
    });
    expect(
      events.filter((event) => event.type === 'tool').map(({ name, action, subject }) => [name, action, subject]),
    ).toEqual([
      ['Read', 'file.read', file],
      ['Edit', 'file.write', file],
      ['Write', 'file.write', path.join(place.cwd, 'new/c.ts')],
      ['Grep', 'search', 'const'],
      ['Bash', 'command.run', 'cat *.ts; touch made'],
    ]);
    expect(results(events).every((event) => event.ok && !event.denied)).toBe(true);
    expect(events.filter((event) => event.type === 'text').map((event) => event.text)).toEqual([
      'I look.\n',
      'All\ndone\n',
    ]);
    expect(endOf(events)).toMatchObject({ ok: true, status: 'succeeded', answer: 'All\ndone', turns: 6 });
    expect(host.asked.map(({ action }) => action)).toEqual(['file.write', 'file.write', 'command.run']);
  });

  it('sees the gateway and its token, the prompt without a trace on its command line, and only its own HOME', async () => {
    const secret = `Follow rule ${'x'.repeat(300_000)} to the END.`;
    await run(
      [{ text: 'ok' }],
      {},
      { prompt: { ...place.job().prompt, system: secret, task: 'Mend the “thing”.\nNow.' } },
    );
    expect(model!.requests[0]!.headers['x-api-key']).toBe('dispatch-token');
    expect(sent(0)).toContain('to the END.');
    expect(sent(0)).toContain('Mend the “thing”.\\nNow.');
    expect(host.commands[0]!.join(' ')).not.toMatch(/Follow rule|Mend the|dispatch-token/);
    expect(existsSync(path.join(place.home, '.claude.json'))).toBe(true);
    expect(existsSync(path.join(place.cwd, '.claude'))).toBe(false);
  });

  it('offers a writer its tools and no other', async () => {
    await run([{ text: 'ok' }]);
    expect(offered(0).sort()).toEqual(['Agent', 'Bash', 'Edit', 'Glob', 'Grep', 'NotebookEdit', 'Read', 'Write']);
  });

  it('offers a reader no tool that writes, nor its sub-agents; trap: a deny rule for Write or Edit leaves another way (fact 8)', async () => {
    const file = path.join(place.cwd, 'x');
    const write = { name: 'Write', args: { file_path: file, content: 'x' } };
    const events = await run(
      [
        { calls: [write, { name: 'Task', args: { description: 'd', prompt: 'p', subagent_type: 'general-purpose' } }] },
        { calls: [write] },
        { text: 'sub' },
        { text: 'ok' },
      ],
      {},
      reader,
    );
    expect(offered(0).sort()).toEqual(['Agent', 'Bash', 'Glob', 'Grep', 'Read']);
    expect(offered(1)).not.toContain('Write');
    expect(results(events).filter((event) => event.summary.includes('No such tool available: Write'))).toHaveLength(2);
    expect(existsSync(file)).toBe(false);
    expect(endOf(events).ok).toBe(true);
  });

  it('offers no shell where no sandbox would hold a reader', async () => {
    await run([{ text: 'ok' }], {}, { ...reader, unsandboxed: true });
    expect(offered(0).sort()).toEqual(['Agent', 'Glob', 'Grep', 'Read']);
  });

  it('tells the model why an action was denied; trap: a denial ends in exit 0', async () => {
    const file = path.join(place.cwd, 'a.txt');
    const events = await run(
      [{ calls: [{ name: 'Write', args: { file_path: file, content: 'x' } }] }, { text: 'a pity' }],
      {
        ask: async () => ({ allow: false, reason: 'Denied: the moon is full.' }),
      },
    );
    expect(existsSync(file)).toBe(false);
    expect(results(events)).toMatchObject([{ ok: false, denied: true, summary: 'Denied: the moon is full.' }]);
    expect(sent(1)).toContain('the moon is full');
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'a pity' });
  });

  it('asks before each command where a person wants to be asked; trap: by itself it runs `ls` unasked', async () => {
    await run([bash('ls'), { text: 'ok' }]);
    expect(host.asked).toEqual([]);
    await model!.close();
    await run([bash('ls'), { text: 'ok' }], {}, { ask: 'action' });
    expect(host.asked).toMatchObject([{ action: 'command.run', subject: 'ls' }]);
  });

  it('runs nothing of the project’s own configuration; trap: `-p` runs its hooks and servers before it asks anything (fact 3)', async () => {
    const mark = (name: string) => `touch "${path.join(place.cwd, `MARK-${name}`)}"`;
    const hook = (name: string) => [{ hooks: [{ type: 'command', command: mark(name) }] }];
    const settings = {
      hooks: { SessionStart: hook('start'), PreToolUse: hook('tool'), Stop: hook('stop') },
      apiKeyHelper: `${mark('key')}; echo other-key`,
      env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' },
    };
    const dot = path.join(place.cwd, '.claude');
    await mkdir(path.join(dot, 'skills/trick'), { recursive: true });
    await writeFile(path.join(dot, 'settings.json'), JSON.stringify(settings));
    await writeFile(path.join(dot, 'settings.local.json'), JSON.stringify(settings));
    await writeFile(path.join(dot, 'skills/trick/SKILL.md'), '---\nname: trick\ndescription: SKILL-CANARY\n---\n');
    await writeFile(path.join(place.cwd, 'CLAUDE.md'), 'RULES-CANARY');
    await writeFile(path.join(place.cwd, 'AGENTS.md'), 'RULES-CANARY');
    const servers = { mcpServers: { trap: { command: '/bin/sh', args: ['-c', mark('server')] } } };
    await writeFile(path.join(place.cwd, '.mcp.json'), JSON.stringify(servers));
    const end = endOf(await run([bash('ls -A'), { text: 'ok' }]));
    expect(end.ok).toBe(true);
    // What it saw of the directory is in the second request: no mark, and it was this directory.
    expect(sent(1)).toContain('.mcp.json');
    expect(sent(1)).not.toMatch(/MARK-|-CANARY/);
    expect(model!.requests[0]!.headers['x-api-key']).toBe('dispatch-token');
    for (const name of ['start', 'tool', 'stop', 'key', 'server'])
      expect(existsSync(path.join(place.cwd, `MARK-${name}`))).toBe(false);
  });

  it('ends at once when the key is refused; trap: it would try ten times (fact 7)', async () => {
    const end = endOf(await run([{ status: 401 }]));
    expect(end).toMatchObject({ ok: false, status: 'auth-required', answer: null });
    expect(end.reason).toBe(
      'The model server https://models.example refused the key (401); set ANTHROPIC_API_KEY to a key that is valid there.',
    );
    expect(model!.requests.length).toBeLessThan(3);
  });

  it('waits as long as a limit asks, and says so', async () => {
    const events = await run([{ status: 429, headers: { 'retry-after': '1' } }, { text: 'ok' }]);
    expect(events.filter((event) => event.type === 'retry')).toEqual([
      { type: 'retry', status: 429, attempt: 1, delayMs: expect.any(Number) },
    ]);
    expect(model!.requests[1]!.at - model!.requests[0]!.at).toBeGreaterThanOrEqual(990);
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'ok' });
  });

  it('does not wait longer for a limit than it may', async () => {
    const limits = { ...place.job().limits, waitMs: 500 };
    const end = endOf(await run([{ status: 429, headers: { 'retry-after': '20' } }, { text: 'ok' }], {}, { limits }));
    expect(end).toMatchObject({ ok: false, status: 'rate-limited', reason: expect.stringContaining('(429)') });
    expect(model!.requests).toHaveLength(1);
  });

  it.each<[string, ScriptedTurn, string, RegExp]>([
    [
      'a forbidden model',
      { status: 403 },
      'auth-required',
      /refused the key \(403\): scripted 403; set ANTHROPIC_API_KEY/,
    ],
    [
      'a limit it will not wait for',
      { status: 429, headers: { 'retry-after': '3600' } },
      'rate-limited',
      /limit \(429\): scripted 429/,
    ],
    ['no money', { status: 402 }, 'failed', /answered 402: scripted 402/],
    ['a model that is not there', { status: 404 }, 'failed', /does not know the model claude-sonnet-5 \(404\)/],
    ['a wrong request', { status: 400 }, 'failed', /answered 400: scripted 400$/],
    ['a server that stays broken', { status: 500 }, 'failed', /answered 500, 4 times in a row/],
    ['an overloaded server', { status: 529, headers: { 'retry-after': '61' } }, 'rate-limited', /limit \(529\)/],
    [
      'garbage instead of a stream',
      { body: 'data: {"what": \n\ndata: [1]\n\n' },
      'failed',
      /https:\/\/models\.example failed: API returned an empty or malformed/,
    ],
    [
      'a stream that just ends',
      { text: 'half', after: 'end' },
      'failed',
      /models\.example failed: Connection lost mid-response/,
    ],
    ['a refusal', { text: 'no', finish: 'refusal' }, 'failed', /The model refused: /],
    ['replies cut at the limit', { text: 'la', finish: 'length' }, 'failed', /output token maximum/],
    ['nothing, twice', {}, 'failed', /answered with nothing/],
  ])(
    'ends honestly after %s; trap: subtype "success", and for nothing at all even exit 0 (facts 1, 2)',
    async (_name, turn, status, reason) => {
      const end = endOf(await run([turn], {}, { limits: { ...place.job().limits, waitMs: 60_000 } }));
      expect(end).toMatchObject({ ok: false, status, answer: null });
      expect(end.reason).toMatch(reason);
      expect(end.reason).not.toMatch(/\n|127\.0\.0\.1/);
    },
  );

  it('names a server that is not there', async () => {
    const gone = await scriptedModel('anthropic-messages', []);
    await gone.close();
    const end = endOf(await run([], { endpoint: endpoint(gone) }));
    expect(end).toMatchObject({ ok: false, status: 'failed' });
    expect(end.reason).toBe(
      'The model server https://models.example could not be reached or broke off, 4 times in a row.',
    );
  });

  it('goes on after a stream that was cut', async () => {
    const events = await run([{ text: 'half', after: 'destroy' }, { text: 'whole' }]);
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'whole' });
  });

  it('stops at its turn limit', async () => {
    const limits = { ...place.job().limits, turns: 2 };
    const end = endOf(await run([bash('ls')], {}, { limits }));
    expect(end).toMatchObject({
      ok: false,
      status: 'failed',
      turns: 2,
      reason: expect.stringContaining('limit of 2 model turns'),
    });
    expect(model!.requests).toHaveLength(2);
  });

  it('reports what the server sent, sub-agents included; trap: `usage` beside it leaves them out (fact 10)', async () => {
    const reply = (id: string, usage: object, output: number, block: object): ScriptedTurn => {
      const message = {
        id,
        type: 'message',
        role: 'assistant',
        model: 'claude-sonnet-5',
        content: [],
        stop_reason: null,
      };
      const { type, ...rest } = block as { type: string; input?: object; text?: string };
      const opened = { type, ...rest, ...(type === 'text' ? { text: '' } : { input: {} }) };
      const delta =
        type === 'text'
          ? { type: 'text_delta', text: rest.text }
          : { type: 'input_json_delta', partial_json: JSON.stringify(rest.input) };
      const stop = type === 'text' ? 'end_turn' : 'tool_use';
      const events = [
        { type: 'message_start', message: { ...message, usage: { ...usage, output_tokens: 1 } } },
        { type: 'content_block_start', index: 0, content_block: opened },
        { type: 'content_block_delta', index: 0, delta },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: stop }, usage: { output_tokens: output } },
        { type: 'message_stop' },
      ];
      return { body: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('') };
    };
    const task = { description: 'look', prompt: 'look', subagent_type: 'general-purpose' };
    const events = await run([
      reply('m1', { input_tokens: 11, cache_creation_input_tokens: 2_000, cache_read_input_tokens: 0 }, 30, {
        type: 'tool_use',
        id: 't1',
        name: 'Task',
        input: task,
      }),
      reply('m2', { input_tokens: 500, cache_creation_input_tokens: 70, cache_read_input_tokens: 9 }, 40, {
        type: 'text',
        text: 'sub',
      }),
      reply('m3', { input_tokens: 13, cache_creation_input_tokens: 0, cache_read_input_tokens: 2_000 }, 50, {
        type: 'text',
        text: 'ok',
      }),
    ]);
    const usage = events.filter((event) => event.type === 'usage');
    expect(usage).toEqual([
      { type: 'usage', input: 524, cacheRead: 2_009, cacheWrite: 2_070, output: 120, costUsd: expect.any(Number) },
    ]);
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'ok', turns: 2 });
  });

  it('puts no price on a model it does not know; trap: it counts it as another one (fact 10)', async () => {
    const worker = { ...place.job().worker, model: 'other-1' };
    const events = await run([{ text: 'ok' }], {}, { worker });
    expect(events.find((event) => event.type === 'usage')).toMatchObject({ input: 10, output: 5, costUsd: null });
    expect((model!.requests[0]!.body as { model?: string }).model).toBe('other-1');
  });

  it('does not end before its sub-agent has; trap: by itself it goes on in the background', async () => {
    const task = { description: 'look', prompt: 'look', subagent_type: 'general-purpose', model: 'haiku' };
    const events = await run([
      { calls: [{ name: 'Task', args: task }] },
      bash('sleep 1; touch made'),
      { text: 'sub' },
      { text: 'ok' },
    ]);
    expect(existsSync(path.join(place.cwd, 'made'))).toBe(true);
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'ok', turns: 2 });
    expect(events.filter((event) => event.type === 'tool').map(({ name, action }) => [name, action])).toEqual([
      ['Task', 'delegate'],
      ['Bash', 'command.run'],
    ]);
    expect(new Set(model!.requests.map((request) => (request.body as { model?: string }).model)).size).toBe(1);
  });

  it('takes a task that begins with a slash for a task; trap: its own commands ask no model and end well', async () => {
    const prompt = { ...place.job().prompt, task: '/clear' };
    const end = endOf(await run([{ text: 'what is clear?' }], {}, { prompt }));
    expect(end).toMatchObject({ ok: true, answer: 'what is clear?' });
    expect(sent(0)).toContain('/clear');
  });

  it('is cancelled in the middle of a silent stream; trap: SIGINT there ends in exit 0 without a word (fact 1)', async () => {
    const stop = new AbortController();
    const running = run([{ text: 'so far', after: 'hang' }], { signal: stop.signal, graceMs: 30_000 });
    await until(() => model !== null && model.requests.length > 0);
    stop.abort();
    expect(endOf(await running)).toMatchObject({ ok: false, status: 'cancelled', answer: null });
  });

  it('is cancelled in the middle of a command that ignores SIGTERM', async () => {
    const stop = new AbortController();
    const running = run([bash('trap "" TERM INT HUP; touch started; while :; do sleep 1; done'), { text: 'never' }], {
      signal: stop.signal,
      graceMs: 30_000,
    });
    await until(() => existsSync(path.join(place.cwd, 'started')));
    stop.abort();
    expect(endOf(await running)).toMatchObject({ ok: false, status: 'cancelled' });
    expect(model!.requests).toHaveLength(1);
    // Its own interrupt ends the command; where it is killed instead, only the sandbox's namespace does (fact 5).
    await until(() => processesOf(place.home).length === 0);
  });

  it('is cancelled while a question waits', async () => {
    const stop = new AbortController();
    const file = path.join(place.cwd, 'a.txt');
    const running = run([{ calls: [{ name: 'Write', args: { file_path: file, content: 'x' } }] }, { text: 'never' }], {
      signal: stop.signal,
      graceMs: 30_000,
      ask: () =>
        new Promise((resolve) => {
          stop.abort();
          setTimeout(() => resolve({ allow: true, reason: '' }), 500);
        }),
    });
    expect(endOf(await running)).toMatchObject({ ok: false, status: 'cancelled' });
    expect(existsSync(file)).toBe(false);
  });

  it('works in eight directories at once without a mix-up', async () => {
    const places = await Promise.all(Array.from({ length: 8 }, () => claudePlace(program)));
    const models = await Promise.all(
      places.map((_one, n) =>
        scriptedModel('anthropic-messages', [
          { calls: [{ name: 'Write', args: { file_path: 'a.txt', content: `${n}` } }] },
          { text: `done ${n}` },
        ]),
      ),
    );
    const ends = await Promise.all(
      places.map(async (one, n) =>
        endOf(await collect(claudeCode.run(one.job(), one.host({ endpoint: endpoint(models[n]!) })))),
      ),
    );
    expect(ends.map((end) => end.answer)).toEqual(places.map((_one, n) => `done ${n}`));
    const written = await Promise.all(places.map((one) => readFile(path.join(one.cwd, 'a.txt'), 'utf8')));
    expect(written).toEqual(places.map((_one, n) => `${n}`));
    await Promise.all([...places.map((one) => one.close()), ...models.map((one) => one.close())]);
  });
});
