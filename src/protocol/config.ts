import * as z from 'zod';
import { Price } from './usage.ts';
import { MODES, SAFETY_LEVELS, TIERS } from './words.ts';

const RuntimeOverride = z.lazy(() =>
  z.strictObject({
    kind: z.enum(['acp']).optional().describe('Adds any agent that speaks the Agent Client Protocol'),
    command: z.array(z.string()).min(1).optional(),
    path: z.string().optional().describe('Program to run instead of the one found on PATH'),
    baseUrl: z.url().optional().describe('Where the gateway forwards this runtime’s model traffic'),
    apiKeyEnv: z.string().optional().describe('Name of the variable that holds the key for baseUrl'),
    models: z.array(z.string()).optional(),
    mcp: z.array(z.string()).optional(),
    enabled: z.boolean().optional(),
  }),
);

const Endpoint = z.lazy(() =>
  z.strictObject({
    id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
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
    url: z.url(),
    apiKeyEnv: z.string().optional(),
    models: z
      .array(
        z.strictObject({
          id: z.string().min(1),
          context: z.number().int().positive().optional(),
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
    mode: z.enum(MODES).optional(),
    safety: z.enum(SAFETY_LEVELS).optional(),
    budget: z.strictObject({ dispatch: money.optional(), session: money.optional(), day: money.optional() }).optional(),
    limits: z
      .strictObject({
        concurrency: z.number().int().positive().optional(),
        depth: z.number().int().nonnegative().optional(),
        timeoutMinutes: minutes.positive().optional(),
        questionMinutes: minutes.positive().optional(),
        waitMinutes: minutes.nonnegative().optional(),
      })
      .optional(),
    verify: z.string().nullable().optional().describe('Check command; null: found from the project'),
    after: z.record(z.string(), z.array(z.string())).optional().describe('Required reviews, before the apply gate'),
    workspace: z
      .strictObject({
        share: z.array(z.string()).optional(),
        copy: z.array(z.string()).optional(),
        setup: z.string().nullable().optional(),
        maxFileMb: z.number().positive().optional(),
        maxTotalMb: z.number().positive().optional(),
      })
      .optional(),
  };
};

const partial = () => ({
  ...common(),
  ask: z.enum(['apply', 'action']).optional(),
  orchestrator: z.strictObject({ worker: z.string() }).optional(),
  discover: z.boolean().optional().describe('false: only what is configured below'),
  runtimes: z.record(z.string(), RuntimeOverride).optional(),
  endpoints: z.array(Endpoint).optional(),
  agents: z.record(z.string(), z.strictObject({ worker: z.string() })).optional(),
  route: z
    .strictObject({
      value: z.number().nonnegative().optional(),
      prefer: z.string().nullable().optional(),
      never: z.array(z.string()).optional(),
      escalate: z.boolean().optional(),
    })
    .optional(),
  prices: z.record(z.string(), Price).optional().describe('USD per million tokens'),
  network: z
    .strictObject({ allow: z.array(z.string()).optional(), loopback: z.array(z.number().int()).optional() })
    .optional(),
  env: z.strictObject({ pass: z.array(z.string()).optional() }).optional(),
  rules: z
    .strictObject({
      deny: z.array(z.string()).optional(),
      ask: z.array(z.string()).optional(),
      allow: z.array(z.string()).optional(),
    })
    .optional(),
  keep: z
    .strictObject({
      refsDays: z.number().positive().optional(),
      journalDays: z.number().positive().optional(),
      trashDays: z.number().positive().optional(),
    })
    .optional(),
  notify: z.string().nullable().optional(),
  telemetry: z.strictObject({ otlp: z.string().nullable().optional() }).optional(),
  keys: z.record(z.string(), z.string()).optional(),
});

/** The user's configuration file (design §10): one schema, unknown keys are errors. */
export const ConfigFile = z.lazy(() => {
  const shape = partial();
  return z.strictObject({
    ...shape,
    preset: z.string().optional(),
    presets: z.record(z.string(), z.strictObject(shape)).optional(),
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
