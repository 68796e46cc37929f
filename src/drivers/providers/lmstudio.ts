/**
 * LM Studio, known by its answer: its REST API v1 (0.4 and later), else v0 (0.3.6 and later), else the ids of its OpenAI list. Fields: the
 * vendor's pages "REST API v1" and "v0"; each is optional here. Discovery loads no model.
 */
import { withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { sizeOf, tierOfModel, tierOfSize } from '../../core/tiers.ts';
import type { ModelEntry } from '../../protocol/fleet.ts';
import { askJson, type HttpAnswer } from '../http-json.ts';
import { count, type Fields, fields, flag, list, text } from '../json-fields.ts';
import { bearer, named } from '../model-list.ts';

const DEFAULT_URL = 'http://127.0.0.1:1234';

const provider: Provider = {
  id: 'lmstudio',
  wire: 'openai-chat',
  billing: 'local',
  cloud: null,
  discoverUrls: () => [DEFAULT_URL],

  async probe(url, { apiKey, timeoutMs }) {
    const base = withoutVersion(url);
    const ask = (path: string) => askJson(`${base}${path}`, { timeoutMs, headers: bearer(apiKey) });
    const [v1, v0, plain] = await Promise.all([ask('/api/v1/models'), ask('/api/v0/models'), ask('/v1/models')]);
    const answers = [v1, v0, plain];
    if (answers.some(({ kind }) => kind === 'silent')) return 'silent';
    if (answers.every((one) => one.kind === 'answer' && (one.status === 401 || one.status === 403)))
      return { state: 'auth-required', reason: `${base} wants LM Studio’s API token`, models: [] };
    const known = answers.some(isLmStudio);
    const models =
      inShape(v1, 'models', ['key', 'type'], known)?.flatMap(fromV1) ??
      inShape(v0, 'data', ['id', 'type', 'state'], known)?.flatMap(fromV0) ??
      (known ? inShape(plain, 'data', ['id'], known)?.flatMap(({ id }) => (text(id) ? [named(text(id)!)] : [])) : null);
    if (!models) return null;
    return { state: 'ready', reason: models.length === 0 ? 'no model is installed; `lms get` gets one' : null, models };
  },
};
export default provider;

const bodyOf = (answer: HttpAnswer): Fields =>
  answer.kind === 'answer' && answer.status === 200 ? fields(answer.body) : {};

/** Signs no other server gives: its answer to a path it does not know (status 200), and the owner in its OpenAI list. */
function isLmStudio(answer: HttpAnswer): boolean {
  const body = bodyOf(answer);
  return (
    text(body.error)?.startsWith('Unexpected endpoint or method') === true ||
    list(body.data).some((model) => model.owned_by === 'organization_owner')
  );
}

/** The list under `name` where its models have these fields, or, of a server known to be LM Studio, whatever they have. */
function inShape(answer: HttpAnswer, name: string, shape: string[], known: boolean): Fields[] | null {
  const models = bodyOf(answer)[name];
  if (!Array.isArray(models)) return null;
  const fits = models.length > 0 && list(models).every((model) => shape.every((field) => text(model[field]) !== null));
  return fits || known ? list(models) : null;
}

function fromV1(model: Fields): ModelEntry[] {
  const id = text(model.key) ?? text(model.id);
  if (id === null || model.type === 'embedding') return [];
  const running = Array.isArray(model.loaded_instances) ? list(model.loaded_instances) : null;
  // A request names the model: of several instances the one of that name answers.
  const instance = running?.find((one) => one.id === id) ?? running?.[0];
  const size = sizeOf(text(model.params_string) ?? '');
  return [
    {
      id,
      context: count(fields(instance?.config).context_length),
      trainedContext: count(model.max_context_length),
      loaded: running === null ? null : running.length > 0,
      tools: flag(fields(model.capabilities).trained_for_tool_use),
      tier: size === null ? tierOfModel(id) : tierOfSize(size),
    },
  ];
}

function fromV0(model: Fields): ModelEntry[] {
  const id = text(model.id);
  if (id === null || model.type === 'embeddings') return [];
  const state = text(model.state);
  return [
    {
      id,
      context: state === 'loaded' ? count(model.loaded_context_length) : null,
      trainedContext: count(model.max_context_length),
      loaded: state === null ? null : state === 'loaded',
      tools: Array.isArray(model.capabilities) ? model.capabilities.includes('tool_use') : null,
      tier: tierOfModel(id),
    },
  ];
}
