/** What every provider must hold, whatever is at the other end. */
import { describe, expect, it } from 'vitest';
import type { Provider } from '../../src/core/contracts.ts';
import type { ModelEntry } from '../../src/protocol/fleet.ts';
import { RUNTIME_STATES, TIERS, WIRES } from '../../src/protocol/words.ts';
import { nobody, pose } from '../fixtures/http-server.ts';

const TIMEOUT_MS = 250;

/** The models of an answer that has to be one. */
export function modelsOf(answer: Awaited<ReturnType<Provider['probe']>>): ModelEntry[] {
  if (answer === null || answer === 'silent') throw new Error(`no answer: ${answer}`);
  return answer.models;
}

/** `asks`: the provider speaks to the service when probed; one that does not is the same wherever it is pointed at. */
export function conformProvider(provider: Provider, options: { asks: boolean }): void {
  const probe = (url: string) => provider.probe(url, { apiKey: null, timeoutMs: TIMEOUT_MS });
  const sound = (answer: Awaited<ReturnType<Provider['probe']>>) => {
    if (answer === null || answer === 'silent') return;
    expect(RUNTIME_STATES).toContain(answer.state);
    for (const model of answer.models) {
      expect(model.id).toMatch(/./);
      expect(TIERS).toContain(model.tier);
      expect(model.context === null || model.context > 0).toBe(true);
    }
  };

  describe(`${provider.id} as a provider`, () => {
    it('is described in known words', () => {
      expect(provider.id).toMatch(/^[a-z][a-z-]*$/);
      expect(WIRES).toContain(provider.wire);
      for (const url of provider.discoverUrls({}))
        expect(new URL(url).hostname).toMatch(/^(127\.0\.0\.1|\[::1\]|localhost)$/);
    });

    it.skipIf(!options.asks)('is not there where nobody is', async () =>
      expect(await probe(await nobody())).toBeNull(),
    );

    it('survives a URL of another kind', async () => sound(await probe('file:///etc/passwd')));

    it.each([
      ['garbage', (_: unknown, response: import('node:http').ServerResponse) => response.end('<html>hello')],
      ['null', (_: unknown, response: import('node:http').ServerResponse) => response.end('null')],
      ['a list', (_: unknown, response: import('node:http').ServerResponse) => response.end('[1,{"id":5}]')],
      ['a broken connection', (request: import('node:http').IncomingMessage) => request.socket.destroy()],
      ['500', (_: unknown, response: import('node:http').ServerResponse) => response.writeHead(500).end('{}')],
      ['silence', () => {}],
      [
        'an answer that never ends',
        (_: unknown, response: import('node:http').ServerResponse) => response.write('{"models":['),
      ],
      [
        'a redirect',
        (_: unknown, response: import('node:http').ServerResponse) =>
          response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      ],
    ])('survives %s', async (_name, answer) => {
      const server = await pose((request, response) => void answer(request, response));
      sound(await probe(server.url));
    });

    it('survives an answer without end in size', async () => {
      const server = await pose((_request, response) => {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      });
      sound(await probe(server.url));
    });
  });
}
