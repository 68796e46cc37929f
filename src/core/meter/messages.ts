/**
 * Anthropic Messages. Usage: `message_start` carries the input side, every `message_delta` replaces what it names (its counts are
 * cumulative), `input_tokens` excludes cache reads and writes, `output_tokens` includes thinking, which newer servers also count apart in
 * `output_tokens_details.thinking_tokens`. Server tools are not counted.
 */

import { errorText } from './error-text.ts';
import {
  bytesOf,
  type Fields,
  fields,
  jsonBytes,
  list,
  type Reading,
  text,
  tokens,
  type WireReader,
} from './reading.ts';

export const messages: WireReader = {
  documents: '{',

  event(reading, data) {
    const event = fields(data);
    switch (event.type) {
      case 'message_start': {
        const message = fields(event.message);
        reading.model = text(message.model) ?? reading.model;
        takeInput(reading, fields(message.usage));
        break;
      }
      case 'content_block_start': {
        const block = fields(event.content_block);
        reading.answerBytes += bytesOf(block.text, block.thinking, block.name);
        break;
      }
      case 'content_block_delta': {
        const delta = fields(event.delta);
        reading.answerBytes += bytesOf(delta.text, delta.thinking, delta.partial_json);
        break;
      }
      case 'message_delta':
        takeInput(reading, fields(event.usage));
        takeOutput(reading, fields(event.usage));
        if (text(fields(event.delta).stop_reason) !== null) reading.stopped = true;
        break;
      case 'message_stop':
        reading.stopped = true;
        reading.complete = reading.error === null;
        break;
      case 'error':
        reading.error = errorText(event) ?? 'The model server reported an error in its stream.';
        reading.complete = false;
        break;
      case 'content_block_stop':
      case 'ping':
        break;
      default:
        return;
    }
    reading.understood = true;
  },

  whole(reading, answer) {
    const message = fields(answer);
    if (message.type === 'error' || 'error' in message) {
      reading.error = errorText(message) ?? 'The model server answered with an error.';
      reading.understood = true;
      return;
    }
    if (!Array.isArray(message.content) && !('usage' in message)) return;
    reading.understood = true;
    reading.model = text(message.model);
    takeInput(reading, fields(message.usage));
    takeOutput(reading, fields(message.usage));
    for (const block of list(message.content))
      reading.answerBytes += bytesOf(block.text, block.thinking, block.name) + jsonBytes(block.input);
    reading.stopped = text(message.stop_reason) !== null;
    reading.complete = reading.stopped;
  },

  marker: () => false,
};

function takeInput(reading: Reading, usage: Fields): void {
  reading.input = tokens(usage.input_tokens) ?? reading.input;
  reading.cacheRead = tokens(usage.cache_read_input_tokens) ?? reading.cacheRead;
  reading.cacheWrite = cacheWrites(usage) ?? reading.cacheWrite;
}

function takeOutput(reading: Reading, usage: Fields): void {
  reading.output = tokens(usage.output_tokens) ?? reading.output;
  reading.reasoning = tokens(fields(usage.output_tokens_details).thinking_tokens) ?? reading.reasoning;
}

/** The flat count is the sum of the split by lifetime; a server may send either alone. */
function cacheWrites(usage: Fields): number | null {
  const flat = tokens(usage.cache_creation_input_tokens);
  const split = fields(usage.cache_creation);
  const parts = [tokens(split.ephemeral_5m_input_tokens), tokens(split.ephemeral_1h_input_tokens)];
  const known = parts.filter((part) => part !== null);
  if (known.length === 0) return flat;
  return Math.max(
    flat ?? 0,
    known.reduce((sum, part) => sum + part, 0),
  );
}
