import * as z from 'zod';
import { ANSWERERS } from './question.ts';
import { MODES, SAFETY_LEVELS } from './words.ts';

/** What a client brings along: the daemon uses nothing of its own environment but the roots. Held in memory only. */
export const ClientContext = z.lazy(() =>
  z.object({
    cwd: z.string(),
    path: z.string(),
    home: z.string(),
    /** The person's shell, whose start-up files may know of more programs than PATH. */
    shell: z.string().optional(),
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
    answers: z.enum(ANSWERERS),
    unsandboxed: z.boolean(),
  }),
);
export type DispatchRequest = z.infer<typeof DispatchRequest>;

/** `file`: absolute path of JSON Lines the daemon can read as often as it needs. */
export const ImportRequest = z.lazy(() => z.object({ file: z.string() }));
export type ImportRequest = z.infer<typeof ImportRequest>;

/** Words to a running agent. */
export const SendRequest = z.lazy(() => z.object({ text: z.string().min(1).max(100_000) }));

export const ApplyRequest = z.lazy(() =>
  z.object({
    client: ClientContext,
    files: z.array(z.string()).optional(),
    except: z.array(z.string()).optional(),
    /** Message of a commit of the applied paths on HEAD, or of the commit of `branch`. */
    commit: z.string().min(1).max(100_000).optional(),
    /** A new branch to put the change on instead of the working tree. */
    branch: z.string().min(1).max(250).optional(),
  }),
);
export type ApplyRequest = z.infer<typeof ApplyRequest>;
