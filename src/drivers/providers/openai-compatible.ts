/** Any service that speaks Chat Completions at a configured URL: vLLM, gateways, hosted services. Its price is unknown unless configured. */
import { withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { tierOfModel } from '../../core/tiers.ts';
import { askJson } from '../http-json.ts';

const provider: Provider = {
  id: 'openai-compatible',
  wire: 'openai-chat',
  billing: 'unknown',
  cloud: null,
  discoverUrls: () => [],

  /**
   * Only a service that is not there, or says that the key is wrong, is not ready: many do not list their models, and one that is
   * busy answers late.
   */
  async probe(url, { apiKey, timeoutMs }) {
    const base = withoutVersion(url);
    const answer = await askJson(`${base}/v1/models`, {
      timeoutMs,
      headers: apiKey === null ? {} : { authorization: `Bearer ${apiKey}` },
    });
    if (answer.kind === 'absent') return null;
    if (answer.kind === 'silent')
      return { state: 'ready', reason: `${base} accepts connections but did not list its models in time`, models: [] };
    if (answer.status === 401 || answer.status === 403)
      return { state: 'auth-required', reason: `${base} refuses the key (HTTP ${answer.status})`, models: [] };
    const data: unknown = (answer.body as { data?: unknown } | null | undefined)?.data;
    const ids = (Array.isArray(data) ? data : []).flatMap((model: { id?: unknown } | null) =>
      typeof model?.id === 'string' && model.id !== '' ? [model.id] : [],
    );
    return {
      state: 'ready',
      reason: ids.length > 0 ? null : `${base} does not list its models`,
      models: [...new Set(ids)].map((id) => ({
        id,
        context: null,
        trainedContext: null,
        loaded: null,
        tools: null,
        tier: tierOfModel(id),
      })),
    };
  },
};
export default provider;
