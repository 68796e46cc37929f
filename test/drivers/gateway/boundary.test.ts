/** What the gateway lets through and what not: paths, tokens, keys, headers, sizes. */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { pose } from '../../fixtures/http-server.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { ask, gatewayTo, KEY, raw, TOKEN } from './client.ts';

const socketDir = (name: string) => path.join(root, name);
const root = tempDir();
const ok = (_request: http.IncomingMessage, response: http.ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
};

describe('who may ask, and what', () => {
  test('the socket is private to the user', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('private'));
    expect(gateway.port).toBe(null);
    expect(fs.statSync(gateway.dir).mode & 0o777).toBe(0o700);
    expect(fs.statSync(path.join(gateway.dir, 'sock')).mode & 0o777).toBe(0o600);
    await gateway.close();
    expect(fs.readdirSync(gateway.dir)).toEqual([]);
  });

  test('a socket directory of any length works', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir(`long ${'x'.repeat(150)} ü`));
    expect((await ask(gateway)).text).toBe('{"ok":true}');
  });

  test('without sandbox it listens on loopback instead, and wants the token there too', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('tcp'), { listenTcp: true });
    expect(gateway.port).toBeGreaterThan(0);
    expect(fs.existsSync(gateway.dir)).toBe(false);
    expect((await ask(gateway)).status).toBe(200);
    expect((await ask(gateway, { headers: { 'x-api-key': '' } })).status).toBe(401);
  });

  test.each([
    ['none', { 'x-api-key': '' }],
    ['a wrong one', { 'x-api-key': `${TOKEN}x` }],
    ['the real key', { 'x-api-key': KEY }],
    ['a wrong bearer', { 'x-api-key': '', authorization: 'Bearer nope' }],
    ['another scheme', { 'x-api-key': '', authorization: `Basic ${TOKEN}` }],
  ])('token: %s is refused and reaches nobody', async (_, headers) => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('token'));
    const answer = await ask(gateway, { headers });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toMatchObject({ type: 'error', error: { type: 'authentication_error' } });
    expect(server.seen).toEqual([]);
    expect(gateway.started).toEqual([]);
  });

  test.each([
    ['x-api-key', '/v1beta/models/m:generateContent', { 'x-api-key': TOKEN }],
    ['a bearer token', '/v1beta/models/m:generateContent', { authorization: `Bearer ${TOKEN}` }],
    ['x-goog-api-key', '/v1beta/models/m:generateContent', { 'x-goog-api-key': TOKEN }],
    ['?key=', `/v1beta/models/m:generateContent?key=${TOKEN}`, {}],
  ])('the token is taken where clients put a key (%s), and goes no further', async (_, target, headers) => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'gemini', socketDir('places'));
    expect((await ask(gateway, { path: target, headers: { 'x-api-key': '', ...headers } })).status).toBe(200);
    expect(server.seen).toEqual(['POST /v1beta/models/m:generateContent']);
    expect(server.headers[0]).toMatchObject({ 'x-goog-api-key': KEY });
    expect(JSON.stringify([server.seen, server.headers])).not.toContain(TOKEN);
    expect(JSON.stringify([gateway.started, gateway.finished])).not.toContain(TOKEN);
  });

  test('a wrong ?key= is no token, and the token nowhere else in an address', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'gemini', socketDir('query'));
    const none = { 'x-api-key': '' };
    const wrong = await ask(gateway, { path: '/v1beta/models/m:generateContent?key=other', headers: none });
    expect([wrong.status, JSON.parse(wrong.text).error]).toMatchObject([401, { code: 401, status: 'UNAUTHENTICATED' }]);
    const lost = await ask(gateway, { method: 'GET', path: `/v1beta/models/${TOKEN}`, body: null });
    expect([lost.status, JSON.parse(lost.text).error.status]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(server.seen).toEqual([]);
  });

  test.each([
    ['openai-chat', '/api/paas/v4', '/v1/chat/completions', '/api/paas/v4/chat/completions'],
    ['openai-responses', '/v1/account/gateway/openai', '/v1/responses', '/v1/account/gateway/openai/responses'],
    ['gemini', '', '/models/m:streamGenerateContent?alt=sse', '/v1beta/models/m:streamGenerateContent?alt=sse'],
    ['gemini', '', '/v1/models/m:generateContent', '/v1/models/m:generateContent'],
  ] as const)('%s below "%s": %s goes to %s', async (wire, base, target, expected) => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url + base, wire, socketDir('base'));
    await ask(gateway, { path: target });
    expect(server.seen).toEqual([`POST ${expected}`]);
  });

  test('other paths, methods and absolute URIs are refused in the wire’s own form', async () => {
    const server = await pose(ok);
    const messages = await gatewayTo(server.url, 'anthropic-messages', socketDir('paths-a'));
    const chat = await gatewayTo(server.url, 'openai-chat', socketDir('paths-b'));
    const responses = await gatewayTo(server.url, 'openai-responses', socketDir('paths-c'));
    const gemini = await gatewayTo(server.url, 'gemini', socketDir('paths-d'));
    for (const [method, target] of [
      ['POST', '/v1/files'],
      ['PUT', '/v1/messages'],
      ['POST', `${server.url}/v1/messages`],
      ['GET', '/v1/models/../files'],
    ] as const) {
      const one = await ask(messages, { method, path: target, body: null });
      expect(one.status).toBe(403);
      expect(JSON.parse(one.text)).toMatchObject({
        type: 'error',
        error: { type: 'permission_error', message: expect.stringContaining('gateway') },
      });
      for (const gateway of [chat, responses]) {
        const two = await ask(gateway, { method, path: target, body: null });
        expect(JSON.parse(two.text)).toMatchObject({
          error: { type: 'permission_error', message: expect.stringContaining('gateway') },
        });
      }
      const three = await ask(gemini, { method, path: target, body: null });
      expect(JSON.parse(three.text)).toEqual({
        error: { code: 403, status: 'PERMISSION_DENIED', message: expect.stringContaining('gateway') },
      });
    }
    expect(server.seen).toEqual([]);
    expect(messages.started).toEqual([]);
  });

  test('CONNECT and upgrades are refused', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('connect'));
    const host = server.url.slice('http://'.length);
    expect(await raw(gateway, `CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1.1 403 /);
    const upgrade = `POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ${TOKEN}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`;
    expect(await raw(gateway, upgrade)).toMatch(/^HTTP\/1.1 403 /);
    expect(server.seen).toEqual([]);
  });

  test('"anybody there" is answered without asking anybody, and is no request', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('head'));
    expect((await ask(gateway, { method: 'HEAD', path: '/', body: null, headers: { 'x-api-key': '' } })).status).toBe(
      200,
    );
    expect(server.seen).toEqual([]);
    expect(gateway.started).toEqual([]);
  });

  test('garbage on the socket leaves the gateway at work', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('garbage'));
    expect(await raw(gateway, '\0\u0001 nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect((await ask(gateway)).status).toBe(200);
  });

  test('a refusal by budget: nothing is forwarded, and the status is one no client tries again', async () => {
    const server = await pose(ok);
    let spent = false;
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('budget'), {
      refuse: () => (spent ? 'This dispatch has reached its budget.' : null),
    });
    expect((await ask(gateway)).status).toBe(200);
    spent = true;
    const answer = await ask(gateway);
    expect(answer).toMatchObject({ status: 400, headers: { 'x-should-retry': 'false' } });
    expect(JSON.parse(answer.text).error.message).toBe('This dispatch has reached its budget.');
    expect(server.seen.length).toBe(1);
    expect(gateway.finished.length).toBe(1);
  });

  test('a body beyond the limit is refused before it is forwarded; the connection goes on', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('large'));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const answer = await ask(gateway, { body: Buffer.alloc(33 * 1024 * 1024, 'x'), agent });
    expect(answer.status).toBe(413);
    expect(server.seen).toEqual([]);
    expect((await ask(gateway, { agent })).status).toBe(200);
    agent.destroy();
  });

  test('a URL that is no model service is refused at the start', async () => {
    for (const baseUrl of ['ftp://x', 'nonsense', 'file:///etc/passwd', 'http://'])
      await expect(gatewayTo(baseUrl, 'openai-chat', socketDir('bad'))).rejects.toMatchObject({ code: 'bad-upstream' });
  });
});

describe('keys and headers', () => {
  test.each([
    ['anthropic-messages', '/v1/messages', { 'x-api-key': KEY }],
    ['openai-responses', '/v1/responses', { authorization: `Bearer ${KEY}` }],
    ['openai-chat', '/v1/chat/completions', { authorization: `Bearer ${KEY}` }],
    ['gemini', '/v1beta/models/m:generateContent', { 'x-goog-api-key': KEY }],
  ] as const)('%s: the key goes in its own header, the token nowhere', async (wire, target, expected) => {
    const server = await pose(ok);
    const gateway = await gatewayTo(`${server.url}/some/base`, wire, socketDir(`key-${wire}`));
    const headers = {
      'x-api-key': TOKEN,
      authorization: `Bearer ${TOKEN}`,
      'x-goog-api-key': TOKEN,
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'a,b',
      'user-agent': 'cli/1',
      cookie: 'a=b',
      'x-custom': `carries ${TOKEN}`,
      connection: 'keep-alive, x-hop',
      'x-hop': '1',
      te: 'trailers',
      'proxy-authorization': 'Basic x',
      'accept-encoding': 'gzip, br',
      'if-none-match': '"1"',
      'x-forwarded-for': '10.0.0.1',
    };
    await ask(gateway, { path: `${target}?beta=true`, headers });
    expect(server.seen).toEqual([`POST /some/base${target}?beta=true`]);
    const [sent] = server.headers;
    expect(sent).toMatchObject({
      ...expected,
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'a,b',
      'user-agent': 'cli/1',
      'accept-encoding': 'identity',
    });
    expect(sent!.host).toBe(server.url.slice('http://'.length));
    for (const name of [
      'cookie',
      'x-custom',
      'x-hop',
      'te',
      'proxy-authorization',
      'if-none-match',
      'x-forwarded-for',
      ...['x-api-key', 'authorization', 'x-goog-api-key'].filter((name) => !(name in expected)),
    ])
      expect(sent).not.toHaveProperty(name);
    expect(JSON.stringify(sent)).not.toContain(TOKEN);
  });

  test('a service that wants no key gets none', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'openai-chat', socketDir('keyless'), { apiKey: null });
    await ask(gateway, { path: '/v1/chat/completions' });
    expect(server.headers[0]).not.toHaveProperty('authorization');
    expect(server.headers[0]).not.toHaveProperty('x-api-key');
  });

  test('a key that cannot be a header is a fault that is told, without the key', async () => {
    const server = await pose(ok);
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('bad-key'), { apiKey: `${KEY}\n` });
    const answer = await ask(gateway);
    expect(answer.status).toBe(502);
    expect(answer.text).toContain('most likely the key');
    expect(answer.text).not.toContain(KEY);
    expect(gateway.finished[0]!.error).toContain('most likely the key');
  });

  test('a service that repeats the key in errors and headers tells it neither the agent nor the journal', async () => {
    const server = await pose((request, response) => {
      const key = String(request.headers['x-api-key']);
      response.writeHead(401, { 'content-type': 'application/json', 'x-echo': `was ${key}`, 'set-cookie': 'a=b' });
      response.end(
        JSON.stringify({ type: 'error', error: { type: 'authentication_error', message: `invalid key ${key}` } }),
      );
    });
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('echo'));
    const answer = await ask(gateway);
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text).error.message).toBe('invalid key [key]');
    expect(JSON.stringify([answer, gateway.finished])).not.toContain(KEY);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(gateway.finished[0]).toMatchObject({
      status: 401,
      error: 'invalid key [key]',
      grade: 'unknown',
      input: null,
    });
  });

  test('a good answer that repeats the key tells it the agent neither, in whatever pieces it comes', async () => {
    const said = `{"model":"m","content":[{"type":"text","text":"${KEY} s sk-real"}],"stop_reason":"end_turn"}`;
    const text = `${said} ${KEY}${KEY} ${KEY.slice(0, 9)}`;
    const server = await pose(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
      for (let at = 0; at < text.length; at += 7) {
        response.write(text.slice(at, at + 7));
        await setImmediate();
      }
      response.end();
    });
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('good-echo'));
    const hidden = text.replaceAll(KEY, '*'.repeat(KEY.length));
    expect(await ask(gateway)).toMatchObject({ whole: true, text: hidden });
  });

  test('a key in an error inside a good stream does not reach the journal', async () => {
    const server = await pose((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`event: error\ndata: ${JSON.stringify({ type: 'error', error: { message: `bad ${KEY}` } })}\n\n`);
    });
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('echo-stream'));
    await ask(gateway);
    expect(gateway.finished[0]).toMatchObject({ complete: false, error: 'bad [key]' });
  });

  test.each([true, false])(
    'nor does the beginning of one where a long error is cut (in a stream: %s)',
    async (streams) => {
      const text = JSON.stringify({ type: 'error', error: { message: `${'x'.repeat(280)} ${KEY}` } });
      const server = await pose((_request, response) => {
        response.writeHead(streams ? 200 : 400, { 'content-type': streams ? 'text/event-stream' : 'application/json' });
        response.end(streams ? `event: error\ndata: ${text}\n\n` : text);
      });
      const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir(`cut-${streams}`));
      await ask(gateway);
      expect(gateway.finished[0]!.error).toBe(`${'x'.repeat(280)} [key]`);
    },
  );

  test.each([301, 302, 307, 308])('a redirect (%i) is not followed', async (status) => {
    const other = await pose(ok);
    const server = await pose((_request, response) => {
      response.writeHead(status, { location: `${other.url}/v1/messages?secret=1` }).end();
    });
    const gateway = await gatewayTo(server.url, 'anthropic-messages', socketDir('redirect'));
    const answer = await ask(gateway);
    expect(answer.status).toBe(400);
    expect(answer.headers).not.toHaveProperty('location');
    expect(JSON.parse(answer.text).error.message).toContain('redirects');
    expect(other.seen).toEqual([]);
    expect(gateway.finished[0]).toMatchObject({ status, error: expect.stringContaining('redirects') });
  });
});
