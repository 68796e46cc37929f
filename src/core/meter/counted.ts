/** The counts of a finished answer: what the service said, and where it did not say, an estimate from bytes. */
import type { MeteredRequest } from '../../protocol/usage.ts';
import type { Reading } from './reading.ts';

export type Counted = Pick<MeteredRequest, 'input' | 'cacheRead' | 'cacheWrite' | 'output' | 'reasoning' | 'grade'>;

export const NOT_COUNTED: Counted = {
  input: null,
  cacheRead: null,
  cacheWrite: null,
  output: null,
  reasoning: null,
  grade: 'unknown',
};

/** Design §7: a token is about four characters. */
export const estimateTokens = (bytes: number): number => Math.ceil(bytes / 4);

/**
 * `measured` only where the service gave both sides and said that the model had stopped. A count from the middle of a stream that was cut
 * is a lower bound; the text that came is the other. `promptBytes` is asked for only when it is needed.
 */
export function countedFrom(reading: Reading, promptBytes: () => number): Counted {
  if (!reading.understood) return NOT_COUNTED;
  const { input, cacheRead, cacheWrite, output, reasoning } = reading;
  const final = reading.stopped ? output : null;
  return {
    input: input ?? estimateTokens(promptBytes()),
    cacheRead,
    cacheWrite,
    output: final ?? Math.max(output ?? 0, estimateTokens(reading.answerBytes)),
    reasoning,
    grade: input !== null && final !== null ? 'measured' : 'estimated',
  };
}

/** A request whose answer was not waited for: the service had begun to read it, and nothing of an answer came. */
export const unanswered = (promptBytes: number): Counted => ({
  ...NOT_COUNTED,
  input: estimateTokens(promptBytes),
  output: 0,
  grade: 'estimated',
});
