/**
 * Meters one answer from its bytes, in whatever pieces they come: a stream of server-sent events or one JSON document. Which of the two
 * is told by the first character, because servers send streams under any content type. Pure: it keeps a reading, nothing else.
 */
import { createParser } from 'eventsource-parser';
import type { Wire } from '../../protocol/words.ts';
import { chat } from './chat.ts';
import { gemini } from './gemini.ts';
import { messages } from './messages.ts';
import { emptyReading, type Reading, type WireReader } from './reading.ts';
import { responses } from './responses.ts';

/** Characters held of one event or of one JSON answer; a longer one is passed on but no longer understood. */
const MAX_HELD = 16 * 1024 * 1024;
const READERS: Record<Wire, WireReader> = {
  'anthropic-messages': messages,
  'openai-responses': responses,
  'openai-chat': chat,
  gemini,
};

export interface AnswerMeter {
  readonly reading: Reading;
  /** null until the first character came. */
  readonly kind: 'stream' | 'document' | null;
  add(bytes: Uint8Array): void;
  /** No more comes, whether the answer is whole or was cut. */
  end(): void;
}

/** `announced`: the answer called itself an event stream, so it counts as one even where it breaks off before its first event. */
export function meterAnswer(wire: Wire, announced: 'stream' | null): AnswerMeter {
  const reading = emptyReading();
  const reader = READERS[wire];
  const decoder = new TextDecoder();
  reading.understood = announced === 'stream';
  let kind: AnswerMeter['kind'] = null;
  let held: string[] | null = [];
  let heldLength = 0;
  let bytes = 0;
  let overflowed = false;
  const parser = createParser({
    maxBufferSize: MAX_HELD,
    onEvent: ({ data }) => {
      if (reader.marker(reading, data)) return;
      const value = parse(data);
      if (value === undefined) reading.answerBytes += Buffer.byteLength(data);
      else reader.event(reading, value);
    },
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') overflowed = true;
    },
  });

  const take = (text: string): void => {
    const first = kind === null ? /[^\s\uFEFF]/.exec(text)?.[0] : undefined;
    if (first !== undefined) kind = reader.documents.includes(first) ? 'document' : 'stream';
    if (kind === 'stream') {
      if (!overflowed && text !== '') parser.feed(text);
    } else if (held !== null) {
      heldLength += text.length;
      if (heldLength > MAX_HELD) held = null;
      else held.push(text);
    }
  };

  return {
    reading,
    get kind() {
      return kind;
    },
    add(chunk) {
      bytes += chunk.byteLength;
      take(decoder.decode(chunk, { stream: true }));
    },
    end() {
      take(decoder.decode());
      // The blank line that ends the last event is left out by some servers.
      if (kind === 'stream') take('\n\n');
      if (kind !== 'document') return;
      const value = held === null ? undefined : parse(held.join(''));
      if (value !== undefined) return reader.whole(reading, value);
      // A document that was cut: what came of it is counted.
      reading.understood = true;
      reading.answerBytes = bytes;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // `undefined` is the answer: no JSON text stands for it.
    return undefined;
  }
}
