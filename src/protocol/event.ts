import * as z from 'zod';
import { AnswerEvent, QuestionEvent } from './question.ts';
import { Receipt } from './receipt.ts';
import { MeteredRequest } from './usage.ts';
import { ACTION_CLASSES, STATUSES } from './words.ts';

/**
 * What a runtime reports while its agent process works. The last one is always `end`;
 * failures are `end` events, never exceptions. Unknown vendor events are kept as `unknown`.
 */
export const AgentEvent = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('session'),
      sessionId: z.string().nullable(),
      model: z.string().nullable(),
      version: z.string().nullable(),
    }),
    z.object({ type: z.literal('text'), text: z.string() }),
    z.object({ type: z.literal('reasoning'), text: z.string() }),
    z.object({
      type: z.literal('tool'),
      callId: z.string(),
      name: z.string(),
      action: z.enum(ACTION_CLASSES),
      subject: z.string(),
    }),
    z.object({
      type: z.literal('tool-result'),
      callId: z.string(),
      ok: z.boolean(),
      denied: z.boolean(),
      summary: z.string(),
    }),
    z.object({
      type: z.literal('retry'),
      status: z.number().nullable(),
      attempt: z.number(),
      delayMs: z.number().nullable(),
    }),
    z.object({
      type: z.literal('usage'),
      input: z.number().nullable(),
      cacheRead: z.number().nullable(),
      cacheWrite: z.number().nullable(),
      output: z.number().nullable(),
      costUsd: z.number().nullable(),
    }),
    z.object({ type: z.literal('notice'), text: z.string() }),
    z.object({ type: z.literal('unknown'), vendorType: z.string(), raw: z.unknown() }),
    z.object({
      type: z.literal('end'),
      /** True only where the runtime's own terminal event says the work is complete. */
      ok: z.boolean(),
      status: z.enum(['succeeded', 'failed', 'auth-required', 'rate-limited', 'over-budget', 'cancelled', 'timed-out']),
      /** One sentence a person can act on. */
      reason: z.string(),
      /** The agent's final answer, whole; null where there was none. */
      answer: z.string().nullable(),
      turns: z.number().nullable(),
    }),
  ]),
);
export type AgentEvent = z.infer<typeof AgentEvent>;
export type AgentEnd = Extract<AgentEvent, { type: 'end' }>;

/** What the shim reports about the dispatch itself; of a question that comes after its end, the daemon. */
export const ShimEvent = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('started'), pid: z.number(), startTime: z.string(), bootId: z.string() }),
    z.object({
      type: z.literal('phase'),
      phase: z.enum(['snapshot', 'copy', 'sandbox', 'agent', 'harvest', 'verify']),
      /** With `harvest`: how long the agent process ran, by a clock nobody sets, ms. */
      agentMs: z.number().optional(),
    }),
    z.object({
      type: z.literal('snapshot'),
      commit: z.string(),
      head: z.string().nullable(),
      dirty: z.boolean(),
      omitted: z.array(z.string()),
    }),
    z.object({ type: z.literal('agent-process'), pid: z.number(), startTime: z.string() }),
    z.object({ type: z.literal('request-started'), n: z.number(), path: z.string() }),
    z.object({ type: z.literal('request'), request: MeteredRequest }),
    QuestionEvent,
    AnswerEvent,
    /** What a person told the running agent; a `notice` follows where it could not be told. */
    z.object({ type: z.literal('steer'), text: z.string() }),
    z.object({ type: z.literal('cancel'), why: z.enum(['user', 'timeout', 'budget', 'disk']) }),
    z.object({ type: z.literal('harvest'), result: z.string().nullable(), files: z.number() }),
    z.object({ type: z.literal('verify'), command: z.string(), exitCode: z.number().nullable(), ms: z.number() }),
    z.object({ type: z.literal('ended'), status: z.enum(STATUSES), reason: z.string() }),
  ]),
);
export type ShimEvent = z.infer<typeof ShimEvent>;

/** One line of `journal.jsonl`: written before it is delivered; `seq` counts from 1 without gaps. */
export type JournalEvent = { seq: number; at: string } & (AgentEvent | ShimEvent);

/** Last line of an event stream, sent by the daemon once the receipt is in the chain. It has no `seq`: it is not in the journal. */
export const SettledEvent = z.lazy(() => z.object({ type: z.literal('receipt'), receipt: Receipt }));
export type SettledEvent = z.infer<typeof SettledEvent>;
