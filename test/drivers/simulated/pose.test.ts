/** The simulated model as a local engine, asked as discovery asks the real ones (their documentation is the source of the shapes). */
import { describe, expect, it } from 'vitest';
import type { AskedMessage } from '../../../src/drivers/simulated/conversation.ts';
import { cutTo } from '../../../src/drivers/simulated/engines/cut.ts';
import { ask, body, events, json, pathOf, type Reply, said, simulated } from './talk.ts';

const CHAT = pathOf('openai-chat');
const MODELS = [
  { id: 'big:8b', context: 8_192, trainedContext: 131_072 },
  { id: 'idle:1b', context: 4_096, tools: false, loaded: false },
];
const posing = (pose: object | string, ...turns: object[]) =>
  simulated({ pose, conversations: [{ turns: turns.length > 0 ? turns : [{ text: 'Hello.', thinking: 'Hm.' }] }] });
const status = (reply: Reply) => [reply.status, json(reply)];
const chat = (model: string, change: object = {}) => ({ body: body('openai-chat', 't', true, { model, ...change }) });

describe('Ollama', () => {
  const models = [...MODELS, { id: 'cloud', remote: true }, { id: 'embed', embedding: true }];

  it('is known by its version, and lists what is installed, loaded and able', async () => {
    const { url } = await posing({ engine: 'ollama', version: '0.12.9', models });
    const get = async (path: string) => json(await ask(url + path));
    const show = async (model: string) => json(await ask(`${url}/api/show`, { body: { model } }));
    expect((await ask(`${url}/`)).bytes.toString()).toBe('Ollama is running');
    expect(await get('/api/version')).toEqual({ version: '0.12.9' });
    const tags = (await get('/api/tags')).models;
    expect(tags.map((one: { model: string; remote_host?: string }) => [one.model, one.remote_host])).toEqual([
      ['big:8b', undefined],
      ['idle:1b', undefined],
      ['cloud', 'https://ollama.com:443'],
      ['embed', undefined],
    ]);
    expect((await get('/api/ps')).models).toMatchObject([
      { model: 'big:8b', context_length: 8_192 },
      { model: 'embed' },
    ]);
    const shown = await show('big:8b');
    expect(shown.model_info[`${shown.model_info['general.architecture']}.context_length`]).toBe(131_072);
    expect([shown.capabilities, (await show('idle:1b')).capabilities, (await show('embed')).capabilities]).toEqual([
      ['completion', 'tools'],
      ['completion'],
      ['embedding'],
    ]);
    expect(status(await ask(`${url}/api/show`, { body: { model: 'x' } }))).toEqual([
      404,
      { error: "model 'x' not found" },
    ]);
    expect((await get('/v1/models')).data[0]).toMatchObject({ id: 'big:8b', owned_by: 'library' });
    expect((await ask(`${url}/v1/nothing`)).status).toBe(404);
  });

  it('looking loads nothing; asking loads the model', async () => {
    const { url } = await posing({ engine: 'ollama', models });
    const loaded = async () => json(await ask(`${url}/api/ps`)).models.map((one: { model: string }) => one.model);
    for (const path of ['/api/tags', '/v1/models']) await ask(url + path);
    await ask(`${url}/api/show`, { body: { model: 'idle:1b' } });
    expect(await loaded()).toEqual(['big:8b', 'embed']);
    await ask(url + CHAT, chat('idle:1b'));
    expect(await loaded()).toEqual(['big:8b', 'idle:1b', 'embed']);
  });

  it('an earlier version says less', async () => {
    const { url } = await posing({ engine: 'ollama', old: true, models });
    expect(json(await ask(`${url}/api/tags`)).models).toHaveLength(3);
    expect(json(await ask(`${url}/api/ps`)).models[0]).not.toHaveProperty('context_length');
    expect(json(await ask(`${url}/api/show`, { body: { model: 'big:8b' } }))).not.toHaveProperty('capabilities');
    expect((await ask(url + pathOf('openai-responses'), { body: body('openai-responses', 't', true) })).status).toBe(
      404,
    );
  });

  it('speaks Chat Completions and Responses in its own way, and counts neither cache nor thinking apart', async () => {
    const usage = { input: 10, cacheRead: 20, output: 7, reasoning: 3 };
    const model = await posing('ollama', { text: 'Hello.', thinking: 'Hm.', usage });
    const streamed = await ask(model.url + CHAT, chat('qwen3:8b'));
    expect(said(streamed)).toMatchObject({ text: 'Hello.', thinking: 'Hm.' });
    expect(streamed.bytes.toString()).toContain('"reasoning":"Hm."');
    expect(events(streamed).find((event) => event.usage)?.usage).toEqual({
      prompt_tokens: 30,
      completion_tokens: 7,
      total_tokens: 37,
    });
    expect(model.sent).toMatchObject({ input: 30, cacheRead: 0, output: 7, reasoning: 0, requests: 1 });
    const request = body('openai-responses', 't', true, { model: 'qwen3:8b' });
    expect(said(await ask(model.url + pathOf('openai-responses'), { body: request })).text).toBe('Hello.');
    const other = await ask(model.url + pathOf('gemini'), { body: body('gemini', 't', true) });
    expect(other.status).toBe(404);
  });

  it.each([
    ['a model it does not have', 'x', {}, 404, /not found/],
    [
      'tools for a model without',
      'idle:1b',
      { tools: [{ type: 'function', function: { name: 'a' } }] },
      400,
      /does not support tools/,
    ],
    ['an embedding model', 'embed', {}, 400, /does not support chat/],
    ['a model of ollama.com without a login', 'cloud', {}, 401, /unauthorized/],
  ])('refuses %s', async (_, model, change, code, message) => {
    const { url, sent } = await posing({ engine: 'ollama', models });
    const reply = await ask(url + CHAT, chat(model, change));
    expect([reply.status, json(reply).error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(sent).toMatchObject({ requests: 1, output: 0 });
  });

  it('a prompt beyond the window is cut at its beginning: the model no longer knows its task, and the count is what it saw', async () => {
    const model = await simulated({
      pose: { engine: 'ollama', models: [{ id: 'm', context: 1_000 }] },
      conversations: [{ when: 'the task', turns: [{ text: 'first' }, { text: 'second' }] }],
    });
    const turn = (letter: string) => [
      { role: 'assistant', content: letter.repeat(1_500) },
      { role: 'user', content: letter.repeat(300) },
    ];
    const talk = async (messages: object[]) => ask(model.url + CHAT, { body: { model: 'm', messages } });
    const system = { role: 'system', content: 'You are a builder.' };
    const begun = [system, { role: 'user', content: 'the task' }];
    expect(json(await talk(begun)).choices[0].message.content).toBe('first');
    const long = await talk([...begun, ...turn('a'), ...turn('b'), ...turn('c')]);
    expect(json(long).choices[0].message.content).toMatch(/cut off: I see no task/);
    const { prompt_tokens } = json(long).usage;
    expect(prompt_tokens).toBeLessThanOrEqual(1_000);
    expect(prompt_tokens).toBeGreaterThan(500);
    expect(model.requests.at(-1)).toMatchObject({ conversation: null, turn: null });
    const huge = json(await talk([system, { role: 'user', content: `the task ${'x'.repeat(9_000)}` }]));
    expect(huge.usage.prompt_tokens).toBe(1_000);
    expect(huge.choices[0].message.content).toMatch(/I see no task/);
    expect(model.sent).toMatchObject({ requests: 3, input: expect.any(Number) });
    expect(
      json(await talk([system, { role: 'user', content: `${'x'.repeat(9_000)} the task` }])).choices[0].message.content,
    ).toBe('first');
  });
});

describe('what a window keeps', () => {
  const message = (role: AskedMessage['role'], text: string): AskedMessage => ({
    role,
    text: [text],
    calls: [],
    results: [],
    chars: text.length,
  });
  const messages = [
    message('system', 's'.repeat(40)),
    message('user', 'a'.repeat(400)),
    message('assistant', 'b'.repeat(400)),
    message('user', 'c'.repeat(400)),
  ];
  const asked = { model: 'm', stream: true, wantsUsage: true, system: 'sys', messages, tools: ['read'] };
  const kept = (context: number) => {
    const { asked: seen, prompt, cut } = cutTo(context, asked, 330);
    return {
      heard: seen.messages.map(({ text }) => text.join('')[0]),
      system: seen.system,
      tools: seen.tools,
      prompt,
      cut,
    };
  };
  it.each([
    [330, { heard: ['s', 'a', 'b', 'c'], system: 'sys', tools: ['read'], prompt: 330, cut: false }],
    [329, { heard: ['s', 'b', 'c'], system: 'sys', tools: ['read'], prompt: 230, cut: true }],
    [229, { heard: ['s', 'c'], system: 'sys', tools: ['read'], prompt: 130, cut: true }],
    [129, { heard: ['c'], system: '', tools: [], prompt: 129, cut: true }],
  ])('%i tokens', (context, expected) => expect(kept(context)).toEqual(expected));

  it('is the end of a message that is too long by itself, result or text', () => {
    const [said] = cutTo(50, asked, 330).asked.messages;
    expect(said!.text).toEqual(['c'.repeat(200)]);
    const result = { ...message('user', ''), results: [{ id: '1', text: `${'x'.repeat(400)}end` }], chars: 410 };
    const [heard] = cutTo(50, { ...asked, messages: [result] }, 330).asked.messages;
    expect(heard!.results[0]!.text).toHaveLength(200);
    expect(heard!.results[0]!.text.endsWith('end')).toBe(true);
  });
});

describe('LM Studio', () => {
  it('lists its models with the window in use, loaded or not', async () => {
    const { url } = await posing({ engine: 'lmstudio', models: [...MODELS, { id: 'embed', embedding: true }] });
    const v1 = json(await ask(`${url}/api/v1/models`)).models;
    expect(v1).toMatchObject([
      {
        type: 'llm',
        key: 'big:8b',
        loaded_instances: [{ config: { context_length: 8_192 } }],
        max_context_length: 131_072,
        capabilities: { trained_for_tool_use: true },
      },
      { key: 'idle:1b', loaded_instances: [], capabilities: { trained_for_tool_use: false } },
      { type: 'embedding', key: 'embed' },
    ]);
    expect(v1[2]).not.toHaveProperty('capabilities');
    const v0 = json(await ask(`${url}/api/v0/models`));
    expect(v0.data).toMatchObject([
      { id: 'big:8b', type: 'llm', state: 'loaded', loaded_context_length: 8_192, max_context_length: 131_072 },
      { id: 'idle:1b', state: 'not-loaded' },
      { type: 'embeddings' },
    ]);
    expect(v0.data[1]).not.toHaveProperty('loaded_context_length');
    expect(json(await ask(`${url}/v1/models`)).data).toHaveLength(3);
    await ask(url + CHAT, chat('idle:1b'));
    expect(json(await ask(`${url}/api/v0/models`)).data[1]).toMatchObject({ state: 'loaded' });
  });

  it('has fewer routes in earlier versions, and answers an unknown one with 200 and an error', async () => {
    const unknown = (path: string) => [200, { error: `Unexpected endpoint or method. (GET ${path})` }];
    const v0 = await posing({ engine: 'lmstudio-v0', models: MODELS });
    expect(status(await ask(`${v0.url}/api/v1/models`))).toEqual(unknown('/api/v1/models'));
    expect(json(await ask(`${v0.url}/api/v0/models`)).data).toHaveLength(2);
    const oldest = await posing({ engine: 'lmstudio-v0', old: true, models: MODELS });
    expect(status(await ask(`${oldest.url}/api/v0/models`))).toEqual(unknown('/api/v0/models'));
    const short = await posing({ engine: 'lmstudio', old: true, models: MODELS });
    expect(json(await ask(`${short.url}/api/v1/models`)).models[0]).toEqual({ id: 'big:8b', name: 'big:8b' });
  });

  it('refuses a prompt beyond its window, and a model it does not have', async () => {
    const { url } = await posing({ engine: 'lmstudio', models: [{ id: 'm', context: 100 }] });
    const long = await ask(url + CHAT, chat('m', { messages: [{ role: 'user', content: 'x'.repeat(800) }] }));
    expect([long.status, json(long).error.message]).toEqual([
      400,
      expect.stringContaining('context length of only 100 tokens'),
    ]);
    expect((await ask(url + CHAT, chat('other'))).status).toBe(404);
    expect(said(await ask(url + CHAT, chat('m'))).text).toBe('Hello.');
  });
});

describe('llama-server', () => {
  it('says what it runs, in which window', async () => {
    const { url } = await posing({ engine: 'llamacpp', version: 'b7000-abc', models: [MODELS[0]!] });
    const get = async (path: string) => status(await ask(url + path));
    expect(await get('/health')).toEqual([200, { status: 'ok' }]);
    expect(await get('/props')).toMatchObject([
      200,
      {
        default_generation_settings: { n_ctx: 8_192 },
        build_info: 'b7000-abc',
        chat_template_caps: { supports_tools: true },
      },
    ]);
    expect(await get('/v1/models')).toMatchObject([
      200,
      { data: [{ id: 'big:8b', owned_by: 'llamacpp', meta: { n_ctx_train: 131_072 } }] },
    ]);
    expect(await get('/slots')).toMatchObject([200, [{ n_ctx: 8_192, is_processing: false }]]);
    expect((await get('/api/tags'))[0]).toBe(404);
    // Any name will do where there is one model.
    for (const wire of ['openai-chat', 'openai-responses', 'anthropic-messages'] as const)
      expect(said(await ask(url + pathOf(wire), { body: body(wire, 't', true) })).text).toBe('Hello.');
  });

  it('is busy while it loads', async () => {
    const { url } = await posing({ engine: 'llamacpp', models: [{ id: 'm', loaded: false }] });
    for (const reply of [await ask(`${url}/health`), await ask(`${url}/props`), await ask(url + CHAT, chat('m'))])
      expect(status(reply)).toEqual([
        503,
        { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } },
      ]);
    expect(json(await ask(`${url}/v1/models`)).data[0].meta).toBe(null);
  });

  it('as a router loads what it is asked for, also by /props, unless told not to', async () => {
    const { url } = await posing({ engine: 'llamacpp', models: MODELS });
    const states = async () =>
      json(await ask(`${url}/models`)).data.map((one: { status: { value: string } }) => one.status.value);
    expect(json(await ask(`${url}/props`))).toMatchObject({ role: 'router' });
    expect((await ask(`${url}/props?model=idle%3A1b&autoload=false`)).status).toBe(400);
    expect(await states()).toEqual(['loaded', 'unloaded']);
    expect(json(await ask(`${url}/props?model=idle%3A1b`)).default_generation_settings.n_ctx).toBe(4_096);
    expect(await states()).toEqual(['loaded', 'loaded']);
  });

  it('refuses tools without a template for them, and a prompt beyond its window', async () => {
    const { url } = await posing({ engine: 'llamacpp', models: [{ id: 'm', context: 100, tools: false }] });
    const tools = await ask(url + CHAT, chat('m', { tools: [{ type: 'function', function: { name: 'a' } }] }));
    expect([tools.status, json(tools).error.message]).toEqual([500, 'tools param requires --jinja flag']);
    const long = await ask(url + CHAT, chat('m', { messages: [{ role: 'user', content: 'x'.repeat(800) }] }));
    expect([long.status, json(long).error]).toMatchObject([400, { type: 'exceed_context_size_error', n_ctx: 100 }]);
  });

  it('says less in an earlier version', async () => {
    const { url } = await posing({ engine: 'llamacpp', old: true });
    expect(json(await ask(`${url}/props`))).not.toHaveProperty('build_info');
    expect((await ask(url + pathOf('openai-responses'), { body: body('openai-responses', 't', true) })).status).toBe(
      404,
    );
  });
});

it('a pose is still labelled as simulated, and a wrong one does not start', async () => {
  const { url } = await posing('ollama');
  for (const path of ['/', '/api/version', '/nothing'])
    expect((await ask(url + path)).headers['x-pancode-simulated']).toBe('1');
  await expect(posing('olama')).rejects.toThrow(/pose/);
  await expect(posing({ engine: 'ollama', models: [{ id: 'm', ctx: 5 }] })).rejects.toThrow(/pose\.models\[0\]\.ctx/);
});
