/** The marks that cut a prompt file into its parts, and the frame around text that is not ours. */
import { createHash } from 'node:crypto';

/** Everything after this mark in an agent's prompt was written by the opened project. */
export const PROJECT_MARK = '<!-- project -->';
const OUTPUT_MARK = '<!-- output -->';
const SHORT_MARK = '<!-- short -->';
const WRITERS = /<!-- writers -->\n?([\s\S]*?)<!-- \/writers -->\n?/g;

export interface PromptParts {
  role: string;
  /** Output contract; null where the file states none. */
  output: string | null;
  /** Short form of the role for small models; null where the file has none. */
  short: string | null;
  /** What the project added; null where it added nothing. */
  project: string | null;
}

/** Cuts a prompt at its marks, in whatever order they stand. Marks inside the project's text mean nothing. */
export function promptParts(prompt: string): PromptParts {
  const cut = prompt.indexOf(PROJECT_MARK);
  const own = cut < 0 ? prompt : prompt.slice(0, cut);
  const project = cut < 0 ? null : prompt.slice(cut + PROJECT_MARK.length).trim();
  const parts: PromptParts = { role: '', output: null, short: null, project };
  const pieces = own.split(/(<!-- (?:output|short) -->)/);
  parts.role = pieces[0]!.trim();
  for (let i = 1; i < pieces.length; i += 2) {
    const text = pieces[i + 1]!.trim();
    if (pieces[i] === OUTPUT_MARK) parts.output = text;
    else parts.short = text;
  }
  return parts;
}

/** The constitution for this worker: the short form where asked for, without the writers' rules for a reader. */
export function constitutionFor(text: string, options: { short: boolean; readonly: boolean }): string {
  const at = text.indexOf(SHORT_MARK);
  const form = at < 0 ? text : options.short ? text.slice(at + SHORT_MARK.length) : text.slice(0, at);
  return form
    .replace(WRITERS, options.readonly ? '' : '$1')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/**
 * Text by others in a frame it cannot leave: the closing line carries the hash of the text itself, so no text can hold its own.
 * `label` is one line; control characters in it are removed.
 */
export function framed(kind: string, label: string, text: string): string {
  const seal = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const line = label.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '').replace(/"/g, "'");
  return `<${kind} "${line}" seal="${seal}">\n${text.trimEnd()}\n</${kind} seal="${seal}">`;
}
