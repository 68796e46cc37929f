/** Text from an agent, made safe for a terminal: no control characters, no escape sequences, no invisible direction changes. Pure. */

const ESCAPES =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][\s\S]*?(?:\x07|\x1b\\|$)|[ -/]*[0-~]?)|\x9b[0-?]*[ -/]*[@-~]|[\x90\x98\x9d-\x9f][\s\S]*?(?:\x9c|$)/g;
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/gu;

/** Several lines: keeps line breaks and tabs. */
export function visible(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(ESCAPES, '').replace(HIDDEN, '�');
}

/** One line: line breaks are shown as `␊`, and it is cut at `length` characters. */
export function visibleLine(text: string, length = 160): string {
  const line = visible(text).replace(/\n/g, '␊').replace(/\t/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
