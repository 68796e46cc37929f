/**
 * OpenAI Responses (API reference: Responses, streaming events). Usage comes once, with the event that ends the response:
 * `input_tokens` includes cached ones and those written to a cache, `output_tokens` includes reasoning. Servers that imitate it may send
 * items whole instead of in deltas, and `[DONE]` after the end.
 */
import { errorText } from './error-text.ts';
import { takeOpenAiUsage } from './openai-usage.ts';
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

export const responses: WireReader = {
  documents: '{',

  event(reading, data) {
    const event = fields(data);
    const type = text(event.type) ?? '';
    if (type === 'error' || (type === '' && 'error' in event)) return fail(reading, event);
    if (!type.startsWith('response.')) return;
    reading.understood = true;
    const response = fields(event.response);
    reading.model ??= text(response.model);
    if (type.endsWith('.delta')) {
      reading.answerBytes += bytesOf(event.delta);
      return;
    }
    if (type === 'response.output_item.added') reading.answerBytes += bytesOf(fields(event.item).name);
    else if (type === 'response.failed') {
      takeUsage(reading, response);
      fail(reading, response);
    } else if (type === 'response.completed' || type === 'response.incomplete') end(reading, response);
  },

  whole(reading, answer) {
    const response = fields(answer);
    if ('error' in response && response.error !== null) {
      takeUsage(reading, response);
      return fail(reading, response);
    }
    if (!Array.isArray(response.output)) return;
    reading.model = text(response.model);
    // What it will take is not known: not estimated from an answer that is not there yet.
    if (response.status === 'queued' || response.status === 'in_progress') {
      reading.error = 'The answer is made in the background, where it is not counted.';
      return;
    }
    reading.understood = true;
    end(reading, response);
  },

  marker: (_, data) => data.trim() === '[DONE]',
};

/** Completed, or stopped at a limit: either way these are the final counts. */
function end(reading: Reading, response: Fields): void {
  reading.stopped = true;
  reading.complete = reading.error === null;
  const items = list(response.output).reduce((sum, item) => sum + itemBytes(item), 0);
  reading.answerBytes = Math.max(reading.answerBytes, items);
  takeUsage(reading, response);
}

function fail(reading: Reading, value: Fields): void {
  reading.understood = true;
  reading.complete = false;
  reading.error = errorText(value) ?? 'The model server reported an error in its answer.';
}

const itemBytes = (item: Fields): number =>
  bytesOf(item.name, item.arguments, item.input) +
  [...list(item.content), ...list(item.summary)].reduce((sum, part) => sum + bytesOf(part.text, part.refusal), 0) +
  (typeof item.action === 'object' && item.action !== null ? jsonBytes(item.action) : 0);

function takeUsage(reading: Reading, response: Fields): void {
  const usage = fields(response.usage);
  const input = fields(usage.input_tokens_details);
  takeOpenAiUsage(reading, {
    prompt: tokens(usage.input_tokens),
    cached: tokens(input.cached_tokens),
    cacheWrite: tokens(input.cache_write_tokens),
    completion: tokens(usage.output_tokens),
    reasoning: tokens(fields(usage.output_tokens_details).reasoning_tokens),
    total: tokens(usage.total_tokens),
  });
}
