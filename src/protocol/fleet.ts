import type { RuntimeState, Tier, Wire } from './words.ts';

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

export interface RuntimeEntry {
  id: string;
  /** Real path of the program; null for native. */
  path: string | null;
  /** null = not asked yet, or it would not say. */
  version: string | null;
  state: RuntimeState;
  /** One sentence; null where there is nothing to say. */
  reason: string | null;
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

export interface EndpointEntry {
  id: string;
  provider: string;
  url: string;
  state: RuntimeState;
  reason: string | null;
  wire: Wire | null;
  apiKeyEnv: string | null;
  models: ModelEntry[];
  /** True where `models` is not the whole list, so any model may be named. */
  openEnded?: boolean;
}

/** A schedulable pair of runtime and model: `runtime/[endpoint/]model`. */
export interface WorkerEntry {
  id: string;
  runtime: string;
  endpoint: string | null;
  model: string;
  tier: Tier;
  state: RuntimeState;
  reason: string | null;
}

/** The snapshot of everything that can work, with its health. */
export interface Fleet {
  runtimes: RuntimeEntry[];
  endpoints: EndpointEntry[];
  workers: WorkerEntry[];
}
