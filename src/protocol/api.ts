import * as z from 'zod';
import { MODES, SAFETY_LEVELS } from './words.ts';

/** What a client brings along: the daemon uses nothing of its own environment but the roots. Held in memory only. */
export const ClientContext = z.lazy(() =>
  z.object({
    cwd: z.string(),
    path: z.string(),
    home: z.string(),
    /** Values of the key variables the configuration names, and of `env.pass`. */
    keys: z.record(z.string(), z.string()),
    mode: z.enum(MODES).optional(),
    safety: z.enum(SAFETY_LEVELS).optional(),
    preset: z.string().optional(),
  }),
);
export type ClientContext = z.infer<typeof ClientContext>;

export const DispatchRequest = z.lazy(() =>
  z.object({
    /** A ULID the client makes, so that asking again after a broken connection starts nothing twice. */
    id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
    client: ClientContext,
    agent: z.string(),
    task: z.string().min(1),
    worker: z.string().optional(),
    runtime: z.string().optional(),
    model: z.string().optional(),
    base: z.string().optional(),
    on: z.string().optional(),
    verify: z.string().optional(),
    budgetUsd: z.number().nonnegative().optional(),
    timeoutSeconds: z.number().positive().max(2_073_600).optional(),
    apply: z.boolean(),
    unsandboxed: z.boolean(),
  }),
);
export type DispatchRequest = z.infer<typeof DispatchRequest>;

export const ApplyRequest = z.lazy(() =>
  z.object({
    client: ClientContext,
    files: z.array(z.string()).optional(),
    except: z.array(z.string()).optional(),
  }),
);
export type ApplyRequest = z.infer<typeof ApplyRequest>;
