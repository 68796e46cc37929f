/** What the server answers besides a good answer, and many clients at once. */
import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { startSimulated } from '../../../src/drivers/simulated/server.ts';
import { PanError } from '../../../src/protocol/error.ts';
import { WIRES } from '../../../src/protocol/words.ts';
import { errorWord, FORMS } from './forms.ts';
import { ask, body, events, json, pathOf, said, saying, simulated } from './talk.ts';

const MESSAGES = pathOf('anthropic-messages');
const anthropic = { 'anthropic-version': '2023-06-01' };

describe('beside the models’ answers', () => {
  it('is there', async () => {
    const model = await saying({ text: 'x' });
    expect(await ask(`${model.url}/`, { method: 'HEAD' })).toMatchObject({ status: 200, bytes: Buffer.alloc(0) });
    expect(model.requests).toMatchObject([{ method: 'HEAD', path: '/', wire: null, model: null, turn: null }]);
    expect(model.sent.requests).toBe(0);
  });

  it('lists its models in the form of every API', async () => {
    const model = await simulated({ models: ['a', 'b'], conversations: [{ turns: [{}] }] });
    const openai = json(await ask(`${model.url}/v1/models`));
    expect([openai.object, openai.data.map((one: { id: string; object: string }) => [one.id, one.object])]).toEqual([
      'list',
      [
        ['a', 'model'],
        ['b', 'model'],
      ],
    ]);
    const listed = json(await ask(`${model.url}/v1/models?limit=20`, { headers: anthropic }));
    expect(listed).toMatchObject({ data: [{ type: 'model', id: 'a' }, { id: 'b' }], has_more: false, last_id: 'b' });
    expect(json(await ask(`${model.url}/v1beta/models`))).toMatchObject({
      models: [{ name: 'models/a' }, { name: 'models/b' }],
    });
    expect(json(await ask(`${model.url}/v1/models/a`, { headers: { 'x-goog-api-key': 'k' } })).name).toBe('models/a');
    for (const [given, id] of [
      ['org%2Fm', 'org/m'],
      ['50%', '50%'],
    ])
      expect(json(await ask(`${model.url}/models/${given}`)).id).toBe(id);
  });

  it('counts tokens, also of a request without max_tokens', async () => {
    const model = await saying({ text: 'x' });
    const request = { model: 'm', messages: [{ role: 'user', content: 'x'.repeat(400) }] };
    const { input_tokens } = json(await ask(`${model.url}/v1/messages/count_tokens?beta=true`, { body: request }));
    expect(input_tokens).toBe(Math.ceil(JSON.stringify(request).length / 4));
    const prompt = FORMS.gemini.body([FORMS.gemini.user('x'.repeat(400))], true);
    for (const asked of [prompt, { generateContentRequest: { model: 'models/m', ...prompt } }])
      expect(json(await ask(`${model.url}/v1beta/models/m:countTokens`, { body: asked }))).toEqual({
        totalTokens: Math.ceil(JSON.stringify(asked).length / 4),
      });
    const input = FORMS['openai-responses'].body([FORMS['openai-responses'].user('x')], true);
    expect(json(await ask(`${model.url}/v1/responses/input_tokens`, { body: input }))).toEqual({
      object: 'response.input_tokens',
      input_tokens: Math.ceil(JSON.stringify(input).length / 4),
    });
    expect(model.sent.requests).toBe(0);
  });

  it.each([
    ['GET', '/v1/messages'],
    ['POST', '/v1/embeddings'],
    ['GET', '/anything'],
  ])('does not know %s %s, in the words of either API', async (method, path) => {
    const model = await saying({ text: 'x' });
    const reply = await ask(model.url + path, { method, ...(method === 'POST' ? { body: '{}' } : {}) });
    expect([reply.status, json(reply).error.type]).toEqual([404, 'not_found_error']);
    expect(json(await ask(model.url + path, { method, headers: anthropic })).type).toBe('error');
  });

  it('labels every answer as simulated', async () => {
    const model = await saying({ fail: [{ status: 503 }, { status: 500, body: '<html>' }], text: 'x' });
    const good = { body: body('anthropic-messages', 't', true) };
    const replies = [
      await ask(`${model.url}/`, { method: 'HEAD' }),
      await ask(`${model.url}/v1/models`),
      await ask(`${model.url}/nothing`),
      await ask(model.url + MESSAGES, { body: '{' }),
      ...[
        await ask(model.url + MESSAGES, good),
        await ask(model.url + MESSAGES, good),
        await ask(model.url + MESSAGES, good),
      ],
      await ask(model.url + MESSAGES, { body: body('anthropic-messages', 't', false) }),
    ];
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 404, 400, 503, 500, 200, 503]);
    for (const reply of replies) expect(reply.headers['x-pancode-simulated']).toBe('1');
  });
});

describe.each(WIRES)('a request that %s does not allow', (wire) => {
  const form = FORMS[wire];
  const messages = (list: object[]) => form.body(list, false);
  const [task, call, result] = [form.user('t'), form.call('1', 'a'), form.result('1', 'a', 'r')];
  it.each<[string, unknown, RegExp]>([
    ['is no JSON', '{"model": ', /body/],
    ['is null', 'null', /body/],
    ...(wire === 'gemini'
      ? []
      : ([['has no model', body(wire, 't', false, { model: undefined }), /^model: /]] satisfies [
          string,
          unknown,
          RegExp,
        ][])),
    ['has no messages', messages([]), new RegExp(`^${form.messages}: `)],
    ['has a role that is none', messages([{ ...task, role: 'robot' }]), new RegExp(`^${form.messages}`)],
    ['has content that is none', messages([{ role: 'user', content: 5, parts: 5 }]), new RegExp(`^${form.messages}`)],
    ['has a result without a call', messages([task, result]), /unexpected tool result for the call "1"/],
    ['has a call without a result', messages([task, call, task]), /the tool calls 1 have no results/],
    [
      'fits no conversation',
      body(wire, 'something else', false),
      /no conversation of the script fits the task "something else"/,
    ],
  ])('because it %s gets 400 and the reason', async (_name, request, message) => {
    const model = await simulated({
      conversations: [{ when: '/^t$/', turns: [{ text: 'x' }, { text: '{lastResult}' }] }],
    });
    const reply = await ask(model.url + pathOf(wire, false), { body: request as string });
    const document = json(reply);
    expect([reply.status, errorWord(document)]).toEqual([400, form.errorWord(400)]);
    expect(document.error.message).toMatch(message);
    expect(model.requests[0]).toMatchObject({ wire, conversation: null, turn: null });
    expect(model.sent).toMatchObject({ requests: 1, output: 0 });
    // The same conversation, as it should be.
    const good = json(await ask(model.url + pathOf(wire, false), { body: messages([task, call, result]) }));
    expect(form.text(good)).toBe('r');
  });
});

it('a Messages request needs max_tokens', async () => {
  const model = await saying({ text: 'x' });
  const reply = await ask(model.url + MESSAGES, {
    body: body('anthropic-messages', 't', true, { max_tokens: undefined }),
  });
  expect([reply.status, json(reply).error.message]).toEqual([400, expect.stringContaining('max_tokens')]);
});

it('a request larger than the real service takes gets 413', async () => {
  const model = await saying({ text: 'x' });
  const reply = await ask(model.url + MESSAGES, { body: 'x'.repeat(32 * 1024 * 1024 + 1) });
  expect([reply.status, json(reply).error.type]).toEqual([413, 'request_too_large']);
  expect((await ask(model.url + MESSAGES, { body: body('anthropic-messages', 't', true) })).status).toBe(200);
});

describe.each(WIRES)('failures on %s', (wire) => {
  const once = (url: string, task = 't', headers = {}) =>
    ask(url + pathOf(wire), { body: body(wire, task, true), headers });

  it('come first, in the words of the wire, and then the turn is answered', async () => {
    const fail = [
      { status: 429, retryAfter: 7, times: 2 },
      { status: 500, body: '<html>' },
      { status: 529, message: 'full' },
    ];
    const model = await saying({ text: 'x', fail });
    const replies = [];
    for (let n = 0; n < 5; n += 1) replies.push(await once(model.url));
    expect(replies.map((reply) => reply.status)).toEqual([429, 429, 500, 529, 200]);
    expect(replies[0]!.headers['retry-after']).toBe('7');
    expect(json(replies[0]!).error.message).toBe('scripted failure 429');
    expect(errorWord(json(replies[0]!))).toBe(FORMS[wire].errorWord(429));
    if (wire === 'gemini') expect(json(replies[0]!).error.details).toMatchObject([{ retryDelay: '7s' }]);
    expect([replies[2]!.bytes.toString(), replies[2]!.headers['content-type']]).toEqual(['<html>', 'text/html']);
    expect(json(replies[3]!).error.message).toBe('full');
    expect(said(replies[4]!).text).toBe('x');
    expect(model.requests.map((request) => request.attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(model.sent.requests).toBe(5);
  });

  it('come again when the conversation comes again', async () => {
    const model = await saying({ text: 'x', fail: [{ status: 503 }] });
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await once(model.url)).status);
    expect(statuses).toEqual([503, 200, 503, 200]);
  });

  it('can be broken answers', async () => {
    const fail = Object.fromEntries([['then', 'cut']]);
    const model = await saying({ text: 'x'.repeat(100), fail: [fail, { status: 500 }] });
    expect([(await once(model.url)).broke, (await once(model.url)).status, (await once(model.url)).broke]).toEqual([
      'ECONNRESET',
      500,
      null,
    ]);
  });

  it('are counted for each conversation and each session by itself', async () => {
    const model = await saying({ text: '{task}', fail: [{ status: 429, times: 3 }] });
    const retry = async (task: string, session?: string) => {
      const headers = session ? { 'x-claude-code-session-id': session } : {};
      const statuses = [];
      for (;;) {
        const reply = await once(model.url, task, headers);
        statuses.push(reply.status);
        if (reply.status === 200) return [...statuses, said(reply).text];
      }
    };
    const tasks = Array.from({ length: 10 }, (_, n) => `task ${n}`);
    const all = await Promise.all([...tasks.map((task) => retry(task)), retry('same', 'a'), retry('same', 'b')]);
    expect(all).toEqual([...tasks, 'same', 'same'].map((task) => [429, 429, 429, 200, task]));
  });
});

it('fifty conversations at once do not disturb one another', async () => {
  const model = await simulated({
    conversations: [
      {
        when: '/^task \\d*[02468]$/',
        turns: [{ text: 'even {task}', calls: [{ call: { name: 'a', args: {} } }] }, { text: '{lastResult}' }],
      },
      { turns: [{ text: 'odd {task}' }] },
    ],
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
  const talk = async (n: number) => {
    const wire = WIRES[n % WIRES.length]!;
    const form = FORMS[wire];
    const stream = n % 5 === 0;
    const reply = await ask(model.url + pathOf(wire, stream), { body: body(wire, `task ${n}`, stream), agent });
    const first = stream ? said(reply).text : form.text(json(reply));
    if (n % 2 === 1) return first;
    const id = stream && wire !== 'gemini' ? idOf(events(reply)) : form.callId(stream ? null : json(reply));
    const messages = [form.user(`task ${n}`), form.call(id, 'a'), form.result(id, 'a', `result ${n}`)];
    const second = await ask(model.url + pathOf(wire), { body: form.body(messages, true), agent });
    return `${first}, ${said(second).text}`;
  };
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => talk(n)));
  agent.destroy();
  expect(answers).toEqual(
    Array.from({ length: 50 }, (_, n) => (n % 2 ? `odd task ${n}` : `even task ${n}, result ${n}`)),
  );
  expect(model.sent.requests).toBe(75);
});

// biome-ignore lint/suspicious/noExplicitAny: events of any wire.
function idOf(list: any[]): string {
  for (const event of list) {
    const id = event.content_block?.id ?? event.choices?.[0]?.delta.tool_calls?.[0]?.id ?? event.item?.call_id;
    if (id) return id;
  }
  throw new Error('there is no call');
}

it('a wrong script does not start', async () => {
  const error = await startSimulated({ script: { conversations: [{ turns: [{ txt: 'x' }] }] } }).catch(
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(PanError);
  expect(error.message).toContain('conversations[0].turns[0].txt');
});

it('listens on loopback only and remembers as many requests as it is told', async () => {
  const model = await startSimulated({ script: { conversations: [{ turns: [{ text: 'x' }] }] }, remember: 2 });
  try {
    expect(model.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    for (let n = 0; n < 4; n += 1) await ask(`${model.url}/v1/models?${n}`);
    expect(model.requests.map((request) => request.path)).toEqual(['/v1/models?2', '/v1/models?3']);
  } finally {
    await model.close();
  }
});
