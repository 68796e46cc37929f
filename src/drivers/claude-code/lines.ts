/**
 * What Claude Code writes and reads: one JSON object a line (`--output-format stream-json`, `--input-format stream-json`). Not documented
 * by its vendor as a whole; the shapes are those measured on 2.1.197 and 2.1.331. Only fields that are used; others may come and go.
 */
import * as z from 'zod';
import type { Line } from '../lines.ts';

const Block = z.object({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.record(z.string(), z.unknown()).optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
  is_error: z.boolean().nullish(),
});
export type Block = z.infer<typeof Block>;

const content = z.union([z.array(Block), z.string().transform((text): Block[] => [{ type: 'text', text }])]);

const Init = z.object({
  type: z.literal('system'),
  subtype: z.literal('init'),
  session_id: z.string().nullish(),
  model: z.string().nullish(),
  claude_code_version: z.string().nullish(),
});

const Retry = z.object({
  type: z.literal('system'),
  subtype: z.literal('api_retry'),
  /** Counts from 1 for each model request. */
  attempt: z.number(),
  retry_delay_ms: z.number().nullish(),
  error_status: z.number().nullish(),
});

/** One line per content block; blocks of one reply share `message.id`. `usage` in it is the value at the stream's start: never to be added up. */
const Assistant = z.object({
  type: z.literal('assistant'),
  message: z.object({ id: z.string().nullish(), model: z.string().nullish(), content }),
  /** Set in what a sub-agent says: the call that started it. */
  parent_tool_use_id: z.string().nullish(),
});

const User = z.object({
  type: z.literal('user'),
  message: z.object({ content }),
  parent_tool_use_id: z.string().nullish(),
  /** True for what Claude Code itself tells the model, such as "your response was cut off". */
  isSynthetic: z.boolean().nullish(),
  tool_result_meta: z
    .array(z.object({ id: z.string(), permission_decision: z.object({ decision: z.string() }).nullish() }))
    .nullish(),
});

const Question = z.object({
  type: z.literal('control_request'),
  request_id: z.string(),
  request: z.object({
    subtype: z.literal('can_use_tool'),
    tool_name: z.string(),
    input: z.record(z.string(), z.unknown()),
    tool_use_id: z.string().nullish(),
  }),
});
export type Question = z.infer<typeof Question>;

/** Any other thing it wants of us. */
const Request = z.object({
  type: z.literal('control_request'),
  request_id: z.string(),
  request: z.object({ subtype: z.string() }),
});

const ModelUsage = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadInputTokens: z.number(),
  cacheCreationInputTokens: z.number(),
  costUSD: z.number().nullish(),
  /** `list` where the model's price is known; else the money is the price of another model. Absent before 2.1.331. */
  costBasis: z.string().nullish(),
});

/** The terminal event. `subtype: success` says nothing: `is_error`, `api_error_status` and `terminal_reason` do. */
const Result = z.object({
  type: z.literal('result'),
  subtype: z.string().nullish(),
  is_error: z.boolean().nullish(),
  result: z.string().nullish(),
  // What only explains a failure must not be the reason that the terminal event is not understood.
  api_error_status: z.number().nullish().catch(null),
  terminal_reason: z.string().nullish().catch(null),
  stop_reason: z.string().nullish().catch(null),
  errors: z.array(z.string()).nullish().catch(null),
  /** Set where the message was taken for a command of Claude Code's own (`/clear`), so that no model was asked. */
  local_command: z.string().nullish(),
  /** Running totals of the process by model, sub-agents included; `usage` beside it leaves them out and is 0 in several failures. */
  modelUsage: z.record(z.string(), ModelUsage).nullish().catch(null),
});
export type Result = z.infer<typeof Result>;

const VendorLine = z.union([Init, Retry, Assistant, User, Question, Request, Result]);
export type VendorLine = z.infer<typeof VendorLine>;

export type Heard =
  | { kind: 'line'; line: VendorLine }
  /** A JSON object of a shape that is not known here; `vendorType` is `type` or `type/subtype`. */
  | { kind: 'unknown'; vendorType: string; raw: unknown }
  /** No JSON object. `requestId`: it was a request that waits for an answer all the same. */
  | { kind: 'garbage'; what: string; requestId: string | null };

/** A request line longer than what is held in memory still begins like this; without an answer its sender would wait for ever. */
const REQUEST = /^\{"type":"control_request","request_id":"([^"\\]{1,200})"/;
/** Characters of an unknown object that are kept. */
const RAW_MAX = 16_000;

export function readLine(line: Line): Heard {
  const value = line.cut ? undefined : parse(line.text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = line.cut ? 'a line that is too long' : line.whole ? 'something that is no event' : 'half a line';
    return { kind: 'garbage', what, requestId: REQUEST.exec(line.text)?.[1] ?? null };
  }
  const known = VendorLine.safeParse(value);
  if (known.success) return { kind: 'line', line: known.data };
  const { type, subtype } = value as { type?: unknown; subtype?: unknown };
  const vendorType = [type, subtype].filter((word) => typeof word === 'string').join('/');
  return { kind: 'unknown', vendorType, raw: line.text.length <= RAW_MAX ? value : line.text.slice(0, RAW_MAX) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Told by the caller: the line is no JSON.
    return undefined;
  }
}

/** The task, as the one message of the user. A leading slash would make it a command of Claude Code's own. */
export function userLine(task: string): object {
  const text = task.startsWith('/') ? `\n${task}` : task;
  return { type: 'user', message: { role: 'user', content: text }, parent_tool_use_id: null, session_id: '' };
}

export const interruptLine = (): object => ({
  type: 'control_request',
  request_id: 'interrupt',
  request: { subtype: 'interrupt' },
});

/** `allow` needs the input again; what is in it is what runs. */
export function answerLine(question: Question, answer: { allow: boolean; reason: string }): object {
  const response = answer.allow
    ? { behavior: 'allow', updatedInput: question.request.input }
    : { behavior: 'deny', message: answer.reason };
  return { type: 'control_response', response: { subtype: 'success', request_id: question.request_id, response } };
}

export function refusalLine(requestId: string): object {
  const error = 'This request cannot be answered here.';
  return { type: 'control_response', response: { subtype: 'error', request_id: requestId, error } };
}
