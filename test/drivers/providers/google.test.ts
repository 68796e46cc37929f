import { expect, it } from 'vitest';
import google from '../../../src/drivers/providers/google.ts';
import { conformProvider } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';
import { cloudProvider } from './cloud.ts';

conformProvider(google, { asks: true });
cloudProvider(google, { path: '/v1beta/models', keyHeader: 'x-goog-api-key', keyed: (key) => key });

it.each(['', '/v1beta', '/v1beta/'])('asks the same at a URL that ends in "%s"', async (end) => {
  const server = await pose(routes({ '/v1beta/models': {} }));
  await google.probe(server.url + end, { apiKey: 'k', timeoutMs: 1_000 });
  expect(server.seen).toEqual(['GET /v1beta/models']);
});
