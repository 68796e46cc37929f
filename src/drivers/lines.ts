/** Lines of a byte stream, decoded as UTF-8 over chunk borders. */
import { StringDecoder } from 'node:string_decoder';

export interface Line {
  text: string;
  /** False for a last line without a line end: the writer may have been killed in the middle of it. */
  whole: boolean;
  /** True where the line was longer than `maxLength` and its rest was dropped. */
  cut: boolean;
}

/** Holds at most one line of `maxLength` characters in memory. Ends with the stream; rejects where the stream fails. */
export async function* splitLines(stream: AsyncIterable<Buffer>, maxLength = 16_000_000): AsyncGenerator<Line, void> {
  const decoder = new StringDecoder('utf8');
  let held: string[] = [];
  let length = 0;
  const keep = (piece: string) => {
    if (length < maxLength) held.push(piece.slice(0, maxLength - length));
    length += piece.length;
  };
  const take = (whole: boolean): Line => {
    const line = { text: held.join(''), whole, cut: length > maxLength };
    held = [];
    length = 0;
    return line;
  };
  for await (const chunk of stream) {
    const text = decoder.write(chunk);
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      keep(text.slice(from, end));
      yield take(true);
      from = end + 1;
    }
    keep(text.slice(from));
  }
  keep(decoder.end());
  if (length > 0) yield take(false);
}
