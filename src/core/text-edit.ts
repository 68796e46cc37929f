/** Replaces a piece of text: exact where it can, tolerant of white-space drift where only one place fits. Pure. */

export type TextEdit =
  | { ok: true; text: string; count: number; drifted: boolean; line: number }
  /** `lines`: where it was found, counted from 1; `nearest`: the line most like the first one looked for. */
  | { ok: false; why: 'absent'; nearest: { line: number; text: string } | null }
  | { ok: false; why: 'ambiguous'; lines: number[]; drifted: boolean };

/** `oldText` must not be empty. A file with CRLF line ends is matched by text with LF, and keeps its line ends. */
export function editText(text: string, oldText: string, newText: string, all: boolean): TextEdit {
  const crlf = text.includes('\r\n') && !oldText.includes('\r\n');
  const from = crlf ? oldText.replaceAll('\n', '\r\n') : oldText;
  const to = crlf ? newText.replaceAll(/\r?\n/g, '\r\n') : newText;
  // Places that overlap are two: which of them is meant is not ours to guess.
  const places = occurrences(text, from, all ? from.length : 1);
  if (places.length === 1 || (all && places.length > 1))
    return {
      ok: true,
      text: text.split(from).join(to),
      count: places.length,
      drifted: false,
      line: lineOf(text, places[0]!),
    };
  if (places.length > 1)
    return { ok: false, why: 'ambiguous', lines: places.map((at) => lineOf(text, at)), drifted: false };
  return editDrifted(text, from, to, crlf ? '\r\n' : '\n');
}

function occurrences(text: string, piece: string, step: number): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(piece); at !== -1; at = text.indexOf(piece, at + step)) places.push(at);
  return places;
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let next = text.indexOf('\n'); next !== -1 && next < at; next = text.indexOf('\n', next + 1)) line += 1;
  return line;
}

/** Whole lines that are equal but for white space. */
function editDrifted(text: string, from: string, to: string, lineEnd: string): TextEdit {
  const lines = text.split('\n');
  const wanted = trimBlankEnds(from.split('\n'));
  const key = wanted.map(squeeze);
  if (key.length === 0) return { ok: false, why: 'absent', nearest: null };
  const squeezed = lines.map(squeeze);
  const places: number[] = [];
  for (let at = 0; at + key.length <= lines.length; at += 1)
    if (key.every((line, n) => line === squeezed[at + n])) places.push(at);
  if (places.length > 1) return { ok: false, why: 'ambiguous', lines: places.map((at) => at + 1), drifted: true };
  const place = places[0];
  if (place === undefined) return { ok: false, why: 'absent', nearest: nearestLine(lines, key[0]!) };
  const replacement =
    to === '' ? [] : reindent(trimBlankEnds(to.split('\n')), indentOf(wanted[0]!), indentOf(lines[place]!));
  const ends = lineEnd === '\r\n' ? replacement.map((line) => (line.endsWith('\r') ? line : `${line}\r`)) : replacement;
  // A last line without a line end stays without one.
  if (place + key.length === lines.length && ends.length > 0) ends[ends.length - 1] = ends.at(-1)!.replace(/\r$/, '');
  const edited = [...lines.slice(0, place), ...ends, ...lines.slice(place + key.length)];
  return { ok: true, text: edited.join('\n'), count: 1, drifted: true, line: place + 1 };
}

function trimBlankEnds(lines: string[]): string[] {
  const first = lines.findIndex((line) => line.trim() !== '');
  const last = lines.findLastIndex((line) => line.trim() !== '');
  return first === -1 ? [] : lines.slice(first, last + 1);
}

function squeeze(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}

function indentOf(line: string): string {
  return /^[ \t]*/.exec(line)![0];
}

/** The new lines with the indentation the file has instead of the one that was looked for. */
function reindent(lines: string[], looked: string, found: string): string[] {
  if (looked === found) return lines;
  return lines.map((line) =>
    line.trim() === '' ? line : line.startsWith(looked) ? found + line.slice(looked.length) : line,
  );
}

/** By shared words: enough to show a model where its memory of the file differs. */
function nearestLine(lines: string[], wanted: string): { line: number; text: string } | null {
  const words = new Set(wanted.split(/\W+/).filter((word) => word.length > 1));
  let best = { score: 0, line: 0 };
  lines.forEach((line, n) => {
    const own = line.split(/\W+/).filter((word) => word.length > 1);
    const shared = own.filter((word) => words.has(word)).length;
    const score = shared / Math.max(own.length, words.size, 1);
    if (score > best.score) best = { score, line: n + 1 };
  });
  return best.score >= 0.4 ? { line: best.line, text: lines[best.line - 1]!.trim().slice(0, 200) } : null;
}
