/** What a command prints: documents on stdout, everything else on stderr. With `--json` stdout carries one JSON document and nothing else. */
import { EXIT, PanError } from '../protocol/error.ts';

export interface Output {
  json: boolean;
  color: boolean;
  /** The command's answer: the value with `--json`, else the text a person reads. */
  document(value: unknown, text: () => string): void;
  /** One line of a stream: JSON Lines with `--json`. */
  line(value: unknown, text: () => string): void;
  /** A diagnostic for a person; never on stdout. */
  note(text: string): void;
}

export function createOutput(json: boolean, color: boolean): Output {
  const write = (value: unknown, text: () => string) => {
    const shown = json ? JSON.stringify(value) : text();
    process.stdout.write(shown.endsWith('\n') || shown === '' ? shown : `${shown}\n`);
  };
  return { json, color, document: write, line: write, note: (text) => process.stderr.write(`${text}\n`) };
}

/** Prints an error in the form the command line promises and returns its exit status. A stack only with `--debug`. */
export function reportError(error: unknown, json: boolean, debug: boolean): number {
  const known = error instanceof PanError;
  const body = known
    ? error.body()
    : {
        code: 'bug',
        what: `PanCode failed: ${error instanceof Error ? error.message : String(error)}.`,
        do: 'Run it again with --debug and report what it prints.',
      };
  if (json) process.stdout.write(`${JSON.stringify({ error: body })}\n`);
  else process.stderr.write(`${body.what} ${body.do}\n`);
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return known ? error.exit : EXIT.failed;
}

/** Aligned columns, two spaces apart; the last one is not padded. On a terminal a line that is too long for it is cut. */
export function columns(rows: string[][], width: number = process.stdout.columns ?? Number.POSITIVE_INFINITY): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  const fit = (line: string) => (line.length > width ? `${line.slice(0, width - 1)}…` : line);
  return rows
    .map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '))
    .map((line) => fit(line.trimEnd()))
    .join('\n');
}
