import { once } from 'node:events';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import provider from '../../../src/drivers/providers/openai-compatible.ts';
import { conformProvider, modelsOf } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';
import { certificate, privateKey } from '../../fixtures/loopback-certificate.ts';

conformProvider(provider, { asks: true });
const probe = (url: string, apiKey: string | null = null) => provider.probe(url, { apiKey, timeoutMs: 300 });

describe('openai-compatible', () => {
  it.each(['', '/', '/v1', '/v1/'])('lists models at a URL that ends in "%s", with the key', async (end) => {
    const server = await pose(
      routes({ '/v1/models': { data: [{ id: 'm1' }, { id: 'm1' }, { id: 'qwen:8b' }, {}, null] } }),
    );
    const answer = await probe(server.url + end, 'secret');
    expect(answer).toMatchObject({ state: 'ready', reason: null });
    expect(modelsOf(answer).map(({ id, tier }) => [id, tier])).toEqual([
      ['m1', 'any'],
      ['qwen:8b', 'small'],
    ]);
    expect(server.headers[0]!.authorization).toBe('Bearer secret');
  });

  it.each([
    [404, 'ready', /does not list/],
    [500, 'ready', /does not list/],
    [401, 'auth-required', /refuses the key/],
    [403, 'auth-required', /refuses the key/],
  ] as const)('HTTP %i is %s', async (status, state, reason) => {
    const server = await pose((_request, response) => response.writeHead(status).end('no'));
    expect(await probe(server.url)).toMatchObject({ state, reason: expect.stringMatching(reason), models: [] });
  });

  it('takes a busy server for one that is there', async () => {
    const server = await pose(() => {});
    expect(await probe(server.url)).toMatchObject({ state: 'ready', reason: expect.stringContaining('in time') });
  });

  it('says why one is not ready that cannot be spoken with: no trusted certificate, no HTTP', async () => {
    const server = https.createServer({ cert: certificate, key: privateKey }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    expect(await probe(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)).toMatchObject({
      state: 'unavailable',
      reason: expect.stringContaining('SELF_SIGNED'),
    });
    const other = net.createServer((socket) => socket.end('hello\n')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    expect(await probe(`http://127.0.0.1:${(other.address() as AddressInfo).port}`)).toMatchObject({
      state: 'unavailable',
      reason: expect.stringContaining('HPE_'),
    });
  });

  it('survives a key that no header can carry', async () => {
    const server = await pose(routes({}));
    expect(await probe(server.url, 'a\nb')).toBeNull();
  });
});
