/** What a model's answer says about itself, read while it passes. */

/** Tokens as the service counts them, normalised: `input` without cache, `output` with reasoning. null = it did not say. */
export interface Reading {
  /** The model the answer names. */
  model: string | null;
  input: number | null;
  cacheRead: number | null;
  cacheWrite: number | null;
  output: number | null;
  reasoning: number | null;
  /** UTF-8 bytes of text, thinking and tool arguments that came. */
  answerBytes: number;
  /** Something of it was in the format of the wire. */
  understood: boolean;
  /** The service said that the model stopped: its counts are final. */
  stopped: boolean;
  /** The wire's own end marker came, and no error. */
  complete: boolean;
  error: string | null;
}

export function emptyReading(): Reading {
  return {
    model: null,
    input: null,
    cacheRead: null,
    cacheWrite: null,
    output: null,
    reasoning: null,
    answerBytes: 0,
    understood: false,
    stopped: false,
    complete: false,
    error: null,
  };
}

/** How one wire is read: `event` takes the parsed data of one stream event, `whole` an answer that is one JSON document. */
export interface WireReader {
  /** Characters that an answer which is one JSON document can begin with. */
  readonly documents: string;
  event(reading: Reading, data: unknown): void;
  whole(reading: Reading, answer: unknown): void;
  /** Data that is no JSON by intent; true = it was understood. */
  marker(reading: Reading, data: string): boolean;
}

export type Fields = Record<string, unknown>;
export const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
export const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fields) : []);
export const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** A token count is a whole number of at least 0; anything else a server sends there is unknown. */
export const tokens = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;

export const bytesOf = (...values: unknown[]): number =>
  values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? Buffer.byteLength(value) : 0), 0);

/** Of arguments that come as a value. */
export const jsonBytes = (value: unknown): number => (value === undefined ? 0 : bytesOf(JSON.stringify(value)));
