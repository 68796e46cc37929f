/** OpenAI's Responses format (API reference: Responses, streaming events). Nothing is stored: what a request refers to by id is not found. */
import * as z from 'zod';
import type { Answer, Tokens } from './answer.ts';
import { chatError } from './chat-wire.ts';
import { type Asked, type AskedMessage, BadRequest, checkCalls, checked } from './conversation.ts';
import { type AnswerOptions, pieces, type StreamEvent, type WireFormat } from './wire.ts';

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });
const Content = z.union([z.string(), z.array(Part)], { error: 'neither text nor a list of parts' });

const Item = z.looseObject({
  type: z.string().optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant']).optional(),
  content: Content.nullish(),
  id: z.string().nullish(),
  call_id: z.string().optional(),
  name: z.string().optional(),
  output: Content.optional(),
});
type Item = z.infer<typeof Item>;

const Body = z.looseObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(Item).min(1)], { error: 'neither text nor a list of items' }),
  instructions: z.string().nullish(),
  // Tools of the provider have a type and no name.
  tools: z.array(z.looseObject({ type: z.string(), name: z.string().optional() })).nullish(),
  stream: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
});

function read(data: unknown): Asked {
  const body = checked(Body, data);
  if (body.previous_response_id)
    throw new BadRequest(`Previous response with id '${body.previous_response_id}' not found.`);
  const items: Item[] = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : body.input;
  const messages = readItems(items);
  checkCalls(messages);
  const developer = messages.filter((message) => message.role === 'system').flatMap((message) => message.text);
  return {
    model: body.model,
    stream: body.stream ?? false,
    wantsUsage: true,
    system: [...(body.instructions ? [body.instructions] : []), ...developer].join('\n'),
    messages,
    tools: (body.tools ?? []).flatMap((tool) => tool.name ?? []),
    freeform: (body.tools ?? []).flatMap((tool) =>
      tool.type === 'custom' && tool.name !== undefined ? [tool.name] : [],
    ),
  };
}

/** What the model said in one turn are several items: they are one message, as are the results that follow one another. */
function readItems(items: Item[]): AskedMessage[] {
  const messages: (AskedMessage & { results: AskedMessage['results'] })[] = [];
  for (const item of items) {
    const one = readItem(item);
    const last = messages.at(-1);
    const goesOn =
      last?.role === one.role &&
      (one.role === 'assistant' || (last.results.length > 0 && one.results.length > 0 && one.text.length === 0));
    if (!goesOn || !last) messages.push(one);
    else {
      last.text.push(...one.text);
      last.calls.push(...one.calls);
      last.results.push(...one.results);
      last.chars += one.chars;
    }
  }
  return messages;
}

function readItem(item: Item): AskedMessage {
  const message: AskedMessage = {
    role: 'assistant',
    text: [],
    calls: [],
    results: [],
    chars: JSON.stringify(item).length,
  };
  switch (item.type ?? 'message') {
    case 'message': {
      if (item.role === undefined) throw new BadRequest('input: a message without a role');
      return { ...message, role: item.role === 'developer' ? 'system' : item.role, text: texts(item.content) };
    }
    case 'function_call':
    case 'custom_tool_call':
      return { ...message, calls: [{ id: item.call_id ?? '', name: item.name ?? '' }] };
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { ...message, role: 'user', results: [{ id: item.call_id ?? '', text: texts(item.output).join('') }] };
    case 'item_reference':
      throw new BadRequest(
        `Item with id '${item.id ?? ''}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
      );
    default:
      // Reasoning, and calls of the provider's own tools: the model's, without words for the script.
      return message;
  }
}

function texts(content: z.infer<typeof Content> | null | undefined): string[] {
  if (typeof content === 'string') return [content];
  return (content ?? []).flatMap((part) =>
    /(^|_)text$/.test(part.type) && part.text !== undefined ? [part.text] : [],
  );
}

/** Every response ends by saying how: completed, or incomplete for a reason. */
const INCOMPLETE: Record<string, string | null> = {
  stop: null,
  'tool-calls': null,
  length: 'max_output_tokens',
  'content-filter': 'content_filter',
};
const incompleteReason = (finish: string | null): string | null =>
  finish === null ? null : finish in INCOMPLETE ? INCOMPLETE[finish]! : finish;

const usageOf = (tokens: Tokens) => {
  const input = tokens.input + tokens.cacheRead + tokens.cacheWrite;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: tokens.cacheRead },
    output_tokens: tokens.output,
    output_tokens_details: { reasoning_tokens: tokens.reasoning },
    total_tokens: input + tokens.output,
  };
};
/** What a client can read out of it: tokens written to a cache are part of the input. */
const reported = (tokens: Tokens): Tokens => ({ ...tokens, input: tokens.input + tokens.cacheWrite, cacheWrite: 0 });

/** Seconds since 1970; a fixed time, so that the same script gives the same bytes. */
const CREATED = 1_700_000_000;
/** Opaque to the client, which must send it back. */
const ENCRYPTED = 'c2ltdWxhdGVk';

const reasoningItem = (answer: Answer, n: number) => ({
  id: `rs_simulated_${n}`,
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: answer.thinking }],
  encrypted_content: ENCRYPTED,
});
const textPart = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] });
const messageItem = (answer: Answer, n: number) => ({
  id: `msg_simulated_${n}`,
  type: 'message',
  status: 'completed',
  role: 'assistant',
  content: [textPart(answer.text)],
});
const callItem = ({ id, name, args }: Answer['calls'][number], freeform: readonly string[]) =>
  freeform.includes(name)
    ? { id: `ctc_${id}`, type: 'custom_tool_call', status: 'completed', call_id: `call_${id}`, name, input: args }
    : { id: `fc_${id}`, type: 'function_call', status: 'completed', call_id: `call_${id}`, name, arguments: args };

const itemsOf = (answer: Answer, { n, freeform }: AnswerOptions): object[] => [
  ...(answer.thinking === '' ? [] : [reasoningItem(answer, n)]),
  ...(answer.text === '' ? [] : [messageItem(answer, n)]),
  ...answer.calls.map((call) => callItem(call, freeform)),
];

function responseOf(answer: Answer, options: AnswerOptions) {
  const { n, model, usage } = options;
  const reason = incompleteReason(answer.finish);
  return {
    id: `resp_simulated_${n}`,
    object: 'response',
    created_at: CREATED,
    status: reason === null ? 'completed' : 'incomplete',
    error: null,
    incomplete_details: reason === null ? null : { reason },
    model,
    output: itemsOf(answer, options),
    usage: usage ? usageOf(answer.usage) : null,
  };
}

function stream(answer: Answer, options: AnswerOptions): StreamEvent[] {
  const events: StreamEvent[] = [];
  const add = (kind: StreamEvent['kind'], type: string, fields: object, reports?: Tokens) => {
    const data = { type, sequence_number: events.length, ...fields };
    events.push({ kind, text: `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`, reports });
  };
  const response = responseOf(answer, options);
  const begun = { ...response, status: 'in_progress', incomplete_details: null, output: [], usage: null };
  add('start', 'response.created', { response: begun });
  add('start', 'response.in_progress', { response: begun });
  let output_index = 0;
  const say = (type: string, fields: object) => add('content', `response.${type}`, { output_index, ...fields });
  if (answer.thinking !== '') {
    const item = reasoningItem(answer, options.n);
    const at = { item_id: item.id, summary_index: 0 };
    say('output_item.added', { item: { ...item, summary: [], encrypted_content: null } });
    say('reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
    for (const delta of pieces(answer.thinking)) say('reasoning_summary_text.delta', { ...at, delta });
    say('reasoning_summary_text.done', { ...at, text: answer.thinking });
    say('reasoning_summary_part.done', { ...at, part: item.summary[0] });
    say('output_item.done', { item });
    output_index += 1;
  }
  if (answer.text !== '') {
    const item = messageItem(answer, options.n);
    const at = { item_id: item.id, content_index: 0 };
    say('output_item.added', { item: { ...item, status: 'in_progress', content: [] } });
    say('content_part.added', { ...at, part: textPart('') });
    for (const delta of pieces(answer.text)) say('output_text.delta', { ...at, delta, logprobs: [] });
    say('output_text.done', { ...at, text: answer.text, logprobs: [] });
    say('content_part.done', { ...at, part: item.content[0] });
    say('output_item.done', { item });
    output_index += 1;
  }
  for (const call of answer.calls) {
    const item = callItem(call, options.freeform);
    const at = { item_id: item.id };
    const [field, event] =
      item.type === 'custom_tool_call' ? ['input', 'custom_tool_call_input'] : ['arguments', 'function_call_arguments'];
    say('output_item.added', { item: { ...item, status: 'in_progress', [field]: '' } });
    for (const delta of pieces(call.args)) say(`${event}.delta`, { ...at, delta });
    say(`${event}.done`, { ...at, [field]: call.args });
    say('output_item.done', { item });
    output_index += 1;
  }
  const end = response.status === 'completed' ? 'response.completed' : 'response.incomplete';
  add('end', end, { response }, options.usage ? reported(answer.usage) : undefined);
  return events;
}

const failed = (message: string) => ({
  type: 'response.failed',
  sequence_number: 0,
  response: { object: 'response', status: 'failed', error: { code: 'server_error', message }, output: [], usage: null },
});

export const responsesWire: WireFormat = {
  wire: 'openai-responses',
  read,
  stream,
  whole: (answer, options) => ({
    body: responseOf(answer, options),
    reports: options.usage ? reported(answer.usage) : null,
  }),
  count(data, _target, chars) {
    read(data);
    return { object: 'response.input_tokens', input_tokens: Math.ceil(chars / 4) };
  },
  error: chatError,
  streamError: (message) => `event: response.failed\ndata: ${JSON.stringify(failed(message))}\n\n`,
};
