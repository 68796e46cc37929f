/** Any service that speaks Chat Completions at a configured URL: vLLM, gateways, hosted services. Its price is unknown unless configured. */
import { serviceUrl, withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { askModels, bearer, named } from '../model-list.ts';

const provider: Provider = {
  id: 'openai-compatible',
  wire: 'openai-chat',
  billing: 'unknown',
  cloud: null,
  discoverUrls: () => [],

  /**
   * Only a service that is not there, cannot be spoken with, or says that the key is wrong, is not ready: many do not list their models, and one that is
   * busy answers late.
   */
  async probe(url, { apiKey, timeoutMs }) {
    const base = withoutVersion(url);
    const answer = await askModels(serviceUrl('openai-chat', base, '/v1/models'), {
      timeoutMs,
      headers: bearer(apiKey),
    });
    if (answer.kind === 'absent') return null;
    if (answer.kind === 'broken')
      return {
        state: 'unavailable',
        reason: `${base} accepts connections and then fails (${answer.reason})`,
        models: [],
      };
    if (answer.kind === 'silent')
      return { state: 'ready', reason: `${base} accepts connections but did not list its models in time`, models: [] };
    if (answer.kind === 'refused')
      return { state: 'auth-required', reason: `${base} refuses the key (HTTP ${answer.status})`, models: [] };
    return {
      state: 'ready',
      reason: answer.ids.length > 0 ? null : `${base} does not list its models`,
      models: answer.ids.map(named),
    };
  },
};
export default provider;
