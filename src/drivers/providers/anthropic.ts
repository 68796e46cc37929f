/** Anthropic's Messages API, with a key. */
import { serviceUrl, withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { tierOfModel } from '../../core/tiers.ts';
import { probeCloud } from '../cloud-probe.ts';

/** Current general models, best default first (Anthropic's models overview). Others can be named in the configuration or with --worker. */
const MODELS = ['claude-sonnet-5', 'claude-opus-4-8', 'claude-haiku-4-5'];
const PUBLIC_URL = 'https://api.anthropic.com';

const provider: Provider = {
  id: 'anthropic',
  wire: 'anthropic-messages',
  billing: 'api',
  cloud: { apiKeyEnv: 'ANTHROPIC_API_KEY', url: PUBLIC_URL },
  discoverUrls: () => [],

  probe: async (url, { apiKey, timeoutMs }) =>
    probeCloud(url, {
      publicUrl: PUBLIC_URL,
      modelsUrl: serviceUrl('anthropic-messages', withoutVersion(url), '/v1/models'),
      headers: { 'anthropic-version': '2023-06-01', ...(apiKey === null ? {} : { 'x-api-key': apiKey }) },
      models: MODELS.map((id) => ({
        id,
        context: 200_000,
        trainedContext: 200_000,
        loaded: null,
        tools: true,
        tier: tierOfModel(id),
      })),
      timeoutMs,
    }),
};
export default provider;
