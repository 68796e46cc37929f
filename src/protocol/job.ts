import * as z from 'zod';
import { ANSWERERS } from './question.ts';
import { Enforcement, PromptRecord, Route, Stance, TASK_KINDS, WorkerRecord } from './receipt.ts';
import { ListedPrice } from './usage.ts';
import { MODES, SAFETY_LEVELS, TIERS, WIRES } from './words.ts';

/** Where the gateway forwards a dispatch's model traffic. The key itself is never part of a job: only the name of its variable. */
export const Upstream = z.lazy(() =>
  z.object({
    wire: z.enum(WIRES),
    /** Base URL without version segment and trailing slash. */
    baseUrl: z.string(),
    apiKeyEnv: z.string().nullable(),
    billing: z.enum(['api', 'subscription', 'local', 'simulated', 'unknown']),
  }),
);
export type Upstream = z.infer<typeof Upstream>;

/** Something dispatches share: this one begins while fewer than `atMost` that hold `of` run; null = it is only counted. */
export const Slot = z.lazy(() =>
  z.object({
    /** Names what is shared, as a person reads it: `endpoint ollama`, `this machine`. */
    of: z.string(),
    atMost: z.number().nullable(),
  }),
);
export type Slot = z.infer<typeof Slot>;

/** One sealed dispatch: `dispatches/<id>/job.json`. Nothing in it changes after admission. */
export const Job = z.lazy(() =>
  z.object({
    schema: z.literal(1),
    id: z.string(),
    parent: z.string().nullable(),
    session: z.string().nullable(),
    plan: z.string().nullable(),
    depth: z.number(),
    queued: z.string(),
    /** Absolute real paths. `root` is the git top level, `cwd` where the agent starts (root or below). */
    project: z.object({ root: z.string(), cwd: z.string(), commonDir: z.string() }),
    task: z.string(),
    kind: z.enum(TASK_KINDS),
    agent: z.object({
      name: z.string(),
      tier: z.enum(TIERS),
      sha256: z.string(),
      readonly: z.boolean(),
      run: z.boolean(),
    }),
    worker: WorkerRecord,
    /** What it shares with other dispatches while it runs, and how many may hold that at once. */
    slots: z.array(Slot),
    /** Resident memory it is expected to take with its shim and relay, MB. */
    memoryMb: z.number(),
    /** Window in use of its model, tokens; null = unknown. */
    window: z.number().nullable(),
    /** Path of the runtime's program on the host and the directories it needs mounted; null and [] for native. */
    program: z.object({ path: z.string().nullable(), installRoots: z.array(z.string()) }),
    upstream: Upstream,
    price: ListedPrice.nullable(),
    stance: Stance,
    /** Mode and level of the configuration when this was sealed; a flag of the command may say otherwise in `stance`. */
    configured: z.object({ mode: z.enum(MODES), safety: z.enum(SAFETY_LEVELS) }),
    profile: z.enum(['R', 'RX', 'W']),
    /** What holds this dispatch; the shim adds what it had to kill. */
    enforcement: Enforcement,
    ask: z.enum(['apply', 'action']),
    apply: z.boolean(),
    answers: z.enum(ANSWERERS),
    /** The user's own command for when a question of the running agent waits; null = none. */
    notify: z.string().nullable(),
    unsandboxed: z.boolean(),
    prompt: z.object({ system: z.string(), task: z.string(), record: PromptRecord }),
    route: Route,
    limits: z.object({
      timeoutMs: z.number(),
      budgetUsd: z.number().nullable(),
      /** Model turns after which the agent is stopped; null = no limit. */
      turns: z.number().nullable(),
      /** Longest wait for a provider's limit; beyond it the dispatch is `rate-limited` at once. */
      waitMs: z.number(),
      /** How long a person's answer is waited for. */
      questionMs: z.number(),
    }),
    effort: z.string().nullable(),
    verify: z.string().nullable(),
    /** Nobody gave the check command: it was found in the project's files. */
    verifyFound: z.boolean(),
    /** A commit to start from instead of the working tree (`--base`, `--on`); null = the working tree. */
    from: z.string().nullable(),
    workspace: z.object({
      share: z.array(z.string()),
      copy: z.array(z.string()),
      setup: z.string().nullable(),
      maxFileMb: z.number(),
      maxTotalMb: z.number(),
    }),
    env: z.object({ path: z.string(), home: z.string(), pass: z.array(z.string()) }),
  }),
);
export type Job = z.infer<typeof Job>;

/** Secrets and passed variables, sent once through the shim's start pipe; never on disk. */
export const StartPipe = z.lazy(() =>
  z.object({ apiKey: z.string().nullable(), env: z.record(z.string(), z.string()) }),
);
export type StartPipe = z.infer<typeof StartPipe>;

/** What the shim found: `dispatches/<id>/result.json`. The daemon turns it into a receipt. */
export const RunResult = z.lazy(() =>
  z.object({
    schema: z.literal(1),
    id: z.string(),
    /** How the agent's part ended, before apply gate and settle. */
    status: z.enum([
      'succeeded',
      'no-change',
      'failed',
      'verify-failed',
      'cancelled',
      'timed-out',
      'over-budget',
      'rate-limited',
      'auth-required',
      'crashed',
      'lost',
      'refused',
    ]),
    reason: z.string(),
    answer: z.string().nullable(),
    claimed: z.boolean().nullable(),
    clean: z.boolean().nullable(),
    base: z
      .object({
        commit: z.string(),
        head: z.string().nullable(),
        dirty: z.boolean(),
        omitted: z.array(z.string()),
        copied: z.array(z.string()).optional(),
      })
      .nullable(),
    /** Commit the work ends in, held by refs/pancode/<id>/result; null for readers and where there was nothing to harvest. */
    resultCommit: z.string().nullable(),
    /** False where a copy may hold work that is in no ref: it must not be deleted. */
    harvested: z.boolean(),
    ignored: z.array(z.string()),
    enforcement: Enforcement,
    verify: z
      .object({
        command: z.string(),
        exitCode: z.number().nullable(),
        ms: z.number(),
        base: z.enum(['pass', 'fail']).nullable(),
      })
      .nullable(),
    ended: z.string(),
  }),
);
export type RunResult = z.infer<typeof RunResult>;
