/**
 * OpenAI Chat Completions and what its relatives make of it. `prompt_tokens` includes cached ones. Cached: OpenAI, vLLM, llama.cpp and
 * OpenRouter `prompt_tokens_details.cached_tokens`, DeepSeek `prompt_cache_hit_tokens`, Moonshot `cached_tokens`. The usage stands at the
 * top, in `x_groq` (Groq) or in the first choice (Moonshot); where it comes more than once the last one holds.
 */
import { errorText } from './error-text.ts';
import { takeOpenAiUsage } from './openai-usage.ts';
import { bytesOf, type Fields, fields, list, type Reading, text, tokens, type WireReader } from './reading.ts';

export const chat: WireReader = {
  documents: '{',

  event(reading, data) {
    const chunk = fields(data);
    if ('error' in chunk && chunk.error !== null) return fail(reading, chunk);
    if (!Array.isArray(chunk.choices) && !('usage' in chunk)) return;
    reading.understood = true;
    reading.model ??= text(chunk.model);
    const choices = list(chunk.choices);
    for (const choice of choices) {
      reading.answerBytes += contentBytes(fields(choice.delta));
      if (text(choice.finish_reason) !== null) finish(reading);
    }
    takeUsage(reading, chunk, choices);
  },

  whole(reading, answer) {
    const completion = fields(answer);
    if ('error' in completion && completion.error !== null) return fail(reading, completion);
    if (!Array.isArray(completion.choices)) return;
    reading.understood = true;
    reading.model = text(completion.model);
    const choices = list(completion.choices);
    for (const choice of choices) {
      reading.answerBytes += contentBytes(fields(choice.message));
      if (text(choice.finish_reason) !== null) finish(reading);
    }
    takeUsage(reading, completion, choices);
  },

  marker(reading, data) {
    if (data.trim() !== '[DONE]') return false;
    finish(reading);
    return true;
  },
};

function finish(reading: Reading): void {
  reading.stopped = true;
  reading.complete = reading.error === null;
}

function fail(reading: Reading, value: Fields): void {
  reading.understood = true;
  reading.complete = false;
  reading.error = errorText(value) ?? 'The model server reported an error in its answer.';
}

function contentBytes(message: Fields): number {
  const calls = list(message.tool_calls).map((call) => fields(call.function));
  return (
    bytesOf(message.content, message.reasoning_content ?? message.reasoning, message.refusal) +
    list(message.content).reduce((sum, part) => sum + bytesOf(part.text), 0) +
    calls.reduce((sum, call) => sum + bytesOf(call.name, call.arguments), 0)
  );
}

function takeUsage(reading: Reading, holder: Fields, choices: Fields[]): void {
  const usage = [holder.usage, fields(holder.x_groq).usage, choices[0]?.usage].find(
    (value) => typeof value === 'object' && value !== null,
  );
  if (usage === undefined) return;
  const counts = fields(usage);
  takeOpenAiUsage(reading, {
    prompt: tokens(counts.prompt_tokens),
    cached:
      tokens(fields(counts.prompt_tokens_details).cached_tokens) ??
      tokens(counts.prompt_cache_hit_tokens) ??
      tokens(counts.cached_tokens),
    cacheWrite: tokens(fields(counts.prompt_tokens_details).cache_write_tokens),
    completion: tokens(counts.completion_tokens),
    reasoning: tokens(fields(counts.completion_tokens_details).reasoning_tokens),
    total: tokens(counts.total_tokens),
  });
}
