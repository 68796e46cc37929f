/** How requests end that do not end well: cuts, hangs, silence, an agent that goes, a gateway that closes. */

import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { delta, event, messagesStream } from '../../core/meter/answers.ts';
import { nobody, pose } from '../../fixtures/http-server.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { ask, begin, gatewayTo, readAll, until } from './client.ts';

const dir = tempDir();
const START = event({ type: 'message_start', message: { model: 'm', usage: { input_tokens: 9, output_tokens: 1 } } });
const BODY = JSON.stringify({
  model: 'claude-sonnet-5',
  stream: true,
  messages: [{ role: 'user', content: 'x'.repeat(400) }],
});

/** A server that answers with bytes of its own. */
async function rawServer(answer: (socket: net.Socket) => void): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {}); // its client may be cut off
    socket.once('data', () => answer(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a server that is not there: a 502 the client understands, a reason, and no tokens', async () => {
  const gateway = await gatewayTo(await nobody(), 'openai-chat', dir);
  const answer = await ask(gateway, { path: '/v1/chat/completions' });
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.text)).toMatchObject({
    error: {
      type: 'api_error',
      message: 'The model server cannot be reached: nothing listens at its address (ECONNREFUSED).',
    },
  });
  expect(gateway.finished[0]).toMatchObject({
    status: null,
    input: null,
    grade: 'unknown',
    complete: false,
    error: expect.stringContaining('ECONNREFUSED'),
    brokenBy: 'service',
  });
});

test('a host name that is not known', async () => {
  const gateway = await gatewayTo('http://no-such-host.invalid', 'openai-chat', dir);
  expect((await ask(gateway, { path: '/v1/chat/completions' })).status).toBe(502);
  expect(gateway.finished[0]!.error).toMatch(/host name/);
});

test('a server that hangs up without an answer, and one that speaks no HTTP', async () => {
  const silent = await gatewayTo(await rawServer((socket) => socket.destroy()), 'anthropic-messages', `${dir}/1`);
  expect((await ask(silent)).status).toBe(502);
  expect(silent.finished[0]).toMatchObject({
    status: null,
    grade: 'unknown',
    error: expect.stringContaining('closed the connection'),
  });
  const strange = await gatewayTo(
    await rawServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n')),
    'anthropic-messages',
    `${dir}/2`,
  );
  expect((await ask(strange)).status).toBe(502);
  expect(strange.finished[0]!.error).toMatch(/cannot be reached/);
});

test('a kept connection that the server has closed meanwhile costs no request', async () => {
  let connections = 0;
  const url = await rawServerPerConnection(() => {
    connections += 1;
    return connections;
  });
  const gateway = await gatewayTo(url, 'openai-chat', dir);
  for (let i = 0; i < 3; i += 1)
    expect((await ask(gateway, { path: '/v1/chat/completions', body: '{}' })).status).toBe(200);
  expect(gateway.finished.map((request) => request.status)).toEqual([200, 200, 200]);
  expect(connections).toBeGreaterThan(1);
});

/** Answers one request per connection with keep-alive, then resets at the second one. */
async function rawServerPerConnection(opened: () => number): Promise<string> {
  const body = '{"choices":[]}';
  const server = net.createServer((socket) => {
    opened();
    let served = 0;
    socket.on('error', () => {}); // it is reset on purpose
    socket.on('data', (data) => {
      if (!data.toString().endsWith('{}')) return;
      served += 1;
      if (served > 1) return socket.resetAndDestroy();
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a stream that is cut is cut for the agent too, and its tokens are an estimate', async () => {
  const server = await pose((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(START + event(delta('x'.repeat(40))), () => response.destroy());
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const answer = await ask(gateway);
  expect(answer).toMatchObject({ status: 200, whole: false });
  await until(() => gateway.finished.length === 1);
  expect(gateway.finished[0]).toMatchObject({
    status: 200,
    input: 9,
    output: 10,
    grade: 'estimated',
    complete: false,
    error: expect.stringContaining('broke off'),
    brokenBy: 'service',
  });
});

test('a stream that ends early but politely is not complete', async () => {
  const server = await pose(
    (_request, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(START),
  );
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  expect((await ask(gateway)).whole).toBe(true);
  expect(gateway.finished[0]).toMatchObject({
    complete: false,
    grade: 'estimated',
    error: expect.stringContaining('end marker'),
    brokenBy: 'service',
  });
});

test('a damaged encoding is a cut', async () => {
  const server = await pose(
    (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
        .end('no gzip at all'),
  );
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  expect((await ask(gateway)).whole).toBe(false);
  expect(gateway.finished[0]).toMatchObject({ complete: false, error: expect.stringContaining('broke off') });
});

test('a garbage page with status 200 is unknown', async () => {
  const server = await pose(
    (_request, response) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in to the hotel network</html>'),
  );
  const gateway = await gatewayTo(server.url, 'openai-chat', dir);
  await ask(gateway, { path: '/v1/chat/completions' });
  expect(gateway.finished[0]).toMatchObject({
    status: 200,
    input: null,
    output: null,
    grade: 'unknown',
    complete: false,
    error: expect.stringContaining('no answer of this kind'),
    brokenBy: 'service',
  });
});

test('the agent that goes takes its request along, before the answer and in the middle of it', async () => {
  const closed: string[] = [];
  const server = await pose((_request, response, body) => {
    const name = JSON.parse(body).name;
    response.on('close', () => closed.push(name));
    if (name === 'middle')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(START + event(delta('x'.repeat(8))));
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const middle = await begin(gateway, { body: JSON.stringify({ name: 'middle', stream: true }) });
  await once(middle, 'data');
  middle.on('error', () => {}); // it is cut from this side
  middle.destroy();
  await until(() => closed.includes('middle') && gateway.finished.length === 1);
  expect(gateway.finished[0]).toMatchObject({
    status: 200,
    input: 9,
    output: 2,
    grade: 'estimated',
    complete: false,
    error: expect.stringContaining('agent closed'),
    brokenBy: 'here',
  });

  const agent = new http.Agent();
  const before = begin(gateway, { body: JSON.stringify({ ...JSON.parse(BODY), name: 'before' }), agent });
  await until(() => server.seen.length === 2);
  for (const sockets of Object.values(agent.sockets)) for (const socket of sockets ?? []) socket.destroy();
  await expect(before).rejects.toThrow();
  await until(() => closed.includes('before') && gateway.finished.length === 2);
  expect(gateway.finished[1]).toMatchObject({
    status: null,
    output: 0,
    grade: 'estimated',
    complete: false,
    error: expect.stringContaining('agent closed'),
    brokenBy: 'here',
  });
  expect(gateway.finished[1]!.input).toBeGreaterThan(100);
});

test('an agent that goes after a request of a hundred thousand brackets does no harm', async () => {
  const server = await pose(() => {}); // never answers
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const agent = new http.Agent();
  const body = `{"model":"m","messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  const sent = begin(gateway, { body, agent });
  await until(() => server.seen.length === 1);
  for (const sockets of Object.values(agent.sockets)) for (const socket of sockets ?? []) socket.destroy();
  await expect(sent).rejects.toThrow();
  await until(() => gateway.finished.length === 1);
  expect(gateway.finished[0]).toMatchObject({
    input: Math.ceil(body.length / 4),
    grade: 'estimated',
    brokenBy: 'here',
  });
});

test('a slow reader slows the server down: the answer is not piled up here', async () => {
  let written = 0;
  const piece = Buffer.from(event(delta('x'.repeat(64 * 1024))));
  const server = await pose((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const more = () => {
      while (written < 1_200) {
        written += 1;
        if (!response.write(piece)) return response.once('drain', more);
      }
      response.end(event({ type: 'message_stop' }));
    };
    more();
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const answer = await begin(gateway);
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(written).toBeLessThan(900);
  let size = 0;
  for await (const chunk of answer) size += (chunk as Buffer).length;
  expect(written).toBe(1_200);
  expect(size).toBeGreaterThan(1_200 * 64 * 1024);
  expect(gateway.finished[0]).toMatchObject({ complete: true, output: (1_200 * 64 * 1024) / 4 });
});

test('an answer reaches the agent while it is made: headers first, then each piece', async () => {
  const steps: (() => void)[] = [];
  const server = await pose((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    steps.push(
      () => response.write(START),
      () => response.end(event({ type: 'message_stop' })),
    );
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const answer = await begin(gateway);
  steps[0]!();
  const [first] = await once(answer, 'data');
  expect(String(first)).toBe(START);
  steps[1]!();
  expect((await readAll(answer)).whole).toBe(true);
});

test('closing cuts what is open, reports each of it once, and does not wait for a server that never ends', async () => {
  const server = await pose((_request, response, body) => {
    if (!body.includes('"quiet"')) response.writeHead(200, { 'content-type': 'text/event-stream' }).write(START);
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const open = await begin(gateway);
  const end = readAll(open);
  const quiet = begin(gateway, { body: '{"quiet":1}' }).catch((error) => error);
  await until(() => server.seen.length === 2);
  await Promise.all([gateway.close(), gateway.close()]);
  expect((await end).whole).toBe(false);
  await quiet;
  expect(gateway.finished.map((request) => request.n).sort()).toEqual([1, 2]);
  for (const request of gateway.finished)
    expect(request).toMatchObject({
      complete: false,
      grade: 'estimated',
      error: 'The dispatch ended before the answer did.',
      brokenBy: 'here',
    });
  await expect(begin(gateway)).rejects.toThrow();
});

test('an error answer that never ends is passed on with what came of it', async () => {
  const server = await pose((_request, response) => {
    response.writeHead(529, { 'content-type': 'application/json' });
    response.write('{"error":{"message":"Overloaded"');
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  expect(await ask(gateway)).toMatchObject({ status: 529, text: '{"error":{"message":"Overloaded"' });
  expect(gateway.finished[0]).toMatchObject({ status: 529, complete: false });
});

test('more requests at once than there are places are told to come again, and are not forwarded', async () => {
  const server = await pose(() => {});
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const waiting = Array.from({ length: 64 }, () => begin(gateway).catch((error) => error));
  await until(() => server.seen.length === 64);
  expect(await ask(gateway)).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  expect(server.seen.length).toBe(64);
  await gateway.close();
  await Promise.all(waiting);
  expect(gateway.finished.length).toBe(64);
});

test('many requests on kept connections, of the agent and of the server, leave nothing behind on them', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => warnings.push(warning);
  process.on('warning', listen);
  onTestFinished(() => void process.off('warning', listen));
  const server = await pose((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(messagesStream());
  });
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 30; i += 1) expect((await ask(gateway, { agent })).text).toBe(messagesStream());
  agent.destroy();
  expect(gateway.finished.filter((request) => request.grade === 'measured').length).toBe(30);
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([]);
});
