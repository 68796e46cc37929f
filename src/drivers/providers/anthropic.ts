/** Anthropic's Messages API, with a key. Nothing is asked over the network: the key's presence makes it a candidate, a request proves it. */
import type { Provider } from '../../core/contracts.ts';
import { tierOfModel } from '../../core/tiers.ts';

/** Current general models, best default first (Anthropic's models overview). Others can be named in the configuration or with --worker. */
const MODELS = ['claude-sonnet-5', 'claude-opus-4-8', 'claude-haiku-4-5'];

const provider: Provider = {
  id: 'anthropic',
  wire: 'anthropic-messages',
  billing: 'api',
  cloud: { apiKeyEnv: 'ANTHROPIC_API_KEY', url: 'https://api.anthropic.com' },
  discoverUrls: () => [],

  async probe() {
    return {
      state: 'ready',
      reason: null,
      models: MODELS.map((id) => ({
        id,
        context: 200_000,
        trainedContext: 200_000,
        loaded: null,
        tools: true,
        tier: tierOfModel(id),
      })),
    };
  },
};
export default provider;
