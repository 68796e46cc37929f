import type { Price } from './usage.ts';
import type { Mode, RuntimeState, Safety, Tier, Wire } from './words.ts';

/** What a runtime can do; admission refuses a dispatch that needs more. */
export interface Capabilities {
  /** Puts its actions to a person before doing them (`ask: action`). */
  questions: boolean;
  readonly: boolean;
  resume: boolean;
  steer: boolean;
  usage: boolean;
  models: boolean;
  effort: boolean;
  systemPrompt: boolean;
  interrupt: boolean;
}

/** What a runtime, an endpoint and a worker have in common. */
export interface Health {
  state: RuntimeState;
  /** One sentence; null where there is nothing to say. */
  reason: string | null;
  /** ISO 8601: what needs it tries it again from then on; absent or null where no time is set. */
  retryAt?: string | null;
  /** It is there but failed lately, so it is not chosen before `retryAt`; a person may name it all the same. */
  cooling?: boolean;
}

export interface RuntimeEntry extends Health {
  id: string;
  /** Real path of the program; null for native. */
  path: string | null;
  /** null = not asked yet, or it would not say. */
  version: string | null;
  can: Capabilities;
}

export interface ModelEntry {
  id: string;
  /** Window in use in tokens; null = unknown. */
  context: number | null;
  /** Window the model was trained for, where the service says; absent or null = unknown. */
  trainedContext?: number | null;
  loaded: boolean | null;
  tools: boolean | null;
  tier: Tier;
}

export interface EndpointEntry extends Health {
  id: string;
  provider: string;
  url: string;
  wire: Wire | null;
  apiKeyEnv: string | null;
  models: ModelEntry[];
  /** Requests the engine computes at once, where it says; absent or null = unknown. */
  slots?: number | null;
  /** True where `models` is not the whole list, so any model may be named. */
  openEnded?: boolean;
}

/** A schedulable pair of runtime and model: `runtime/[endpoint/]model`. */
export interface WorkerEntry extends Health {
  id: string;
  runtime: string;
  endpoint: string | null;
  model: string;
  tier: Tier;
}

/** The snapshot of everything that can work, with its health. */
export interface Fleet {
  runtimes: RuntimeEntry[];
  endpoints: EndpointEntry[];
  workers: WorkerEntry[];
}

/** One model as `pancode models` lists it. */
export interface ModelRow extends ModelEntry, Health {
  /** null: of the runtime's own service. */
  endpoint: string | null;
  /** Kind of the endpoint; null where there is none. */
  provider: string | null;
  trainedContext: number | null;
  /** USD per million tokens; null = unknown, 0 = an engine of this machine. */
  price: (Price & { table: string }) | null;
  /** Ids of the workers that use it. */
  workers: string[];
}

/** What a start reports. */
export interface Boot {
  fleet: Fleet;
  sandbox: { backend: 'bubblewrap' | 'none'; version: string | null };
  mode: Mode;
  safety: Safety;
  /** USD; null = none. */
  budget: { dispatch: number | null; session: number | null; day: number | null };
}
