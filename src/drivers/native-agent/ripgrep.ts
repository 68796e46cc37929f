/** Runs ripgrep for a tool and gives its records, filtered by path and bounded. */
import { StringDecoder } from 'node:string_decoder';
import type { ToolHost, ToolResult } from '../../core/contracts.ts';
import { type CommandEnd, runCommand } from './command.ts';
import { failed } from './tool-files.ts';

const MAX_CHARACTERS = 24_000;
const MAX_SECONDS = 60;

/**
 * Arguments both tools share: no configuration of the user, hidden files except git's own, .gitignore respected, stable order.
 * A glob of the caller is not among them: for ripgrep a `--glob` overrides .gitignore, and `**` would search node_modules.
 */
const SHARED = ['--no-config', '--color=never', '--hidden', '--sort=path', '--null', '--glob=!**/.git'];

/**
 * `take` turns a record (a piece of output up to `separator`) into a line, or null to leave it out.
 * Gives at most `maxLines` lines (`cut`: there were more), or what went wrong in words. No match = no lines.
 */
export async function ripgrep(
  args: string[],
  host: ToolHost,
  options: { separator: '\n' | '\0'; maxLines: number; take(record: string): string | null },
): Promise<{ lines: string[]; cut: boolean } | ToolResult> {
  const decoder = new StringDecoder('utf8');
  const lines: string[] = [];
  let held = '';
  let characters = 0;
  let cut = false;
  let wrong = '';
  const add = (record: string) => {
    const line = options.take(record.replace(/^\.\//, ''));
    if (line === null) return;
    cut ||= lines.length >= options.maxLines || characters + line.length > MAX_CHARACTERS;
    if (cut) return;
    lines.push(line);
    characters += line.length + 1;
  };
  let end: CommandEnd;
  try {
    end = await runCommand(host.ripgrep, [...SHARED, ...args], {
      cwd: host.cwd,
      signal: host.signal,
      timeoutMs: MAX_SECONDS * 1_000,
      onOutput(chunk) {
        const records = (held + decoder.write(chunk)).split(options.separator);
        held = records.pop() ?? '';
        for (const record of records) if (!cut) add(record);
        return !cut;
      },
      onErrors(chunk) {
        wrong = (wrong + chunk.toString('utf8')).slice(0, 2_000);
      },
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return failed(
      code === 'ENOENT'
        ? 'ripgrep is not available here. Search with bash (grep -rn) instead.'
        : `ripgrep could not be started: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (held !== '' && !cut) add(held);
  if (end.stopped === 'timeout')
    return failed(`The search took more than ${MAX_SECONDS} seconds. Narrow it with path.`);
  if (end.stopped === 'cancelled') return failed('Cancelled.');
  // One unreadable file among many is an error too; it is no reason to hide what was found.
  if (end.code === 2 && lines.length === 0) return failed(wrong.trim());
  return { lines, cut };
}
