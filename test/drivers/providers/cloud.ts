/** What the hosted services have in common. */
import { describe, expect, it } from 'vitest';
import type { Provider } from '../../../src/core/contracts.ts';
import { priceOf } from '../../../src/drivers/prices.ts';
import { modelsOf } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';

export function cloudProvider(
  provider: Provider,
  expected: { path: string; keyHeader: string; keyed: (key: string) => string },
): void {
  const probe = (url: string, apiKey: string | null = 'secret') => provider.probe(url, { apiKey, timeoutMs: 1_000 });

  describe(`${provider.id} as a hosted service`, () => {
    it('is asked nothing at its public address', async () => {
      // With 1 ms no answer over a network could come.
      const answer = await provider.probe(`${provider.cloud!.url}/`, { apiKey: 'k', timeoutMs: 1 });
      expect(answer).toMatchObject({ state: 'ready', reason: null });
      expect(modelsOf(answer).length).toBeGreaterThan(0);
    });

    it('is asked with its key at any other address', async () => {
      const server = await pose(routes({ [expected.path]: {} }));
      expect(await probe(server.url)).toMatchObject({ state: 'ready' });
      expect(server.seen).toEqual([`GET ${expected.path}`]);
      expect(server.headers[0]![expected.keyHeader]).toBe(expected.keyed('secret'));
    });

    it('says that the key is refused, and keeps its models in the list', async () => {
      const server = await pose((_request, response) => response.writeHead(401).end('{}'));
      const answer = await probe(server.url);
      expect(answer).toMatchObject({ state: 'auth-required', reason: expect.stringContaining('refuses the key') });
      expect(modelsOf(answer).length).toBeGreaterThan(0);
    });

    it('ships models of a known tier and window, some with a flat price', async () => {
      const models = modelsOf(await provider.probe(provider.cloud!.url, { apiKey: 'k', timeoutMs: 1 }));
      const prices = await Promise.all(
        models.map(({ id }) =>
          priceOf({ workerId: id, endpoint: 'x', model: id, provider: provider.id, overrides: {} }),
        ),
      );
      expect(prices.some((price) => price !== null)).toBe(true);
      for (const { tier, context } of models) {
        expect(tier).not.toBe('any');
        expect(context).toBeGreaterThan(100_000);
      }
    });
  });
}
