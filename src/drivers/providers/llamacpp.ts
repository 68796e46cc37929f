/**
 * llama.cpp's llama-server, known by its answer. Fields: tools/server/README.md of llama.cpp; each is optional here. In router mode a question
 * about a model would load it: only loaded ones are asked about, and with `autoload=false`.
 */
import { withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { tierOfModel, tierOfSize } from '../../core/tiers.ts';
import type { ModelEntry } from '../../protocol/fleet.ts';
import { askJson, type HttpAnswer } from '../http-json.ts';
import { inTurn } from '../in-turn.ts';
import { count, type Fields, fields, flag, list, text } from '../json-fields.ts';
import { bearer } from '../model-list.ts';

/** The default port, and the one announced to become it (llama.cpp pull request 26508). */
const DEFAULT_URLS = ['http://127.0.0.1:8080', 'http://127.0.0.1:9931'];
const ASKED_AT_ONCE = 8;

const provider: Provider = {
  id: 'llamacpp',
  wire: 'openai-chat',
  billing: 'local',
  cloud: null,
  discoverUrls: () => DEFAULT_URLS,

  async probe(url, { apiKey, timeoutMs }) {
    const base = withoutVersion(url);
    const ask = (path: string) => askJson(`${base}${path}`, { timeoutMs, headers: bearer(apiKey) });
    const [health, props, models] = await Promise.all([
      ask('/health'),
      ask('/props?autoload=false'),
      ask('/v1/models'),
    ]);
    const listed = list(bodyOf(models).data);
    const named = listed.some((model) => model.owned_by === 'llamacpp') || text(bodyOf(props).build_info) !== null;
    if (isLoading(health))
      return {
        state: 'unavailable',
        reason: 'llama-server is loading its model',
        models: listed.flatMap((model) => entry(model, {}, false)),
      };
    if ([health, props, models].some(({ kind }) => kind === 'silent')) return 'silent';
    if (!named) {
      // Its health needs no key, everything else does.
      const open = text(bodyOf(health).status) === 'ok';
      const closed = [props, models].every(
        (one) => one.kind === 'answer' && (one.status === 401 || one.status === 403),
      );
      return open && closed
        ? { state: 'auth-required', reason: `${base} wants the API key llama-server was started with`, models: [] }
        : null;
    }
    const router = listed.some((model) => typeof model.status === 'object' && model.status !== null);
    const own = bodyOf(props);
    const entries = router
      ? await inTurn(listed, ASKED_AT_ONCE, async (model) => {
          const state = text(fields(model.status).value);
          const loaded = state === null ? null : state === 'loaded';
          const about = `/props?model=${encodeURIComponent(text(model.id) ?? '')}&autoload=false`;
          return entry(model, loaded ? bodyOf(await ask(about)) : {}, loaded);
        })
      : listed.map((model) => entry(model, own, flag(own.is_sleeping) !== true));
    const found = entries.flat();
    return {
      state: 'ready',
      reason: found.length > 0 ? null : 'llama-server lists no model',
      models: found,
      slots: router ? null : count(own.total_slots),
    };
  },
};
export default provider;

const bodyOf = (answer: HttpAnswer): Fields =>
  answer.kind === 'answer' && answer.status === 200 ? fields(answer.body) : {};

function isLoading(health: HttpAnswer): boolean {
  if (health.kind !== 'answer' || health.status !== 503) return false;
  const error = fields(fields(health.body).error);
  return error.type === 'unavailable_error' && /loading model/i.test(text(error.message) ?? '');
}

/** `meta` is null while a model loads. `props`: what the server says of this model; empty = unknown. */
function entry(model: Fields, props: Fields, loaded: boolean | null): ModelEntry[] {
  const id = text(model.id);
  if (id === null) return [];
  const meta = fields(model.meta);
  const caps = fields(props.chat_template_caps);
  const size = count(meta.n_params);
  return [
    {
      id,
      // Of one slot: what a single request can fill.
      context: loaded ? count(fields(props.default_generation_settings).n_ctx) : null,
      trainedContext: count(meta.n_ctx_train),
      loaded,
      tools: flag(caps.supports_tool_calls) ?? flag(caps.supports_tools),
      tier: size === null ? tierOfModel(id) : tierOfSize(size),
    },
  ];
}
