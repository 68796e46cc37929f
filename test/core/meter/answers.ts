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

export function readIn(wire: Wire, pieces: Uint8Array[], announced: 'stream' | null = null): Reading {
  const meter = meterAnswer(wire, announced);
  for (const piece of pieces) meter.add(piece);
  meter.end();
  return meter.reading;
}
export const read = (wire: Wire, text: string, announced: 'stream' | null = null): Reading =>
  readIn(wire, [Buffer.from(text)], announced);
