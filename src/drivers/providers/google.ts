/** Google's Gemini API, with a key. */
import { serviceUrl, withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { tierOfModel } from '../../core/tiers.ts';
import { probeCloud } from '../cloud-probe.ts';

/** Current general models, best default first (Google's models page); all have the same window. Others can be named in the configuration or with --worker. */
const MODELS = ['gemini-3.1-pro-preview', 'gemini-3.5-flash', 'gemini-2.5-flash-lite'];
const WINDOW = 1_048_576;
const PUBLIC_URL = 'https://generativelanguage.googleapis.com';

const provider: Provider = {
  id: 'google',
  wire: 'gemini',
  billing: 'api',
  // The two names Google's own libraries read.
  cloud: { apiKeyEnv: 'GEMINI_API_KEY', otherKeyEnvs: ['GOOGLE_API_KEY'], url: PUBLIC_URL },
  discoverUrls: () => [],

  probe: async (url, { apiKey, timeoutMs }) =>
    probeCloud(url, {
      publicUrl: PUBLIC_URL,
      modelsUrl: serviceUrl('gemini', withoutVersion(url), '/v1beta/models'),
      headers: apiKey === null ? {} : { 'x-goog-api-key': apiKey },
      models: MODELS.map((id) => ({
        id,
        context: WINDOW,
        trainedContext: WINDOW,
        loaded: null,
        tools: true,
        tier: tierOfModel(id),
      })),
      timeoutMs,
    }),
};
export default provider;
