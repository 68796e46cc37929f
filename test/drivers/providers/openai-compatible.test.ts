import { describe, expect, it } from 'vitest';
import provider from '../../../src/drivers/providers/openai-compatible.ts';
import { conformProvider } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';

conformProvider(provider, { asks: true });
const probe = (url: string, apiKey: string | null = null) => provider.probe(url, { apiKey, timeoutMs: 300 });

describe('openai-compatible', () => {
  it.each(['', '/', '/v1', '/v1/'])('lists models at a URL that ends in "%s", with the key', async (end) => {
    const server = await pose(
      routes({ '/v1/models': { data: [{ id: 'm1' }, { id: 'm1' }, { id: 'qwen:8b' }, {}, null] } }),
    );
    const answer = await probe(server.url + end, 'secret');
    expect(answer).toMatchObject({ state: 'ready', reason: null });
    expect(answer!.models.map(({ id, tier }) => [id, tier])).toEqual([
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

  it('survives a key that no header can carry', async () => {
    const server = await pose(routes({}));
    expect(await probe(server.url, 'a\nb')).toBeNull();
  });
});
