/** OpenAI's Chat Completions format (API reference: Chat, streaming). `reasoning_content` is the addition of DeepSeek, vLLM and llama.cpp. */
import * as z from 'zod';
import type { Answer, Tokens } from './answer.ts';
import { type Asked, type AskedMessage, BadRequest, checkCalls } from './conversation.ts';
import { type AnswerOptions, pieces, type StreamEvent, type WireFormat } from './wire.ts';

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
  const result = Body.safeParse(data);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new BadRequest(`${issue.path.join('.') || 'body'}: ${issue.message}`);
  }
  const body = result.data;
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
  if (message.role === 'tool')
    return { role: 'user', text: [], calls: [], results: [{ id: message.tool_call_id ?? '', text: text.join('') }] };
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    text,
    calls: (message.tool_calls ?? []).map(({ id, function: { name } }) => ({ id, name })),
    results: [],
  };
}

function texts(content: z.infer<typeof Content>): string[] {
  if (typeof content === 'string') return [content];
  return (content ?? []).flatMap((part) => (part.type === 'text' && part.text !== undefined ? [part.text] : []));
}

const FINISH: Record<string, string> = { 'tool-calls': 'tool_calls', 'content-filter': 'content_filter' };
const finishReason = (finish: string | null) => (finish === null ? null : (FINISH[finish] ?? finish));

/** This wire counts the whole prompt as one number, of which it names the part that came from the cache. */
const usageOf = (tokens: Tokens) => {
  const prompt = tokens.input + tokens.cacheRead + tokens.cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: tokens.output,
    total_tokens: prompt + tokens.output,
    prompt_tokens_details: { cached_tokens: tokens.cacheRead },
    completion_tokens_details: { reasoning_tokens: tokens.reasoning },
  };
};
/** What a client can read out of it: tokens written to a cache are part of the input. */
const reported = (tokens: Tokens): Tokens => ({
  ...tokens,
  input: tokens.input + tokens.cacheWrite,
  cacheWrite: 0,
});

const callId = (id: string) => `call_${id}`;
/** Seconds since 1970; a fixed time, so that the same script gives the same bytes. */
const CREATED = 1_700_000_000;

function stream(answer: Answer, { n, model, usage }: AnswerOptions): StreamEvent[] {
  const events: StreamEvent[] = [];
  const head = { id: `chatcmpl-simulated-${n}`, object: 'chat.completion.chunk', created: CREATED, model };
  const add = (kind: StreamEvent['kind'], fields: object, reports?: Tokens) =>
    events.push({ kind, text: `data: ${JSON.stringify({ ...head, ...fields })}\n\n`, reports });
  const choice = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  });
  add('start', choice({ role: 'assistant', content: '' }));
  for (const reasoning_content of pieces(answer.thinking)) add('content', choice({ reasoning_content }));
  for (const content of pieces(answer.text)) add('content', choice({ content }));
  answer.calls.forEach(({ id, name, args }, index) => {
    const called = { index, id: callId(id), type: 'function', function: { name, arguments: '' } };
    add('content', choice({ tool_calls: [called] }));
    for (const piece of pieces(args))
      add('content', choice({ tool_calls: [{ index, function: { arguments: piece } }] }));
  });
  if (answer.finish !== null) add('end', choice({}, finishReason(answer.finish)));
  if (usage) add('end', { choices: [], usage: usageOf(answer.usage) }, reported(answer.usage));
  events.push({ kind: 'end', text: 'data: [DONE]\n\n' });
  return events;
}

function whole(answer: Answer, { n, model, usage }: AnswerOptions) {
  const tool_calls = answer.calls.map(({ id, name, args }) => ({
    id: callId(id),
    type: 'function',
    function: { name, arguments: args },
  }));
  const message = {
    role: 'assistant',
    content: answer.text === '' ? null : answer.text,
    ...(answer.thinking === '' ? {} : { reasoning_content: answer.thinking }),
    ...(tool_calls.length === 0 ? {} : { tool_calls }),
  };
  const body = {
    id: `chatcmpl-simulated-${n}`,
    object: 'chat.completion',
    created: CREATED,
    model,
    choices: [{ index: 0, message, finish_reason: finishReason(answer.finish) }],
    ...(usage ? { usage: usageOf(answer.usage) } : {}),
  };
  return { body, reports: usage ? reported(answer.usage) : null };
}

const ERRORS: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

const error = (status: number, message: string) => ({
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
  error,
  streamError: (message) => `data: ${JSON.stringify(error(503, message))}\n\n`,
};
