/**
 * A hosted service with a key. At its public address nothing is asked: the key's presence makes it a candidate, a request proves it, and no
 * one hears of a `pancode fleet`. At any other address (a proxy, a gateway of a company) it is asked whether it is there.
 */
import { withoutVersion } from '../core/base-url.ts';
import type { Provider } from '../core/contracts.ts';
import type { ModelEntry } from '../protocol/fleet.ts';
import { askModels } from './model-list.ts';

export async function probeCloud(
  url: string,
  service: {
    publicUrl: string;
    /** With its version segment. */
    modelsUrl: string;
    headers: Record<string, string>;
    models: ModelEntry[];
    timeoutMs: number;
  },
): ReturnType<Provider['probe']> {
  const ready = { state: 'ready' as const, reason: null, models: service.models };
  if (withoutVersion(url) === withoutVersion(service.publicUrl)) return ready;
  const answer = await askModels(service.modelsUrl, service);
  if (answer.kind === 'absent') return null;
  if (answer.kind === 'broken')
    return { ...ready, state: 'unavailable', reason: `${url} accepts connections and then fails (${answer.reason})` };
  if (answer.kind === 'refused')
    return { ...ready, state: 'auth-required', reason: `${url} refuses the key (HTTP ${answer.status})` };
  return ready;
}
