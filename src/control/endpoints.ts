/** Which endpoints a client has: configured ones, public services its keys open, and local engines that answer. Pure but for `URL`. */
import { isLoopback, withoutVersion } from '../core/base-url.ts';
import type { Provider } from '../core/contracts.ts';
import { tierOfModel } from '../core/tiers.ts';
import type { Config } from '../protocol/config.ts';
import type { EndpointEntry, ModelEntry } from '../protocol/fleet.ts';

export type ProviderAnswer = Exclude<Awaited<ReturnType<Provider['probe']>>, 'silent'>;
type Keys = Readonly<Record<string, string>>;

export interface WantedEndpoint {
  id: string;
  providerId: string;
  /** undefined: PanCode has no such provider. */
  provider: Provider | undefined;
  url: string;
  apiKeyEnv: string | null;
  models: NonNullable<Config['endpoints'][number]['models']>;
}

/** Configured endpoints first, then the services whose key is there; a service under the same id or URL as a configured one is left out. */
export function wantedEndpoints(
  config: Pick<Config, 'endpoints' | 'discover'>,
  providers: readonly Provider[],
  keys: Keys,
): WantedEndpoint[] {
  const wanted: WantedEndpoint[] = config.endpoints.map((endpoint) => ({
    id: endpoint.id,
    providerId: endpoint.provider,
    provider: providers.find((provider) => provider.id === endpoint.provider),
    url: endpoint.url,
    apiKeyEnv: endpoint.apiKeyEnv ?? null,
    models: endpoint.models ?? [],
  }));
  if (!config.discover) return wanted;
  for (const provider of providers) {
    const apiKeyEnv = keyVariables(provider).find((name) => keys[name]);
    if (!provider.cloud || apiKeyEnv === undefined) continue;
    const { url } = provider.cloud;
    const taken = wanted.some((one) => one.id === provider.id || placeOf(one.url) === placeOf(url));
    if (!taken) wanted.push({ id: provider.id, providerId: provider.id, provider, url, apiKeyEnv, models: [] });
  }
  return wanted;
}

/** Variables that may hold the key of a provider's public service, first choice first. */
export const keyVariables = ({ cloud }: Pick<Provider, 'cloud'>): string[] =>
  cloud ? [cloud.apiKeyEnv, ...(cloud.otherKeyEnvs ?? [])] : [];

/** Loopback addresses where an engine may be. Which one it is, or that it is none, only its answer says. */
export function engineUrls(
  config: Pick<Config, 'endpoints' | 'discover'>,
  providers: readonly Provider[],
  keys: Keys,
): string[] {
  if (!config.discover) return [];
  const configured = config.endpoints.map(({ url }) => placeOf(url));
  const urls = new Map<string, string>();
  for (const url of providers.flatMap((provider) => provider.discoverUrls(keys)))
    if (isLoopback(url) && !configured.includes(placeOf(url))) urls.set(placeOf(url), url);
  return [...urls.values()];
}

/** An engine that answers, or has answered before at this address. */
export interface Engine {
  provider: Provider;
  url: string;
  /** null: it does not answer any more. */
  answer: NonNullable<ProviderAnswer> | null;
}

/**
 * Asks an address what it is, all kinds at once. Whoever wants a key is not told apart: that is to be configured. null: none of them.
 * `timeoutMs`: for one question.
 */
export async function identify(
  url: string,
  providers: readonly Provider[],
  timeoutMs: number,
): Promise<{ provider: Provider; answer: NonNullable<ProviderAnswer> } | null> {
  const answers = await Promise.all(providers.map((provider) => provider.probe(url, { apiKey: null, timeoutMs })));
  for (const [n, answer] of answers.entries())
    if (answer && answer !== 'silent' && answer.state !== 'auth-required') return { provider: providers[n]!, answer };
  return null;
}

/** Engines under the name of their kind; where that is taken, with their port behind it. */
export function engineEntries(engines: readonly Engine[], takenIds: readonly string[]): EndpointEntry[] {
  const taken = new Set(takenIds);
  return engines.map(({ provider, url, answer }) => {
    const port = new URL(url).port || (url.startsWith('https:') ? '443' : '80');
    const id = taken.has(provider.id) ? `${provider.id}-${port}` : provider.id;
    taken.add(id);
    const wanted = { id, providerId: provider.id, provider, url, apiKeyEnv: null, models: [] };
    return answer
      ? entryOf(wanted, answer.state, answer.reason, answer)
      : entryOf(wanted, 'unavailable', `it answered at ${url} before and does not any more: start it again`);
  });
}

/** `answer` undefined: not asked yet. null: nobody of that kind is there. */
export function endpointEntry(wanted: WantedEndpoint, answer: ProviderAnswer | undefined, keys: Keys): EndpointEntry {
  if (wanted.provider === undefined)
    return entryOf(wanted, 'unsupported', `the provider ${wanted.providerId} is not built yet`);
  if (wanted.apiKeyEnv !== null && !keys[wanted.apiKeyEnv])
    return entryOf(wanted, 'auth-required', `the variable ${wanted.apiKeyEnv} is not set`);
  if (answer === undefined) return entryOf(wanted, 'unavailable', 'it has not answered yet');
  if (answer === null)
    return entryOf(wanted, 'unavailable', `no ${wanted.providerId} service answers at ${wanted.url}`);
  return entryOf(wanted, answer.state, answer.reason, answer);
}

function entryOf(
  wanted: WantedEndpoint,
  state: EndpointEntry['state'],
  reason: string | null,
  answer: Pick<NonNullable<ProviderAnswer>, 'models' | 'slots'> = { models: [] },
): EndpointEntry {
  const { provider } = wanted;
  const listed = answer.models;
  return {
    id: wanted.id,
    provider: wanted.providerId,
    url: wanted.url,
    state,
    reason,
    retryAt: null,
    wire: provider?.wire ?? null,
    apiKeyEnv: wanted.apiKeyEnv,
    models: chosenModels(wanted, listed),
    slots: answer.slots ?? null,
    // A public service offers more than the short list that ships; one that lists nothing may have anything. A local engine lists all it has.
    openEnded:
      wanted.models.length === 0 &&
      (Boolean(provider?.cloud) || (listed.length === 0 && provider !== undefined && provider.billing !== 'local')),
  };
}

/** Models named in the configuration are the list; what the service says about them fills in the rest. */
function chosenModels(wanted: WantedEndpoint, listed: readonly ModelEntry[]): ModelEntry[] {
  if (wanted.models.length === 0) return [...listed];
  return wanted.models.map((model) => {
    const known = listed.find((one) => one.id === model.id);
    return {
      id: model.id,
      context: model.context ?? known?.context ?? null,
      trainedContext: known?.trainedContext ?? null,
      loaded: known?.loaded ?? null,
      tools: known?.tools ?? null,
      tier: model.tier ?? known?.tier ?? tierOfModel(model.id),
    };
  });
}

/** `localhost` and 127.0.0.1 are one place. */
const placeOf = (url: string): string =>
  withoutVersion(url).replace(/^(https?:\/\/)localhost(?=[:/]|$)/, '$1127.0.0.1');
