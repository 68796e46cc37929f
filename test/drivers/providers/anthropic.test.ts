import { expect, it } from 'vitest';
import anthropic from '../../../src/drivers/providers/anthropic.ts';
import { conformProvider, modelsOf } from '../../conformance/providers.ts';
import { cloudProvider } from './cloud.ts';

conformProvider(anthropic, { asks: true });
cloudProvider(anthropic, { path: '/v1/models', keyHeader: 'x-api-key', keyed: (key) => key });

it('has a frontier model first', async () => {
  const answer = await anthropic.probe('https://api.anthropic.com/v1', { apiKey: 'k', timeoutMs: 1 });
  expect(modelsOf(answer)[0]!.tier).toBe('frontier');
});
