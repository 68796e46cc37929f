/** Answers as real services write them, built from parts, and a meter that reads them in given pieces. */
import { meterAnswer } from '../../../src/core/meter/answer.ts';
import type { Reading } from '../../../src/core/meter/reading.ts';
import type { Wire } from '../../../src/protocol/words.ts';

export const event = (data: object, newline = '\n') =>
  `event: ${(data as { type?: string }).type}${newline}data: ${JSON.stringify(data)}${newline}${newline}`;
export const chunk = (data: object | string, newline = '\n') =>
  `data: ${typeof data === 'string' ? data : JSON.stringify(data)}${newline}${newline}`;

export const delta = (text: string) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
export const said = (content: string) => ({ model: 'm1', choices: [{ index: 0, delta: { content } }] });

/** A whole Messages stream with every kind of content. */
export function messagesStream(newline = '\n'): string {
  return [
    `: a comment${newline}${newline}`,
    ...[
      {
        type: 'message_start',
        message: {
          model: 'claude-sonnet-5',
          usage: {
            input_tokens: 12,
            cache_creation_input_tokens: 300,
            cache_read_input_tokens: 4000,
            cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
            output_tokens: 1,
          },
        },
      },
      { type: 'ping' },
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hmm — überlegen…' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'AAAA' } },
      { type: 'content_block_stop', index: 0 },
      delta('Grüße, 世界 🎉\n\ndata: not an event\n'),
      { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', name: 'Write', input: {} } },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"a":"ü"}' } },
      { type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: 20 } },
      {
        type: 'message_delta',
        delta: { stop_reason: 'tool_use' },
        usage: {
          output_tokens: 57,
          output_tokens_details: { thinking_tokens: 8 },
          cache_read_input_tokens: 4001,
          server_tool_use: { web_search_requests: 3 },
        },
      },
      { type: 'message_stop' },
    ].map((data) => event(data, newline)),
  ].join('');
}

/** A whole Chat Completions stream with text, reasoning and a call, as OpenAI ends it. */
export function chatStream(newline = '\n'): string {
  const choice = (value: object) => ({ model: 'served-name', choices: [{ index: 0, ...value }], usage: null });
  const call = { index: 0, id: 'c1', function: { name: 'bash', arguments: '{"command":"ls »ü«"}' } };
  return [
    `: keep-alive${newline}${newline}`,
    ...[
      choice({ delta: { role: 'assistant', content: '' } }),
      choice({ delta: { reasoning_content: 'Erst denken 🤔' } }),
      choice({ delta: { content: 'Grüße' } }),
      choice({ delta: { tool_calls: [call] } }),
      choice({ delta: {}, finish_reason: 'tool_calls' }),
      {
        choices: [],
        usage: {
          prompt_tokens: 1000,
          completion_tokens: 40,
          total_tokens: 1040,
          prompt_tokens_details: { cached_tokens: 600 },
          completion_tokens_details: { reasoning_tokens: 25 },
        },
      },
      '[DONE]',
    ].map((data) => chunk(data, newline)),
  ].join('');
}

/** A whole Responses stream with reasoning, text and a call. */
export function responsesStream(newline = '\n'): string {
  const response = { id: 'resp_1', object: 'response', model: 'gpt-5.5-2026-04-23', error: null };
  const item = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'bash', arguments: '' };
  const usage = {
    input_tokens: 1000,
    input_tokens_details: { cached_tokens: 600, cache_write_tokens: 100 },
    output_tokens: 40,
    output_tokens_details: { reasoning_tokens: 25 },
    total_tokens: 1040,
  };
  return [
    `: keep-alive${newline}${newline}`,
    ...[
      { type: 'response.created', response: { ...response, status: 'in_progress', output: [], usage: null } },
      { type: 'response.in_progress', response: { ...response, status: 'in_progress', output: [], usage: null } },
      { type: 'response.output_item.added', output_index: 0, item: { id: 'rs_1', type: 'reasoning', summary: [] } },
      { type: 'response.reasoning_summary_text.delta', item_id: 'rs_1', delta: 'Erst denken 🤔' },
      { type: 'response.reasoning_summary_text.done', item_id: 'rs_1', text: 'Erst denken 🤔' },
      { type: 'response.output_text.delta', item_id: 'msg_1', delta: 'Grüße', obfuscation: 'abcdef' },
      { type: 'response.output_text.done', item_id: 'msg_1', text: 'Grüße' },
      { type: 'response.output_item.added', output_index: 2, item },
      { type: 'response.function_call_arguments.delta', item_id: 'fc_1', delta: '{"command":"ls »ü«"}' },
      { type: 'response.output_item.done', item: { ...item, arguments: '{"command":"ls »ü«"}' } },
      { type: 'response.completed', response: { ...response, status: 'completed', output: [], usage } },
    ].map((data) => event(data, newline)),
  ].join('');
}

const GEMINI_USAGE = {
  promptTokenCount: 1000,
  cachedContentTokenCount: 600,
  candidatesTokenCount: 15,
  thoughtsTokenCount: 25,
  totalTokenCount: 1040,
};
/** The pieces of a Gemini stream with thoughts, text and a call; usage comes with each and grows. */
export const geminiPieces = (): object[] => {
  const piece = (
    part: object,
    more: object = {},
    usage: object = { promptTokenCount: 1000, totalTokenCount: 1000 },
  ) => ({
    candidates: [{ content: { parts: [part], role: 'model' }, index: 0, ...more }],
    usageMetadata: usage,
    modelVersion: 'gemini-2.5-pro',
    responseId: 'r',
  });
  return [
    piece({ text: 'Erst denken 🤔', thought: true }),
    piece({ text: 'Grüße' }, {}, { ...GEMINI_USAGE, candidatesTokenCount: 3, totalTokenCount: 1028 }),
    piece({ functionCall: { name: 'bash', args: { command: 'ls »ü«' } }, thoughtSignature: 'AAAA' }),
    piece({ text: '' }, { finishReason: 'STOP' }, GEMINI_USAGE),
  ];
};
export const geminiStream = (newline = '\n'): string =>
  `: keep-alive${newline}${newline}${geminiPieces()
    .map((piece) => chunk(piece, newline))
    .join('')}`;

export function readIn(wire: Wire, pieces: Uint8Array[], announced: 'stream' | null = null): Reading {
  const meter = meterAnswer(wire, announced);
  for (const piece of pieces) meter.add(piece);
  meter.end();
  return meter.reading;
}
export const read = (wire: Wire, text: string, announced: 'stream' | null = null): Reading =>
  readIn(wire, [Buffer.from(text)], announced);
