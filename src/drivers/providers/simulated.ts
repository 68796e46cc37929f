/** The simulated model (drivers/simulated), known by the owner it gives its models. It speaks every wire; this entry is its Chat Completions side. */
import { withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { tierOfModel } from '../../core/tiers.ts';
import { askJson } from '../http-json.ts';

const OWNER = 'pancode-simulated';

const provider: Provider = {
  id: 'simulated',
  wire: 'openai-chat',
  billing: 'simulated',
  cloud: null,
  discoverUrls: () => [],

  async probe(url, { timeoutMs }) {
    const answer = await askJson(`${withoutVersion(url)}/v1/models`, { timeoutMs });
    if (answer.kind === 'silent') return 'silent';
    if (answer.kind !== 'answer' || answer.status !== 200) return null;
    const data: unknown = (answer.body as { data?: unknown } | null | undefined)?.data;
    const ids = (Array.isArray(data) ? data : []).flatMap((model: { id?: unknown; owned_by?: unknown } | null) =>
      model?.owned_by === OWNER && typeof model.id === 'string' && model.id !== '' ? [model.id] : [],
    );
    if (ids.length === 0) return null;
    return {
      state: 'ready',
      reason: null,
      models: [...new Set(ids)].map((id) => ({
        id,
        context: null,
        trainedContext: null,
        loaded: null,
        tools: true,
        tier: tierOfModel(id),
      })),
    };
  },
};
export default provider;
