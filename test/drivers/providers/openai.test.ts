import { expect, it } from 'vitest';
import openai from '../../../src/drivers/providers/openai.ts';
import { conformProvider } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';
import { cloudProvider } from './cloud.ts';

conformProvider(openai, { asks: true });
cloudProvider(openai, { path: '/v1/models', keyHeader: 'authorization', keyed: (key) => `Bearer ${key}` });

it.each(['', '/v1', '/v1/'])('asks the same at a URL that ends in "%s"', async (end) => {
  const server = await pose(routes({ '/v1/models': {} }));
  await openai.probe(server.url + end, { apiKey: 'k', timeoutMs: 1_000 });
  expect(server.seen).toEqual(['GET /v1/models']);
});
