/** What a wire format must give the simulated server. */
import type { Wire } from '../../protocol/words.ts';
import type { Answer, Tokens } from './answer.ts';
import type { Asked } from './conversation.ts';

/** One event of a stream. Tokens that it reports are cumulative within the answer: a later event replaces them. */
export interface StreamEvent {
  text: string;
  /** `content`: a piece of what the model says; `end`: what tells that the answer is whole. */
  kind: 'start' | 'content' | 'end';
  reports?: Tokens;
}

/** An answer as one document, with the tokens it reports. */
export interface Whole {
  body: object;
  reports: Tokens | null;
}

export interface AnswerOptions {
  /** Number of the answer of this server, for its id. */
  n: number;
  model: string;
  /** False: the answer reports no tokens at all. */
  usage: boolean;
}

export interface WireFormat {
  readonly wire: Wire;
  /** Reads the body of a request. Throws BadRequest. */
  read(body: unknown): Asked;
  stream(answer: Answer, options: AnswerOptions): StreamEvent[];
  whole(answer: Answer, options: AnswerOptions): Whole;
  /** The error document of that status. */
  error(status: number, message: string): object;
  /** The error in the middle of a stream that began well. */
  streamError(message: string): string;
}

/** About 24 characters each, at most some 400 pieces; never cuts a character in two. */
export function pieces(text: string): string[] {
  const letters = Array.from(text);
  const size = Math.max(24, Math.ceil(letters.length / 400));
  return Array.from({ length: Math.ceil(letters.length / size) }, (_, n) =>
    letters.slice(n * size, (n + 1) * size).join(''),
  );
}
