/** Which endpoints a client has: configured ones, public services its keys open, and local engines that answer. Pure but for `URL`. */
import { withoutVersion } from '../core/base-url.ts';
import type { Provider } from '../core/contracts.ts';
import { tierOfModel } from '../core/tiers.ts';
import type { Config } from '../protocol/config.ts';
import type { EndpointEntry, ModelEntry } from '../protocol/fleet.ts';

export type ProviderAnswer = Awaited<ReturnType<Provider['probe']>>;

export interface WantedEndpoint {
  id: string;
  providerId: string;
  /** undefined: PanCode has no such provider yet. */
  provider: Provider | undefined;
  url: string;
  apiKeyEnv: string | null;
  models: NonNullable<Config['endpoints'][number]['models']>;
  /** Found by looking, so it is listed only where it answers. */
  discovered: boolean;
}

/** Configured endpoints first; what discovery would add under the same id or URL is left out. */
export function wantedEndpoints(
  config: Pick<Config, 'endpoints' | 'discover'>,
  providers: readonly Provider[],
  keys: Record<string, string>,
): WantedEndpoint[] {
  const wanted: WantedEndpoint[] = config.endpoints.map((endpoint) => ({
    id: endpoint.id,
    providerId: endpoint.provider,
    provider: providers.find((provider) => provider.id === endpoint.provider),
    url: endpoint.url,
    apiKeyEnv: endpoint.apiKeyEnv ?? null,
    models: endpoint.models ?? [],
    discovered: false,
  }));
  if (!config.discover) return wanted;
  const add = (provider: Provider, url: string, apiKeyEnv: string | null, discovered: boolean): void => {
    const taken = wanted.some((one) => one.id === provider.id || withoutVersion(one.url) === withoutVersion(url));
    if (!taken)
      wanted.push({ id: provider.id, providerId: provider.id, provider, url, apiKeyEnv, models: [], discovered });
  };
  for (const provider of providers) {
    if (provider.cloud !== null && keys[provider.cloud.apiKeyEnv])
      add(provider, provider.cloud.url, provider.cloud.apiKeyEnv, false);
    for (const url of provider.discoverUrls(keys)) add(provider, url, null, true);
  }
  return wanted;
}

/** `answer` undefined: not asked yet. null: a discovered engine that is not there. */
export function endpointEntry(
  wanted: WantedEndpoint,
  answer: ProviderAnswer | undefined,
  keys: Record<string, string>,
): EndpointEntry | null {
  const entry = (
    state: EndpointEntry['state'],
    reason: string | null,
    listed: readonly ModelEntry[] = [],
  ): EndpointEntry => ({
    id: wanted.id,
    provider: wanted.providerId,
    url: wanted.url,
    state,
    reason,
    wire: wanted.provider?.wire ?? null,
    apiKeyEnv: wanted.apiKeyEnv,
    models: chosenModels(wanted, listed),
    // A public service offers more than the short list that ships; one that lists nothing may have anything.
    openEnded: wanted.models.length === 0 && (listed.length === 0 || Boolean(wanted.provider?.cloud)),
  });
  if (wanted.provider === undefined) return entry('unsupported', `the provider ${wanted.providerId} is not built yet`);
  if (wanted.apiKeyEnv !== null && !keys[wanted.apiKeyEnv])
    return entry('auth-required', `the variable ${wanted.apiKeyEnv} is not set`);
  if (answer === undefined) return wanted.discovered ? null : entry('unavailable', 'it has not answered yet');
  if (answer === null)
    return wanted.discovered ? null : entry('unavailable', `no ${wanted.providerId} service answers at ${wanted.url}`);
  return entry(answer.state, answer.reason, answer.models);
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
