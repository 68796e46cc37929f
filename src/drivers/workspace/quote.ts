/** Text in git's C style, for configuration files and lists of object directories: any path and any name fits between the quotes. */
export function quoteForGit(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n').replace(/\t/g, '\\t');
  return `"${escaped}"`;
}

/** The reverse, for a line of an alternates file; a line that is not quoted is taken as it is. */
export function unquoteFromGit(line: string): string {
  if (!line.startsWith('"') || !line.endsWith('"')) return line;
  const plain: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };
  const bytes = line
    .slice(1, -1)
    .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    .replace(/\\(.)/g, (_, letter: string) => plain[letter] ?? letter);
  // Octal escapes are bytes of UTF-8; text without them is unchanged by the way through bytes when it is ASCII.
  return /\\[0-7]{3}/.test(line) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}
