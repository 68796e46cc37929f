import * as z from 'zod';
import { Price } from './usage.ts';
import { MODES, SAFETY_LEVELS, TIERS } from './words.ts';

const RuntimeOverride = z.lazy(() =>
  z.strictObject({
    kind: z.enum(['acp']).optional().describe('Adds any agent that speaks the Agent Client Protocol'),
    command: z.array(z.string()).min(1).optional().describe('Program and arguments of an added agent'),
    path: z.string().optional().describe('Program to run instead of the one found on PATH'),
    baseUrl: z.url().optional().describe('Where the gateway forwards this runtime’s model traffic'),
    apiKeyEnv: z.string().optional().describe('Name of the variable that holds the key for baseUrl'),
    models: z.array(z.string()).optional().describe('Models of this runtime; left out: what it reports'),
    mcp: z.array(z.string()).optional().describe('MCP servers it may use'),
    concurrency: z.number().int().positive().optional().describe('Most dispatches of this runtime at once'),
    enabled: z.boolean().optional().describe('false: never used'),
  }),
);

const Endpoint = z.lazy(() =>
  z.strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
      .describe('Your name for it; part of its workers’ ids'),
    provider: z.enum([
      'openai-compatible',
      'anthropic',
      'ollama',
      'simulated',
      'lmstudio',
      'llamacpp',
      'openai',
      'google',
    ]),
    url: z.url().describe('With or without its version segment'),
    apiKeyEnv: z.string().optional().describe('Name of the variable that holds its key'),
    concurrency: z.number().int().positive().optional().describe('Most dispatches that use this endpoint at once'),
    models: z
      .array(
        z.strictObject({
          id: z.string().min(1),
          context: z.number().int().positive().optional().describe('Tokens of its window'),
          tier: z.enum(TIERS).optional(),
        }),
      )
      .optional(),
  }),
);

/** What a project may say too, or a part of it. */
const common = () => {
  /** Timers hold 2^31 − 1 ms, a little under 25 days. */
  const minutes = z.number().max(34_560);
  const money = z.number().nonnegative().nullable();
  return {
    mode: z.enum(MODES).optional().describe('What agents may do: look and plan, look and run, or write'),
    safety: z.enum(SAFETY_LEVELS).optional().describe('What is applied to your working tree without asking'),
    budget: z
      .strictObject({ dispatch: money.optional(), session: money.optional(), day: money.optional() })
      .optional()
      .describe('USD; null = no limit'),
    limits: z
      .strictObject({
        concurrency: z.number().int().positive().optional().describe('Dispatches at once'),
        depth: z.number().int().nonnegative().optional().describe('How deep agents may dispatch agents'),
        timeoutMinutes: minutes.positive().optional().describe('Longest run of one dispatch'),
        questionMinutes: minutes.positive().optional().describe('How long a question stays open'),
        waitMinutes: minutes
          .nonnegative()
          .optional()
          .describe('Longest wait for a provider’s limit; beyond it the dispatch is rate-limited at once'),
      })
      .optional(),
    verify: z.string().nullable().optional().describe('Check command; null: found from the project'),
    after: z.record(z.string(), z.array(z.string())).optional().describe('Required reviews, before the apply gate'),
    workspace: z
      .strictObject({
        share: z.array(z.string()).optional().describe('Dependency directories a private copy sees read-only'),
        copy: z.array(z.string()).optional().describe('Files copied into it that are not in git, such as .env'),
        setup: z.string().nullable().optional().describe('Command run once per lock file to make a copy that builds'),
        maxFileMb: z.number().positive().optional().describe('Larger untracked files are left out of a snapshot'),
        maxTotalMb: z.number().positive().optional().describe('Most untracked bytes in a snapshot'),
      })
      .optional(),
  };
};

const partial = () => ({
  ...common(),
  ask: z
    .enum(['apply', 'action'])
    .optional()
    .describe('action: every write and command of an agent is put to you first'),
  orchestrator: z.strictObject({ worker: z.string() }).optional().describe('The worker that is Panos'),
  discover: z.boolean().optional().describe('false: only what is configured below'),
  runtimes: z
    .record(z.string(), RuntimeOverride)
    .optional()
    .describe('Overrides what discovery finds, or adds an ACP agent'),
  endpoints: z.array(Endpoint).optional().describe('Model services besides those that are found'),
  agents: z
    .record(z.string(), z.strictObject({ worker: z.string() }))
    .optional()
    .describe('The worker an agent gets'),
  route: z
    .strictObject({
      value: z.number().nonnegative().optional().describe('What a solved task is worth, USD'),
      prefer: z.string().nullable().optional().describe('local, cloud, a runtime, an endpoint or a worker'),
      never: z.array(z.string()).optional().describe('The same words; a preset’s and the file’s add up'),
      escalate: z.boolean().optional().describe('Try a better worker where the check fails'),
    })
    .optional(),
  prices: z.record(z.string(), Price).optional().describe('USD per million tokens'),
  network: z
    .strictObject({ allow: z.array(z.string()).optional(), loopback: z.array(z.number().int()).optional() })
    .optional()
    .describe('Hosts, and ports of this machine, an agent may reach besides its model'),
  env: z
    .strictObject({ pass: z.array(z.string()).optional() })
    .optional()
    .describe('Variables agents see, by name'),
  rules: z
    .strictObject({
      deny: z.array(z.string()).optional(),
      ask: z.array(z.string()).optional(),
      allow: z.array(z.string()).optional(),
    })
    .optional()
    .describe('path: glob, command: prefix, host: name or *.suffix'),
  keep: z
    .strictObject({
      refsDays: z.number().positive().optional(),
      journalDays: z.number().positive().optional(),
      trashDays: z.number().positive().optional(),
    })
    .optional()
    .describe('How long refs, journals and trash stay'),
  notify: z.string().nullable().optional().describe('Command run when a question waits'),
  telemetry: z.strictObject({ otlp: z.string().nullable().optional() }).optional().describe('OpenTelemetry endpoint'),
  keys: z.record(z.string(), z.string()).optional().describe('Key bindings of the terminal'),
});

/** The user's configuration file (design §10): one schema, unknown keys are errors. */
export const ConfigFile = z.lazy(() => {
  const shape = partial();
  return z.strictObject({
    ...shape,
    preset: z.string().optional().describe('The preset below this file; see pancode preset list'),
    presets: z
      .record(z.string(), z.strictObject(shape))
      .optional()
      .describe('Presets of your own: any keys but these two'),
  });
});
export type ConfigFile = z.infer<typeof ConfigFile>;

/** A project's file may narrow, never widen: any other key is an error that says so. */
export const ProjectConfigFile = z.lazy(() =>
  z.strictObject({
    ...common(),
    rules: z.strictObject({ deny: z.array(z.string()).optional(), ask: z.array(z.string()).optional() }).optional(),
  }),
);
export type ProjectConfigFile = z.infer<typeof ProjectConfigFile>;

type Filled<T> = { [K in keyof T]-?: Exclude<T[K], undefined> };

/** The effective configuration: every default filled in. */
export interface Config {
  mode: (typeof MODES)[number];
  safety: (typeof SAFETY_LEVELS)[number];
  ask: 'apply' | 'action';
  preset: string;
  orchestrator: { worker: string } | null;
  budget: Filled<NonNullable<ConfigFile['budget']>>;
  limits: Filled<NonNullable<ConfigFile['limits']>>;
  verify: string | null;
  discover: boolean;
  runtimes: Record<string, z.infer<typeof RuntimeOverride>>;
  endpoints: z.infer<typeof Endpoint>[];
  agents: Record<string, { worker: string }>;
  after: Record<string, string[]>;
  route: Filled<NonNullable<ConfigFile['route']>>;
  prices: Record<string, Price>;
  workspace: Filled<NonNullable<ConfigFile['workspace']>>;
  network: { allow: string[]; loopback: number[] };
  env: { pass: string[] };
  rules: { deny: string[]; ask: string[]; allow: string[] };
  keep: { refsDays: number; journalDays: number; trashDays: number };
  notify: string | null;
  telemetry: { otlp: string | null };
  keys: Record<string, string>;
  presets: Record<string, Omit<ConfigFile, 'preset' | 'presets'>>;
}
