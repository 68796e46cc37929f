/** Ollama, known by its answer and not by its port. Fields: Ollama docs/api.md; each is optional here. Discovery loads no model. */
import { isLoopback, withoutVersion } from '../../core/base-url.ts';
import type { Provider } from '../../core/contracts.ts';
import { sizeOf, tierOfModel, tierOfSize } from '../../core/tiers.ts';
import type { ModelEntry } from '../../protocol/fleet.ts';
import { askJson, type HttpAnswer } from '../http-json.ts';
import { inTurn } from '../in-turn.ts';
import { count, type Fields, fields, list, text } from '../json-fields.ts';
import { bearer } from '../model-list.ts';

const DEFAULT_URL = 'http://127.0.0.1:11434';
/** `/api/show` calls at a time: a machine with a hundred models is not asked a hundred things at once. */
const SHOW_AT_ONCE = 8;
/** What a model has not said of itself after this long together with all the others stays unknown, ms. */
const SHOW_MS = 1_000;

/**
 * Where `OLLAMA_HOST` points a client, by the rules of Ollama's envconfig: quotes and blanks trimmed; without scheme http and
 * 11434, `http://` without port 80, `https://` 443; a bad port is the default; a bind address is reached on loopback. null = not loopback.
 */
export function ollamaUrl(host: string | undefined): string | null {
  const trimmed = (host ?? '')
    .trim()
    .replace(/^["']+|["']+$/g, '')
    .trim();
  if (trimmed === '') return DEFAULT_URL;
  const scheme = /^(https?):\/\//.exec(trimmed)?.[1];
  const rest = (scheme === undefined ? trimmed : trimmed.slice(scheme.length + 3)).split('/')[0]!;
  // A bare IPv6 address has colons that start no port.
  const bare = rest.split(':').length > 2 && !rest.startsWith('[');
  const parts = bare ? [rest, `[${rest}]`] : (/^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(rest) ?? [rest, rest]);
  const byDefault = scheme === 'http' ? 80 : scheme === 'https' ? 443 : 11434;
  const given = parts[2];
  const port = given !== undefined && /^\d+$/.test(given) && Number(given) <= 65535 ? Number(given) : byDefault;
  const name = parts[1] === '' || parts[1] === '0.0.0.0' ? '127.0.0.1' : parts[1] === '[::]' ? '[::1]' : parts[1]!;
  const url = `${scheme ?? 'http'}://${name}:${port}`;
  return isLoopback(url) ? url : null;
}

const provider: Provider = {
  id: 'ollama',
  wire: 'openai-chat',
  billing: 'local',
  cloud: null,
  discoverUrls: (env) => {
    const url = ollamaUrl(env.OLLAMA_HOST);
    return url === null ? [] : [url];
  },

  async probe(url, { apiKey, timeoutMs }) {
    const base = withoutVersion(url);
    const ask = (path: string, post?: unknown) =>
      askJson(`${base}${path}`, { timeoutMs, headers: bearer(apiKey), post });
    const [version, tags, running] = await Promise.all([ask('/api/version'), ask('/api/tags'), ask('/api/ps')]);
    if (version.kind === 'silent' || tags.kind === 'silent') return 'silent';
    if (version.kind !== 'answer') return null;
    if (version.status === 401 || version.status === 403)
      return { state: 'auth-required', reason: `${base} wants a key (HTTP ${version.status})`, models: [] };
    if (version.status !== 200 || text(fields(version.body).version) === null) return null;
    if (tags.kind !== 'answer' || !Array.isArray(fields(tags.body).models))
      return { state: 'unavailable', reason: 'Ollama answers, but does not list its models', models: [] };

    const installed = list(fields(tags.body).models);
    // A remote model runs elsewhere: it is neither local nor free, which is what this provider says of its models.
    const local = installed.filter((model) => text(model.remote_model) === null && text(model.remote_host) === null);
    const loaded = running.kind === 'answer' && running.status === 200 ? list(fields(running.body).models) : null;
    const end = performance.now() + SHOW_MS;
    const show = async (model: string): Promise<HttpAnswer> =>
      performance.now() < end ? ask('/api/show', { model }) : { kind: 'silent' };
    const models = (await inTurn(local, SHOW_AT_ONCE, (model) => describe(model, loaded, show))).filter(
      (model) => model !== null,
    );
    const remote = installed.length - local.length;
    const reason =
      remote > 0
        ? `${remote} remote ${remote === 1 ? 'model is' : 'models are'} left out: they do not run on this machine`
        : models.length === 0
          ? 'no model is installed; `ollama pull MODEL` gets one'
          : null;
    return { state: 'ready', reason, models };
  },
};
export default provider;

/** null: an embedding model, which no agent can use, or a remote one. */
async function describe(
  model: Fields,
  loaded: Fields[] | null,
  ask: (id: string) => Promise<HttpAnswer>,
): Promise<ModelEntry | null> {
  const id = text(model.model) ?? text(model.name);
  if (id === null) return null;
  const shown = await ask(id);
  const show = shown.kind === 'answer' && shown.status === 200 ? fields(shown.body) : {};
  // Where the list leaves it out, the model itself says it.
  if (text(show.remote_model) !== null || text(show.remote_host) !== null) return null;
  const capabilities = Array.isArray(show.capabilities) ? show.capabilities : null;
  if (capabilities?.includes('embedding') && !capabilities.includes('completion')) return null;
  const info = fields(show.model_info);
  const details = text(fields(model.details).parameter_size) ?? '';
  const parameters = count(info['general.parameter_count']) ?? sizeOf(details);
  const running = loaded?.find((one) => (text(one.model) ?? text(one.name)) === id);
  return {
    id,
    // The window in use; a Chat Completions request cannot raise it. Unknown while nothing is loaded.
    context: count(running?.context_length),
    trainedContext: count(info[`${String(info['general.architecture'])}.context_length`]),
    loaded: loaded === null ? null : running !== undefined,
    tools: capabilities === null ? null : capabilities.includes('tools'),
    tier: parameters === null ? tierOfModel(id) : tierOfSize(parameters),
  };
}
