import { afterAll, describe, expect, it } from 'vitest';
import provider from '../../../src/drivers/providers/simulated.ts';
import { startSimulated } from '../../../src/drivers/simulated/server.ts';
import { conformProvider, modelsOf } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';

conformProvider(provider, { asks: true });

describe('simulated', () => {
  const probe = (url: string) => provider.probe(url, { apiKey: null, timeoutMs: 5_000 });
  const model = startSimulated({
    script: { models: ['m1', 'claude-sonnet-5', 'm1'], conversations: [{ turns: [{}] }] },
  });
  afterAll(async () => (await model).close());

  it.each(['', '/', '/v1', '/v1/'])('is found at a URL that ends in "%s"', async (end) => {
    const answer = await probe((await model).url + end);
    expect(answer).toMatchObject({ state: 'ready', reason: null });
    expect(modelsOf(answer).map(({ id, tools, tier }) => [id, tools, tier])).toEqual([
      ['m1', true, 'any'],
      ['claude-sonnet-5', true, 'frontier'],
    ]);
  });

  it('is known by its answer: a real service at the same address is not taken for it', async () => {
    const server = await pose(routes({ '/v1/models': { object: 'list', data: [{ id: 'm1', owned_by: 'vllm' }] } }));
    expect(await probe(server.url)).toBeNull();
  });

  it('is never looked for', () => expect(provider.discoverUrls({ PANCODE: '1' })).toEqual([]));
});
