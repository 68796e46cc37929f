/** What a dispatch shares with others while it runs. */
import type { Config } from '../protocol/config.ts';
import type { EndpointEntry, WorkerEntry } from '../protocol/fleet.ts';
import type { Slot, Upstream } from '../protocol/job.ts';

export interface SlotFacts {
  worker: Pick<WorkerEntry, 'runtime' | 'endpoint'>;
  endpoint: Pick<EndpointEntry, 'id' | 'slots'> | null;
  upstream: Upstream;
  config: Config;
  /** How many dispatches the user lets run at once. */
  concurrency: number;
  projectRoot: string;
}

/** A local engine that does not say how many requests it computes at once gets one: a second would only slow the first down. */
const LOCAL_SLOTS = 1;

export function slotsOf(facts: SlotFacts): Slot[] {
  const { worker, endpoint, upstream, config } = facts;
  const runtime = config.runtimes[worker.runtime]?.concurrency ?? null;
  const configured = config.endpoints.find((one) => one.id === endpoint?.id)?.concurrency ?? null;
  const engine = upstream.billing === 'local' ? (endpoint?.slots ?? LOCAL_SLOTS) : null;
  // One key is one account, however many endpoints and runtimes use it.
  const account = upstream.apiKeyEnv && `the account of ${upstream.apiKeyEnv} at ${new URL(upstream.baseUrl).host}`;
  const service = account ?? (endpoint && `endpoint ${endpoint.id}`);
  return [
    { of: 'this machine', atMost: facts.concurrency },
    { of: `project ${facts.projectRoot}`, atMost: config.limits.concurrency },
    { of: `runtime ${worker.runtime}`, atMost: runtime },
    ...(service ? [{ of: service, atMost: configured ?? engine }] : []),
  ];
}
