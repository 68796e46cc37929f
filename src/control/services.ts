/** The endpoints of a client with what they answered last; asking them goes on in the background. */
import { createHash } from 'node:crypto';
import type { Provider } from '../core/contracts.ts';
import type { Config } from '../protocol/config.ts';
import type { EndpointEntry } from '../protocol/fleet.ts';
import {
  type Engine,
  endpointEntry,
  engineEntries,
  engineUrls,
  identify,
  type ProviderAnswer,
  type WantedEndpoint,
  wantedEndpoints,
} from './endpoints.ts';
import { createProbes } from './probes.ts';

export interface ServiceParts {
  providers: readonly Provider[];
  /** Milliseconds since 1970. */
  now(): number;
  /** How long an address is asked whether an engine is there; default 300. */
  discoveryMs?: number;
}

/** What the endpoints of a client depend on. */
export interface ServiceContext {
  config: Pick<Config, 'endpoints' | 'discover'>;
  keys: Record<string, string>;
}

/** A local engine answers in a few milliseconds; a hosted or busy one gets longer. */
const DISCOVERY_MS = 300;
const CONFIGURED_MS = 2_000;
/** How long an answer counts as news. What is down is looked at again sooner. */
const READY_FRESH_MS = 15_000;
const ABSENT_FRESH_MS = 3_000;

/** Rejects where it is silent: what it said last stays, and it is asked again. One that hangs for good fails a request, and is paused for it. */
async function spoken(provider: Provider, url: string, apiKey: string | null): Promise<ProviderAnswer> {
  const answer = await provider.probe(url, { apiKey, timeoutMs: CONFIGURED_MS });
  if (answer === 'silent') throw new Error('no answer in time');
  return answer;
}

export function createServices(parts: ServiceParts) {
  const discoveryMs = parts.discoveryMs ?? DISCOVERY_MS;
  const engineKinds = parts.providers.filter((provider) => provider.discoverUrls({}).length > 0);
  const services = createProbes<ProviderAnswer>({ now: parts.now, atOnce: 16 });
  const engines = createProbes<Awaited<ReturnType<typeof identify>>>({ now: parts.now, atOnce: 16 });
  /** What answered at an address: it is asked first the next time, and missed when it does not answer any more. */
  const met = new Map<string, Provider>();

  const endpointOf = (wanted: WantedEndpoint, context: ServiceContext): EndpointEntry => {
    const { provider } = wanted;
    const key = wanted.apiKeyEnv === null ? null : (context.keys[wanted.apiKeyEnv] ?? null);
    if (provider === undefined || (wanted.apiKeyEnv !== null && !key))
      return endpointEntry(wanted, undefined, context.keys);
    const sealed = key === null ? '' : createHash('sha256').update(key).digest('hex');
    const id = [provider.id, wanted.url, sealed].join('\0');
    const answer = services.ask(
      id,
      () => spoken(provider, wanted.url, key),
      (last) => (last?.state === 'ready' ? READY_FRESH_MS : ABSENT_FRESH_MS),
    );
    return again(endpointEntry(wanted, answer, context.keys), services.answeredAt(id));
  };

  /** What was met there is asked alone: others would only leave complaints in its log. It may be busy, so it gets longer. */
  const look = async (url: string) => {
    const last = met.get(url);
    const answer = last && (await spoken(last, url, null));
    const found =
      last && answer && answer.state !== 'auth-required'
        ? { provider: last, answer }
        : await identify(url, engineKinds, discoveryMs);
    if (found) met.set(url, found.provider);
    return found;
  };

  const enginesOf = (context: ServiceContext, taken: readonly string[]): EndpointEntry[] => {
    const found: Engine[] = [];
    for (const url of engineUrls(context.config, engineKinds, context.keys)) {
      const answer = engines.ask(
        url,
        () => look(url),
        (last) => (last?.answer.state === 'ready' ? READY_FRESH_MS : ABSENT_FRESH_MS),
      );
      const provider = answer?.provider ?? met.get(url);
      if (provider) found.push({ provider, url, answer: answer?.answer ?? null });
    }
    return engineEntries(found, taken).map((entry) => again(entry, engines.answeredAt(entry.url)));
  };

  return {
    probes: [services, engines],
    /** From what is known, at once. Configured ones first, then public services, then engines. */
    endpoints(context: ServiceContext): EndpointEntry[] {
      const wanted = wantedEndpoints(context.config, parts.providers, context.keys);
      const named = wanted.map((one) => endpointOf(one, context));
      const taken = named.map(({ id }) => id);
      return [...named, ...enginesOf(context, taken)];
    },
  };
}

/** One that is down is asked again at the next use from then on. */
const again = (entry: EndpointEntry, answeredAt: number | null): EndpointEntry =>
  entry.state === 'unavailable' && answeredAt !== null
    ? { ...entry, retryAt: new Date(answeredAt + ABSENT_FRESH_MS).toISOString() }
    : entry;
