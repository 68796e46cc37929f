/** What crosses between the native runtime's adapter and its agent process: JSON Lines on stdin and stdout. */
import * as z from 'zod';
import { ACTION_CLASSES, WIRES } from '../../protocol/words.ts';

/** First line on stdin: what to do. The token is in here and not in the environment, so that commands of the agent do not inherit it. */
export const NativeInput = z.object({
  type: z.literal('start'),
  endpoint: z.object({ baseUrl: z.string(), token: z.string(), wire: z.enum(WIRES) }),
  model: z.string(),
  /** How the model server is called in reasons; the agent itself only sees the gateway. */
  server: z.string(),
  system: z.string(),
  task: z.string(),
  /** Classes of the tools that are offered. */
  actions: z.array(z.enum(ACTION_CLASSES)),
  effort: z.string().nullable(),
  limits: z.object({
    /** Model turns; null = no limit. */
    turns: z.number().nullable(),
    /** Window in use of the model, tokens; null = unknown. */
    window: z.number().nullable(),
    /** Longest wait for a provider's limit. */
    waitMs: z.number(),
    /** Longest silence of the model server, before its first byte and between two. */
    idleMs: z.number(),
  }),
});
export type NativeInput = z.infer<typeof NativeInput>;

/** Later lines on stdin. The end of stdin means the same as `cancel`. */
export const NativeCommand = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), id: z.number(), allow: z.boolean(), reason: z.string() }),
  /** What the agent is told to its `question` with the same id. */
  z.object({ type: z.literal('reply'), id: z.number(), ok: z.boolean(), text: z.string() }),
  z.object({ type: z.literal('cancel') }),
  /** A person's words; answered by `told`. */
  z.object({ type: z.literal('message'), id: z.number(), text: z.string() }),
]);
export type NativeCommand = z.infer<typeof NativeCommand>;

/** A line on stdout that is no event: whether a `message` will be part of the next model request. */
export const NativeTold = z.object({ type: z.literal('told'), id: z.number(), ok: z.boolean() });

/** A line on stdout that is no event: a question to a person; the agent waits for the `reply` with the same id. */
export const NativeQuestion = z.object({ type: z.literal('question'), id: z.number(), question: z.string() });

/** A line on stdout that is no event: the agent waits for the `answer` with the same id. */
export const NativeAsk = z.object({
  type: z.literal('ask'),
  id: z.number(),
  action: z.enum(ACTION_CLASSES),
  subject: z.string(),
  detail: z.string(),
});
export type NativeAsk = z.infer<typeof NativeAsk>;
