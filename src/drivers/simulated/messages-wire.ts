/** Anthropic's Messages format (API reference: Messages, streaming, errors; version 2023-06-01). */
import * as z from 'zod';
import type { Answer, Tokens } from './answer.ts';
import { type Asked, type AskedMessage, checkCalls, checked } from './conversation.ts';
import { type AnswerOptions, asJson, pieces, type StreamEvent, type WireFormat } from './wire.ts';

const Block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
});
type Block = z.infer<typeof Block>;
const Content = z.union([z.string(), z.array(Block)], { error: 'neither text nor a list of blocks' });

const Body = z.looseObject({
  model: z.string().min(1),
  system: Content.optional(),
  // Claude Code 2.1.331 sends system messages in the middle of a conversation.
  messages: z.array(z.looseObject({ role: z.enum(['user', 'assistant', 'system']), content: Content })).min(1),
  tools: z.array(z.looseObject({ name: z.string() })).optional(),
  stream: z.boolean().optional(),
});
const Request = Body.extend({ max_tokens: z.number().int().positive() });

/** For a message and for counting its tokens, which needs no `max_tokens`. */
function readBody(schema: typeof Body, data: unknown): Asked {
  const body = checked(schema, data);
  const messages = body.messages.map(readMessage);
  checkCalls(messages);
  const later = messages.filter((message) => message.role === 'system').flatMap((message) => message.text);
  return {
    model: body.model,
    stream: body.stream ?? false,
    wantsUsage: true,
    system: [...texts(body.system), ...later].join('\n'),
    messages,
    tools: (body.tools ?? []).map((tool) => tool.name),
  };
}

function readMessage({ role, content }: z.infer<typeof Body>['messages'][number]): AskedMessage {
  const blocks: Block[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const of = (type: string) => blocks.filter((block) => block.type === type);
  return {
    role,
    text: texts(content),
    calls: of('tool_use').map(({ id, name }) => ({ id: id ?? '', name: name ?? '' })),
    results: of('tool_result').map((block) => ({ id: block.tool_use_id ?? '', text: resultText(block.content) })),
    chars: JSON.stringify(content).length,
  };
}

function texts(content: z.infer<typeof Content> | undefined): string[] {
  if (typeof content === 'string') return [content];
  return (content ?? []).flatMap((block) => (block.type === 'text' && block.text !== undefined ? [block.text] : []));
}

/** What the tool said; Claude Code adds reminders of its own behind it. */
function resultText(content: unknown): string {
  const parsed = Content.safeParse(content ?? '');
  const text = parsed.success ? texts(parsed.data).join('\n') : '';
  return text.replace(/(?:\s*<system-reminder>[\s\S]*?<\/system-reminder>)+\s*$/, '');
}

const STOP: Record<string, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
};
const stopReason = (finish: string | null) => (finish === null ? null : (STOP[finish] ?? finish));

const ERRORS: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const usageOf = (tokens: Tokens, output: number) => ({
  input_tokens: tokens.input,
  cache_creation_input_tokens: tokens.cacheWrite,
  cache_read_input_tokens: tokens.cacheRead,
  output_tokens: output,
});
const wholeUsage = (tokens: Tokens) => ({
  ...usageOf(tokens, tokens.output),
  output_tokens_details: { thinking_tokens: tokens.reasoning },
});

const idOf = (n: number) => `msg_simulated_${n}`;
const callId = (id: string) => `toolu_${id}`;
/** Opaque to the client, which must send it back. */
const SIGNATURE = 'c2ltdWxhdGVk';

function stream(answer: Answer, { n, model, usage }: AnswerOptions): StreamEvent[] {
  const events: StreamEvent[] = [];
  const add = (kind: StreamEvent['kind'], type: string, fields: object, reports?: Tokens) =>
    events.push({ kind, text: `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`, reports });
  // The start reports one output token; the real number comes with the end.
  const atStart = { ...answer.usage, output: 1, reasoning: 0 };
  add(
    'start',
    'message_start',
    {
      message: {
        id: idOf(n),
        type: 'message',
        role: 'assistant',
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        ...(usage ? { usage: usageOf(answer.usage, 1) } : {}),
      },
    },
    usage ? atStart : undefined,
  );
  add('start', 'ping', {});
  let index = 0;
  const block = (content_block: object, deltas: object[]) => {
    add('content', 'content_block_start', { index, content_block });
    for (const delta of deltas) add('content', 'content_block_delta', { index, delta });
    add('content', 'content_block_stop', { index });
    index += 1;
  };
  if (answer.thinking !== '')
    block({ type: 'thinking', thinking: '', signature: '' }, [
      ...pieces(answer.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: SIGNATURE },
    ]);
  if (answer.text !== '')
    block(
      { type: 'text', text: '' },
      pieces(answer.text).map((text) => ({ type: 'text_delta', text })),
    );
  for (const { id, name, args } of answer.calls)
    block(
      { type: 'tool_use', id: callId(id), name, input: {} },
      ['', ...pieces(args)].map((partial_json) => ({ type: 'input_json_delta', partial_json })),
    );
  const delta = { stop_reason: stopReason(answer.finish), stop_sequence: null };
  if (usage) add('end', 'message_delta', { delta, usage: wholeUsage(answer.usage) }, answer.usage);
  else add('end', 'message_delta', { delta });
  add('end', 'message_stop', {});
  return events;
}

function whole(answer: Answer, { n, model, usage }: AnswerOptions) {
  const content: object[] = [];
  if (answer.thinking !== '') content.push({ type: 'thinking', thinking: answer.thinking, signature: SIGNATURE });
  if (answer.text !== '') content.push({ type: 'text', text: answer.text });
  for (const { id, name, args } of answer.calls)
    content.push({ type: 'tool_use', id: callId(id), name, input: asJson(args) });
  const body = {
    id: idOf(n),
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: stopReason(answer.finish),
    stop_sequence: null,
    ...(usage ? { usage: wholeUsage(answer.usage) } : {}),
  };
  return { body, reports: usage ? answer.usage : null };
}

const error = (status: number, message: string) => ({
  type: 'error',
  error: { type: ERRORS[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error'), message },
});

export const messagesWire: WireFormat = {
  wire: 'anthropic-messages',
  read: (body) => readBody(Request, body),
  stream,
  whole,
  count(data, _target, chars) {
    readBody(Body, data);
    return { input_tokens: Math.ceil(chars / 4) };
  },
  error,
  streamError: (message) => `event: error\ndata: ${JSON.stringify(error(529, message))}\n\n`,
};
