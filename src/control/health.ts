/** How the services of the fleet did lately, from the requests that went through gateways. In memory: a restart is a fresh try. */
import { afterRequest, type CoolDown, cooling, type Outcome, WELL } from '../core/cool-down.ts';
import type { Health } from '../protocol/fleet.ts';

/** The endpoint, or the runtime that has a service of its own, and where it is: another address is another service. */
export interface Service {
  id: string;
  baseUrl: string;
}

/** Services nobody has used for long are dropped beyond this many. */
const KEPT = 200;

export function createHealth(now: () => number) {
  const services = new Map<string, CoolDown>();
  const keyOf = ({ id, baseUrl }: Service) => `${id}\0${baseUrl}`;
  return {
    /** A request to it ended at `at`, ms since 1970. */
    report(service: Service, outcome: Outcome, at: number): void {
      const key = keyOf(service);
      const after = afterRequest(services.get(key) ?? WELL, outcome, at);
      services.delete(key);
      if (after !== WELL) services.set(key, after);
      if (services.size > KEPT) services.delete(services.keys().next().value!);
    },
    /** `entry` as it is, or, while its service is left alone, with the reason and the end of that. */
    seen<T extends Health>(entry: T, service: Service): T {
      const pause = entry.state === 'ready' ? cooling(services.get(keyOf(service)) ?? WELL, now()) : null;
      if (!pause) return entry;
      const { state, reason, until } = pause;
      return { ...entry, state, reason, retryAt: new Date(until).toISOString(), cooling: true };
    },
    /** A person wants everything tried again; only what a service asked for itself holds. */
    forget(): void {
      for (const [key, health] of services) if (!health.asked) services.delete(key);
    },
  };
}
