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

/** What the address of a request says, on wires that say it there. */
export interface Target {
  model: string | null;
  /** `array`: a stream that is one JSON array of its pieces, as Google sends it without `alt=sse`. null: the body says. */
  form: 'stream' | 'whole' | 'array' | null;
}

/** How a Chat Completions server departs from OpenAI's format. */
export interface Dialect {
  /** Which parts of the usage it tells apart. */
  cached: boolean;
  reasoning: boolean;
  /** The field its thinking comes in. */
  thinking: 'reasoning_content' | 'reasoning';
}

export interface AnswerOptions {
  /** Number of the answer of this server, for its id. */
  n: number;
  model: string;
  /** False: the answer reports no tokens at all. */
  usage: boolean;
  dialect: Dialect;
  /** Tools whose calls carry text and no JSON. */
  freeform: readonly string[];
}

export interface WireFormat {
  readonly wire: Wire;
  /** Reads the body of a request. Throws BadRequest. */
  read(body: unknown, target: Target): Asked;
  stream(answer: Answer, options: AnswerOptions): StreamEvent[];
  whole(answer: Answer, options: AnswerOptions): Whole;
  /** The answer to a request that only counts tokens, by the characters of its body; throws BadRequest. null: the wire has none. */
  readonly count: ((body: unknown, target: Target, chars: number) => object) | null;
  /** The error document of that status; a wire may say in it when to come back. */
  error(status: number, message: string, retrySeconds?: number): object;
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

/** Arguments as a value: text that is no JSON can only be sent as a string. */
export function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The script wants broken arguments.
    return text;
  }
}
