/**
 * The three contracts of the house: Runtime, Provider, Tool. One file per implementation, proven by its folder's
 * conformance suite. Implementations never import one another; everything else reaches them through the host they are given.
 */
import type { Readable, Writable } from 'node:stream';
import type { AgentEvent } from '../protocol/event.ts';
import type { Capabilities, ModelEntry } from '../protocol/fleet.ts';
import type { Job } from '../protocol/job.ts';
import type { ActionClass, RuntimeState, Wire } from '../protocol/words.ts';

/** A process inside the dispatch's sandbox. Killing it kills its whole process namespace. */
export interface AgentProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the model endpoint answers inside: what needs it is sent only then. Rejects with the reason when it never will. */
  readonly reachable: Promise<void>;
  /** Last 8 kB of its standard error, for reasons. */
  stderrTail(): string;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  kill(): void;
}

/** One action the agent wants to take, put to whoever decides. */
export interface ActionRequest {
  action: ActionClass;
  /** Exact command, path or host. */
  subject: string;
  /** What a person is shown besides: of a file that is written, the lines that go and come. '' where there is nothing. */
  detail: string;
}
export interface ActionAnswer {
  allow: boolean;
  /** Why not; told to the model. Empty when allowed. */
  reason: string;
}

/** What a runtime is given for one run. All paths are as the agent process sees them unless a name says `host`. */
export interface RunHost {
  /** Start a process in the sandbox of this dispatch; cwd is the job's cwd. The environment is built from nothing plus `env`. */
  spawn(command: string[], env: Record<string, string>): Promise<AgentProcess>;
  /** Ask before an action; answered by policy, or by a person where `ask: action`. Never throws. */
  ask(request: ActionRequest): Promise<ActionAnswer>;
  /**
   * Put the agent's own question to a person, and wait. Resolves with what the agent is told, which may be that nobody answers; never
   * throws. Offered to an agent only where `offeredActions` holds `ask`.
   */
  askPerson(question: string): Promise<ToolResult>;
  /**
   * Where the runtime can steer (`can.steer`), it says here how a person's words get to its agent: `take` resolves with why not, or null
   * where the agent will see them before its next model request. Words that come before that wait.
   */
  onSteer(take: (text: string) => Promise<string | null>): void;
  /** The dispatch's model endpoint: a loopback URL without version segment, and the per-dispatch token that stands for the key. */
  readonly endpoint: { baseUrl: string; token: string; wire: Wire };
  /** HOME of the agent process, and the same directory on the host (empty; write templates here before `spawn`). */
  readonly home: string;
  readonly hostHome: string;
  /** Program that starts the native agent inside the sandbox; only the native runtime uses it. */
  readonly nativeCommand: string[];
  /** Aborted when the dispatch is to stop: end politely within `graceMs`, then everything is killed. */
  readonly signal: AbortSignal;
  readonly graceMs: number;
}

/** What a probe may use: the client's PATH and home, and a way to run a program without blocking. */
export interface ProbeHost {
  path: string;
  home: string;
  /** Runs on the host with a minimal environment; never throws: `code` null = it could not be started or took too long. */
  run(
    program: string,
    args: string[],
    options: { timeoutMs: number; env?: Record<string, string> },
  ): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export interface RuntimeProbe {
  version: string | null;
  state: RuntimeState;
  reason: string | null;
  /** Directories or single files that must be mounted read-only for the program to run; real paths. */
  installRoots: string[];
  /** Models this runtime offers by itself, best default first. */
  models: Pick<ModelEntry, 'id' | 'tier'>[];
}

export interface Runtime {
  readonly id: string;
  readonly can: Capabilities;
  /** Resident memory to expect of its process, MB: the most that was seen in the end-to-end tests, and room to grow. */
  readonly memoryMb: number;
  /** Names of the program on PATH; [] = part of PanCode. */
  readonly programs: string[];
  /** Wire its model traffic speaks; null = whatever the endpoint speaks (native). */
  readonly wire: Wire | null;
  /** `program`: the resolved real path. May take seconds; is only ever called in the background and cached by fingerprint. */
  probe(program: string, host: ProbeHost): Promise<RuntimeProbe>;
  /** Runs one dispatch. Yields events, the last one `end`; never throws. */
  run(job: Job, host: RunHost): AsyncIterable<AgentEvent>;
}

/** One kind of model service. */
export interface Provider {
  readonly id: string;
  readonly wire: Wire;
  readonly billing: 'api' | 'local' | 'simulated' | 'unknown';
  /** Loopback addresses to look at during discovery; [] = only by configuration or key. */
  readonly discoverUrls: (env: Record<string, string>) => string[];
  /** Variable that holds the key, others that may hold it where that one is not set, and the public base URL; null = no key. */
  readonly cloud: { apiKeyEnv: string; otherKeyEnvs?: readonly string[]; url: string } | null;
  /**
   * Identify the service by its answer and list its models. null = not this kind of service, or nothing there. `silent` = a connection was
   * accepted and the answer did not come in time, as of an engine that computes: what was known of it stays.
   */
  probe(
    url: string,
    options: { apiKey: string | null; timeoutMs: number },
  ): Promise<
    { state: RuntimeState; reason: string | null; models: ModelEntry[]; slots?: number | null } | 'silent' | null
  >;
}

/** What a native tool works on. */
export interface ToolHost {
  /** The agent's working directory; absolute. */
  cwd: string;
  signal: AbortSignal;
  /** Path of ripgrep inside the sandbox. */
  ripgrep: string;
  /** As in RunHost. */
  askPerson(question: string): Promise<ToolResult>;
}

/** Result of a tool call as the model sees it; `ok: false` carries an error it can act on. */
export interface ToolResult {
  ok: boolean;
  text: string;
}

/** A tool of the native agent. It states its own action class and validates its arguments with its own schema. */
export interface Tool<A = unknown> {
  readonly name: string;
  readonly action: ActionClass;
  readonly description: string;
  /** JSON-schema-able zod object. Kept as `unknown` here: core imports no zod value. */
  readonly parameters: unknown;
  /** What a person would call the object of this call: a path, a command, a pattern. */
  subject(args: A): string;
  /** What a person who must allow it is shown besides; absent = nothing. */
  detail?(args: A): string;
  run(args: A, host: ToolHost): Promise<ToolResult>;
}
