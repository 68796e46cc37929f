/** OpenAI's Chat Completions format (API reference: Chat, streaming). `reasoning_content` is the addition of DeepSeek, vLLM and llama.cpp. */
import * as z from 'zod';
import type { Answer, Tokens } from './answer.ts';
import { type Asked, type AskedMessage, checkCalls, checked } from './conversation.ts';
import { type AnswerOptions, type Dialect, pieces, type StreamEvent, type WireFormat } from './wire.ts';

const Content = z
  .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))], {
    error: 'neither text nor a list of parts',
  })
  .nullish();

const Body = z.looseObject({
  model: z.string().min(1),
  messages: z
    .array(
      z.looseObject({
        role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
        content: Content,
        tool_calls: z
          .array(
            z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) }),
          )
          .nullish(),
        tool_call_id: z.string().optional(),
      }),
    )
    .min(1),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }).optional() })).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
});

function read(data: unknown): Asked {
  const body = checked(Body, data);
  const messages = body.messages.map(readMessage);
  checkCalls(messages);
  return {
    model: body.model,
    stream: body.stream ?? false,
    wantsUsage: body.stream_options?.include_usage ?? false,
    system: messages.flatMap((message) => (message.role === 'system' ? message.text : [])).join('\n'),
    messages,
    tools: (body.tools ?? []).flatMap((tool) => tool.function?.name ?? []),
  };
}

function readMessage(message: z.infer<typeof Body>['messages'][number]): AskedMessage {
  const text = texts(message.content);
  const chars = JSON.stringify(message).length;
  if (message.role === 'tool') {
    const result = { id: message.tool_call_id ?? '', text: text.join('') };
    return { role: 'user', text: [], calls: [], results: [result], chars };
  }
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    text,
    calls: (message.tool_calls ?? []).map(({ id, function: { name } }) => ({ id, name })),
    results: [],
    chars,
  };
}

function texts(content: z.infer<typeof Content>): string[] {
  if (typeof content === 'string') return [content];
  return (content ?? []).flatMap((part) => (part.type === 'text' && part.text !== undefined ? [part.text] : []));
}

const FINISH: Record<string, string> = { 'tool-calls': 'tool_calls', 'content-filter': 'content_filter' };
const finishReason = (finish: string | null) => (finish === null ? null : (FINISH[finish] ?? finish));

/** This wire counts the whole prompt as one number, of which it names the part that came from the cache. */
const usageOf = (tokens: Tokens, dialect: Dialect) => {
  const prompt = tokens.input + tokens.cacheRead + tokens.cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: tokens.output,
    total_tokens: prompt + tokens.output,
    ...(dialect.cached && { prompt_tokens_details: { cached_tokens: tokens.cacheRead } }),
    ...(dialect.reasoning && { completion_tokens_details: { reasoning_tokens: tokens.reasoning } }),
  };
};
/** What a client can read out of it: tokens that are not told apart are part of the input, those written to a cache always. */
const reported = (tokens: Tokens, dialect: Dialect): Tokens => ({
  input: tokens.input + tokens.cacheWrite + (dialect.cached ? 0 : tokens.cacheRead),
  cacheRead: dialect.cached ? tokens.cacheRead : 0,
  cacheWrite: 0,
  output: tokens.output,
  reasoning: dialect.reasoning ? tokens.reasoning : 0,
});

const callId = (id: string) => `call_${id}`;
/** Seconds since 1970; a fixed time, so that the same script gives the same bytes. */
const CREATED = 1_700_000_000;

function stream(answer: Answer, { n, model, usage, dialect }: AnswerOptions): StreamEvent[] {
  const events: StreamEvent[] = [];
  const head = { id: `chatcmpl-simulated-${n}`, object: 'chat.completion.chunk', created: CREATED, model };
  const add = (kind: StreamEvent['kind'], fields: object, reports?: Tokens) =>
    events.push({ kind, text: `data: ${JSON.stringify({ ...head, ...fields })}\n\n`, reports });
  const choice = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  });
  add('start', choice({ role: 'assistant', content: '' }));
  for (const piece of pieces(answer.thinking)) add('content', choice({ [dialect.thinking]: piece }));
  for (const content of pieces(answer.text)) add('content', choice({ content }));
  answer.calls.forEach(({ id, name, args }, index) => {
    const called = { index, id: callId(id), type: 'function', function: { name, arguments: '' } };
    add('content', choice({ tool_calls: [called] }));
    for (const piece of pieces(args))
      add('content', choice({ tool_calls: [{ index, function: { arguments: piece } }] }));
  });
  if (answer.finish !== null) add('end', choice({}, finishReason(answer.finish)));
  if (usage) add('end', { choices: [], usage: usageOf(answer.usage, dialect) }, reported(answer.usage, dialect));
  events.push({ kind: 'end', text: 'data: [DONE]\n\n' });
  return events;
}

function whole(answer: Answer, { n, model, usage, dialect }: AnswerOptions) {
  const tool_calls = answer.calls.map(({ id, name, args }) => ({
    id: callId(id),
    type: 'function',
    function: { name, arguments: args },
  }));
  const message = {
    role: 'assistant',
    content: answer.text === '' ? null : answer.text,
    ...(answer.thinking === '' ? {} : { [dialect.thinking]: answer.thinking }),
    ...(tool_calls.length === 0 ? {} : { tool_calls }),
  };
  const body = {
    id: `chatcmpl-simulated-${n}`,
    object: 'chat.completion',
    created: CREATED,
    model,
    choices: [{ index: 0, message, finish_reason: finishReason(answer.finish) }],
    ...(usage ? { usage: usageOf(answer.usage, dialect) } : {}),
  };
  return { body, reports: usage ? reported(answer.usage, dialect) : null };
}

const ERRORS: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

/** OpenAI's, in both of its formats. */
export const chatError = (status: number, message: string) => ({
  error: {
    message,
    type: ERRORS[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error'),
    param: null,
    code: null,
  },
});

export const chatWire: WireFormat = {
  wire: 'openai-chat',
  read,
  stream,
  whole,
  count: null,
  error: chatError,
  streamError: (message) => `data: ${JSON.stringify(chatError(503, message))}\n\n`,
};
