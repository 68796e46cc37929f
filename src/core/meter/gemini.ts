/**
 * Gemini's generateContent and streamGenerateContent (API reference: GenerateContentResponse, UsageMetadata). Every piece of a stream is a
 * response of its own and may carry usage, cumulative so far. `promptTokenCount` includes cached ones; results of the provider's own tools
 * are counted apart in `toolUsePromptTokenCount`; thoughts are not in `candidatesTokenCount`; a count of 0 may be left out. The end
 * is the piece that says why the model stopped. Without `alt=sse` a stream is an array of the same pieces.
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

export const gemini: WireReader = {
  documents: '{[',

  event: take,

  whole(reading, answer) {
    for (const piece of Array.isArray(answer) ? answer : [answer]) take(reading, piece);
  },

  marker: (_, data) => data.trim() === '[DONE]',
};

function take(reading: Reading, data: unknown): void {
  const piece = fields(data);
  if ('error' in piece && piece.error !== null) {
    reading.understood = true;
    reading.complete = false;
    reading.error = errorText(piece) ?? 'The model server reported an error in its answer.';
    return;
  }
  const blocked = text(fields(piece.promptFeedback).blockReason) !== null;
  if (!Array.isArray(piece.candidates) && !blocked && !('usageMetadata' in piece)) return;
  reading.understood = true;
  reading.model = text(piece.modelVersion) ?? reading.model;
  const candidates = list(piece.candidates);
  for (const candidate of candidates)
    reading.answerBytes += list(fields(candidate.content).parts).reduce((sum, part) => sum + partBytes(part), 0);
  takeUsage(reading, fields(piece.usageMetadata));
  if (!blocked && !candidates.some(({ finishReason }) => text(finishReason) !== null)) return;
  reading.stopped = true;
  reading.complete = reading.error === null;
}

function partBytes(part: Fields): number {
  const call = fields(part.functionCall);
  return (
    bytesOf(part.text, call.name, fields(part.executableCode).code, fields(part.codeExecutionResult).output) +
    jsonBytes(call.args)
  );
}

function takeUsage(reading: Reading, usage: Fields): void {
  const prompt = tokens(usage.promptTokenCount);
  const cached = tokens(usage.cachedContentTokenCount);
  const toolUse = tokens(usage.toolUsePromptTokenCount) ?? 0;
  const candidates = tokens(usage.candidatesTokenCount);
  const thoughts = tokens(usage.thoughtsTokenCount);
  const total = tokens(usage.totalTokenCount);
  if (prompt !== null) {
    // More cached than there is prompt: this server counts the two apart.
    reading.input = (cached !== null && cached <= prompt ? prompt - cached : prompt) + toolUse;
    reading.cacheRead = cached;
  }
  // What is left of the total is what the model wrote, where that is not said.
  const rest = prompt === null || total === null ? null : tokens(total - prompt - toolUse);
  // Some versions count thoughts in the candidates as well; the total tells.
  const inside = candidates !== null && thoughts !== null && thoughts > 0 && rest === candidates;
  const written = candidates === null ? (rest ?? thoughts) : inside ? candidates : candidates + (thoughts ?? 0);
  if (written === null) return;
  reading.output = written;
  reading.reasoning = thoughts ?? reading.reasoning;
}
