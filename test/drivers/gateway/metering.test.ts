/** What the gateway counts, on every wire, and what it passes on unchanged. */
import type http from 'node:http';
import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import {
  chatStream,
  chunk,
  event,
  geminiStream,
  messagesStream,
  responsesStream,
  said,
} from '../../core/meter/answers.ts';
import { pose } from '../../fixtures/http-server.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { ask, begin, gatewayTo, readAll } from './client.ts';

const dir = tempDir();
const stream =
  (text: string, headers: http.OutgoingHttpHeaders = {}) =>
  (_: http.IncomingMessage, response: http.ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
    response.end(text);
  };
const CHAT = '/v1/chat/completions';

test('a Messages stream passes byte for byte and is measured', async () => {
  const server = await pose(stream(messagesStream(), { 'request-id': 'req_1' }));
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const answer = await ask(gateway, {
    path: '/v1/messages?beta=true',
    body: '{"model":"claude-sonnet-5-20260101","stream":true}',
  });
  expect(answer).toMatchObject({
    status: 200,
    text: messagesStream(),
    whole: true,
    headers: { 'request-id': 'req_1', 'content-type': 'text/event-stream' },
  });
  expect(gateway.started).toEqual([{ n: 1, path: '/v1/messages' }]);
  expect(gateway.finished).toEqual([
    {
      n: 1,
      path: '/v1/messages',
      model: 'claude-sonnet-5',
      status: 200,
      input: 12,
      cacheRead: 4001,
      cacheWrite: 300,
      output: 57,
      reasoning: 8,
      grade: 'measured',
      complete: true,
      simulated: false,
      ms: expect.any(Number),
      firstTokenMs: expect.any(Number),
      retryAfterMs: null,
      error: null,
      brokenBy: null,
    },
  ]);
  const [request] = gateway.finished;
  expect(request!.firstTokenMs).toBeLessThanOrEqual(request!.ms);
});

test('a Chat Completions stream is asked for its usage; the model is the one that was asked for', async () => {
  const bodies: string[] = [];
  const server = await pose((request, response, body) => {
    bodies.push(body);
    stream(chatStream())(request, response);
  });
  const gateway = await gatewayTo(server.url, 'openai-chat', dir);
  const answer = await ask(gateway, { path: CHAT, body: '{"model":"side-model","stream":true,"messages":[]}' });
  expect(answer.text).toBe(chatStream());
  expect(JSON.parse(bodies[0]!)).toEqual({
    model: 'side-model',
    stream: true,
    messages: [],
    stream_options: { include_usage: true },
  });
  expect(gateway.finished[0]).toMatchObject({
    model: 'side-model',
    input: 400,
    cacheRead: 600,
    cacheWrite: null,
    output: 40,
    reasoning: 25,
    grade: 'measured',
  });
  await ask(gateway, { path: CHAT, body: '{"stream":true}' });
  expect(gateway.finished[1]!.model).toBe('served-name');
});

test.each([400, 422])(
  'a server that refuses stream_options (%i) is asked again without, and not asked for it any more',
  async (status) => {
    const bodies: string[] = [];
    const server = await pose((request, response, body) => {
      bodies.push(body);
      if (!body.includes('stream_options'))
        return stream(chunk(said('x'.repeat(40))) + chunk('[DONE]'))(request, response);
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end('{"error":{"message":"Unrecognized request argument: stream_options"}}');
    });
    const gateway = await gatewayTo(server.url, 'openai-chat', dir);
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'y'.repeat(400) }] });
    expect((await ask(gateway, { path: CHAT, body })).status).toBe(200);
    expect((await ask(gateway, { path: CHAT, body })).status).toBe(200);
    expect(bodies.map((sent) => sent === body)).toEqual([false, true, true]);
    expect(gateway.started.length).toBe(2);
    expect(gateway.finished[0]).toMatchObject({
      status: 200,
      output: 10,
      cacheRead: null,
      grade: 'estimated',
      complete: true,
    });
    expect(gateway.finished[0]!.input).toBeGreaterThanOrEqual(100);
  },
);

test('a client’s own refusal to be told usage, or its own fault, is left alone', async () => {
  const bodies: string[] = [];
  const server = await pose((_request, response, body) => {
    bodies.push(body);
    response.writeHead(400).end('{"error":"stream_options is wrong"}');
  });
  const gateway = await gatewayTo(server.url, 'openai-chat', dir);
  const body = '{"stream":true,"stream_options":{"include_usage":false}}';
  expect((await ask(gateway, { path: CHAT, body })).status).toBe(400);
  expect(bodies).toEqual([body]);
});

test.each([
  [
    'openai-responses',
    '/v1/responses',
    '{"model":"gpt-5.5","stream":true,"input":"x"}',
    responsesStream(),
    'gpt-5.5',
    300,
    100,
  ],
  [
    'gemini',
    '/v1beta/models/gemini-flash-latest:streamGenerateContent?alt=sse',
    '{"contents":[]}',
    geminiStream(),
    'gemini-flash-latest',
    400,
    null,
  ],
] as const)(
  'a stream on %s passes byte for byte, is sent on as it was asked, and is measured under the name that was asked for',
  async (wire, target, asked, text, model, input, cacheWrite) => {
    const bodies: string[] = [];
    const server = await pose((request, response, body) => {
      bodies.push(body);
      stream(text)(request, response);
    });
    const gateway = await gatewayTo(server.url, wire, dir);
    const answer = await ask(gateway, { path: target, body: asked });
    expect([answer.text, bodies]).toEqual([text, [asked]]);
    expect(gateway.finished).toMatchObject([
      {
        path: target.split('?')[0],
        model,
        input,
        cacheRead: 600,
        cacheWrite,
        output: 40,
        reasoning: 25,
        grade: 'measured',
      },
    ]);
  },
);

test('Google says in its error how long to wait', async () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '39.5s' }];
  const error = { code: 429, message: 'Quota exceeded.', status: 'RESOURCE_EXHAUSTED', details };
  for (const text of [JSON.stringify({ error }), JSON.stringify([{ error }])]) {
    const server = await pose((_request, response) => void response.writeHead(429).end(text));
    const gateway = await gatewayTo(server.url, 'gemini', dir);
    expect((await ask(gateway, { path: '/v1beta/models/m:streamGenerateContent' })).text).toBe(text);
    expect(gateway.finished[0]).toMatchObject({
      status: 429,
      retryAfterMs: 39_500,
      error: 'Quota exceeded.',
      model: 'm',
    });
  }
});

test('an answer in one document', async () => {
  const text = JSON.stringify({
    type: 'message',
    model: 'claude-haiku-4-5',
    content: [{ type: 'text', text: 'Hi' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 5, output_tokens: 3, cache_read_input_tokens: 0 },
  });
  const server = await pose(
    (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(text),
  );
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  expect((await ask(gateway, { body: '{"model":"claude-sonnet-5"}' })).text).toBe(text);
  expect(gateway.finished[0]).toMatchObject({
    model: 'claude-haiku-4-5',
    input: 5,
    cacheRead: 0,
    cacheWrite: null,
    output: 3,
    grade: 'measured',
    complete: true,
    firstTokenMs: null,
  });
});

test('token counting and model lists pass, are reported, and count no tokens', async () => {
  const server = await pose(
    (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"input_tokens":99,"usage":{"input_tokens":9}}'),
  );
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  await ask(gateway, { path: '/v1/messages/count_tokens', body: '{"model":"m"}' });
  await ask(gateway, { method: 'GET', path: '/v1/models', body: null });
  expect(server.seen).toEqual(['POST /v1/messages/count_tokens', 'GET /v1/models']);
  expect(gateway.finished.map(({ n, path, input, grade, complete }) => ({ n, path, input, grade, complete }))).toEqual([
    { n: 1, path: '/v1/messages/count_tokens', input: null, grade: 'unknown', complete: true },
    { n: 2, path: '/v1/models', input: null, grade: 'unknown', complete: true },
  ]);
});

test.each([
  ['gzip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ['zstd', zlib.zstdCompressSync],
] as const)('a server that sends %s although it was asked not to is decoded', async (encoding, compress) => {
  const bytes = compress(Buffer.from(messagesStream()));
  const server = await pose((_request, response) => {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'content-encoding': encoding,
      'content-length': bytes.length,
    });
    response.end(bytes);
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const answer = await ask(gateway);
  expect(answer).toMatchObject({ text: messagesStream(), whole: true });
  expect(answer.headers).not.toHaveProperty('content-encoding');
  expect(gateway.finished[0]).toMatchObject({ output: 57, grade: 'measured' });
});

test('an encoding nobody knows passes as it is and is unknown', async () => {
  const server = await pose(
    stream('\u0001\u0002', { 'content-encoding': 'x-odd', 'content-type': 'application/octet-stream' }),
  );
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  expect(await ask(gateway)).toMatchObject({ text: '\u0001\u0002', headers: { 'content-encoding': 'x-odd' } });
  expect(gateway.finished[0]).toMatchObject({
    status: 200,
    grade: 'unknown',
    input: null,
    complete: false,
    error: expect.stringContaining('no answer of this kind'),
  });
});

test('the simulated model is known by its header', async () => {
  const server = await pose(stream(messagesStream(), { 'x-pancode-simulated': '1' }));
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  await ask(gateway);
  expect(gateway.finished[0]!.simulated).toBe(true);
});

test('errors of the service pass with their words; a limit says when to come back', async () => {
  const server = await pose((_request, response) => {
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '12' });
    response.end('{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}');
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const answer = await ask(gateway);
  expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '12' } });
  expect(JSON.parse(answer.text).error.message).toBe('Slow down.');
  expect(gateway.finished[0]).toMatchObject({
    status: 429,
    retryAfterMs: 12_000,
    error: 'Slow down.',
    model: 'claude-sonnet-5',
    input: null,
    grade: 'unknown',
  });
});

test('fifty streams at once, each with its own counts, in small pieces', async () => {
  const server = await pose((_request, response, body) => {
    const { n } = JSON.parse(body) as { n: number };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const start = { type: 'message_start', message: { model: `m${n}`, usage: { input_tokens: n, output_tokens: 1 } } };
    const end = { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1000 + n } };
    const bytes = Buffer.from(
      event(start) +
        event({ type: 'content_block_delta', delta: { type: 'text_delta', text: `ü${n}`.repeat(50) } }) +
        event(end) +
        event({ type: 'message_stop' }),
    );
    const send = (at: number) => {
      if (at >= bytes.length) return response.end();
      response.write(bytes.subarray(at, at + 97));
      setImmediate(send, at + 97);
    };
    send(0);
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const open = await Promise.all(
    Array.from({ length: 50 }, (_, n) => begin(gateway, { body: JSON.stringify({ n, stream: true }) })),
  );
  const answers = await Promise.all(open.map(readAll));
  for (const [n, answer] of answers.entries())
    expect(answer).toMatchObject({ status: 200, whole: true, text: expect.stringContaining(`"m${n}"`) });
  expect(gateway.finished.length).toBe(50);
  for (const request of gateway.finished)
    expect(request).toMatchObject({ output: 1000 + request.input!, model: `m${request.input}`, complete: true });
  expect(gateway.finished.map((request) => request.n).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
});
