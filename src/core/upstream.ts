/** Where a worker's model traffic goes. */
import type { Config } from '../protocol/config.ts';
import type { Fleet, WorkerEntry } from '../protocol/fleet.ts';
import type { Upstream } from '../protocol/job.ts';
import { isLoopback, withoutVersion } from './base-url.ts';
import type { Provider, Runtime } from './contracts.ts';

export type ProviderFacts = Pick<Provider, 'id' | 'wire' | 'billing' | 'cloud'>;
type RuntimeFacts = Pick<Runtime, 'id' | 'wire'>;

/**
 * Base URL and key variable of a runtime that has one upstream of its own: the configured ones, else the public service of its wire.
 * A configured URL gets a key only where its variable is named: the user's key of one service never goes to another.
 * null: there is no service for its wire.
 */
export function ownUpstream(
  runtime: RuntimeFacts,
  config: Config,
  providers: readonly ProviderFacts[],
): Upstream | null {
  const override = config.runtimes[runtime.id];
  const provider = providers.find((one) => one.cloud !== null && one.wire === runtime.wire);
  if (runtime.wire === null || (override?.baseUrl === undefined && !provider?.cloud)) return null;
  return {
    wire: runtime.wire,
    baseUrl: withoutVersion(override?.baseUrl ?? provider!.cloud!.url),
    apiKeyEnv: override?.apiKeyEnv ?? (override?.baseUrl === undefined ? provider!.cloud!.apiKeyEnv : null),
    billing: provider?.billing ?? 'unknown',
  };
}

/** null: the worker's runtime, endpoint or provider is not one of those given. */
export function upstreamOf(
  worker: Pick<WorkerEntry, 'runtime' | 'endpoint'>,
  fleet: Pick<Fleet, 'endpoints'>,
  config: Config,
  parts: { runtimes: readonly RuntimeFacts[]; providers: readonly ProviderFacts[] },
): Upstream | null {
  if (worker.endpoint === null) {
    const runtime = parts.runtimes.find((one) => one.id === worker.runtime);
    return runtime ? ownUpstream(runtime, config, parts.providers) : null;
  }
  const endpoint = fleet.endpoints.find((one) => one.id === worker.endpoint);
  const provider = parts.providers.find((one) => one.id === endpoint?.provider);
  if (!endpoint || !provider) return null;
  return {
    wire: provider.wire,
    baseUrl: withoutVersion(endpoint.url),
    apiKeyEnv: endpoint.apiKeyEnv,
    billing: provider.billing,
  };
}

/** Nothing of the dispatch's model traffic leaves this machine, as far as its address tells. */
export const staysLocal = (upstream: Upstream): boolean => isLoopback(upstream.baseUrl);
