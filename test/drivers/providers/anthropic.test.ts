import { expect, it } from 'vitest';
import anthropic from '../../../src/drivers/providers/anthropic.ts';
import { conformProvider } from '../../conformance/providers.ts';
import { pose } from '../../fixtures/http-server.ts';

conformProvider(anthropic, { asks: false });

it('lists its models without asking anybody', async () => {
  const server = await pose(() => {});
  const answer = await anthropic.probe(server.url, { apiKey: 'k', timeoutMs: 100 });
  expect(answer!.models.map(({ tier }) => tier)).toContain('frontier');
  expect(server.seen).toEqual([]);
});
