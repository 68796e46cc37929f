import * as z from 'zod';
import { SPEEDS, TIERS } from './words.ts';

/** Front matter of an agent file (design §10). */
export const AgentFrontMatter = z.lazy(() =>
  z.strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]*$/),
    description: z.string().min(1),
    readonly: z.boolean(),
    tier: z.enum(TIERS),
    speed: z.enum(SPEEDS),
    tools: z.array(z.string()).optional(),
    worker: z.string().optional(),
    timeoutMinutes: z.number().positive().max(34_560).optional(),
    run: z.boolean().optional(),
  }),
);
export type AgentFrontMatter = z.infer<typeof AgentFrontMatter>;

/** An agent: a role with its prompt, read from one Markdown file. `sha256` is of the whole file. */
export interface Agent extends AgentFrontMatter {
  prompt: string;
  sha256: string;
  source: 'shipped' | 'user' | 'project';
}
