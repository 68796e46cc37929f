import * as z from 'zod';

/**
 * Tokens of one dispatch. `input` excludes cache reads and writes, `output` includes reasoning,
 * `requests` counts every request that passed the gateway. null = unknown, never 0.
 */
export const Usage = z.lazy(() =>
  z.object({
    input: z.number().nullable(),
    cacheRead: z.number().nullable(),
    cacheWrite: z.number().nullable(),
    output: z.number().nullable(),
    reasoning: z.number().nullable(),
    requests: z.number(),
    turns: z.number().nullable(),
    grade: z.enum(['measured', 'reported', 'estimated', 'unknown']),
  }),
);
export type Usage = z.infer<typeof Usage>;

/** Money of one dispatch in USD. Only billing `api` counts as spent. */
export const Cost = z.lazy(() =>
  z.object({
    usd: z.number().nullable(),
    grade: z.enum(['priced', 'reported', 'unknown']),
    billing: z.enum(['api', 'subscription', 'local', 'simulated', 'unknown']),
    priceTable: z.string().nullable(),
  }),
);
export type Cost = z.infer<typeof Cost>;

const rates = () => ({
  input: z.number().nonnegative(),
  output: z.number().nonnegative(),
  cacheRead: z.number().nonnegative().optional(),
  cacheWrite: z.number().nonnegative().optional(),
});

/** USD per million tokens. A missing cache price falls back to `input`. */
export const Price = z.lazy(() => z.object(rates()));
export type Price = z.infer<typeof Price>;

/** With the name of the list it is from. */
export const ListedPrice = z.lazy(() => z.object({ ...rates(), table: z.string() }));

/** What the gateway saw of one model request. */
export const MeteredRequest = z.lazy(() =>
  z.object({
    n: z.number(),
    path: z.string(),
    model: z.string().nullable(),
    status: z.number().nullable(),
    input: z.number().nullable(),
    cacheRead: z.number().nullable(),
    cacheWrite: z.number().nullable(),
    output: z.number().nullable(),
    reasoning: z.number().nullable(),
    grade: z.enum(['measured', 'estimated', 'unknown']),
    /** False where the answer broke off before its own end marker. */
    complete: z.boolean(),
    simulated: z.boolean(),
    ms: z.number(),
    firstTokenMs: z.number().nullable(),
    retryAfterMs: z.number().nullable(),
    error: z.string().nullable(),
    /** Who ended it before its time: the service, which was not there or broke off, or somebody here (the agent went, the dispatch ended). */
    brokenBy: z.enum(['service', 'here']).nullable(),
  }),
);
export type MeteredRequest = z.infer<typeof MeteredRequest>;
