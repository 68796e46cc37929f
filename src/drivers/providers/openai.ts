/** OpenAI's Responses API, with a key. */
import { serviceUrl, withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { tierOfModel } from '../../core/tiers.ts';
import { probeCloud } from '../cloud-probe.ts';
import { bearer } from '../model-list.ts';

/** Current general models, best default first, with their windows (OpenAI's models page). Others can be named in the configuration or with --worker. */
const MODELS: readonly (readonly [id: string, context: number])[] = [
  ['gpt-5.5', 1_000_000],
  ['gpt-5.4-mini', 400_000],
  ['gpt-5.4-nano', 400_000],
];
const PUBLIC_URL = 'https://api.openai.com';

const provider: Provider = {
  id: 'openai',
  wire: 'openai-responses',
  billing: 'api',
  cloud: { apiKeyEnv: 'OPENAI_API_KEY', url: PUBLIC_URL },
  discoverUrls: () => [],

  probe: async (url, { apiKey, timeoutMs }) =>
    probeCloud(url, {
      publicUrl: PUBLIC_URL,
      modelsUrl: serviceUrl('openai-responses', withoutVersion(url), '/v1/models'),
      headers: bearer(apiKey),
      models: MODELS.map(([id, context]) => ({
        id,
        context,
        trainedContext: context,
        loaded: null,
        tools: true,
        tier: tierOfModel(id),
      })),
      timeoutMs,
    }),
};
export default provider;
