/** bash: a shell command in the working directory. */
import * as z from 'zod';
import type { Tool, ToolResult } from '../../core/contracts.ts';
import { type CommandEnd, runCommand } from '../native-agent/command.ts';
import { ClippedOutput } from '../native-agent/output.ts';
import { failed } from '../native-agent/tool-files.ts';

const DEFAULT_SECONDS = 120;
const MAX_SECONDS = 3_600;

const parameters = z.strictObject({
  command: z.string().min(1).describe('Run by /bin/bash -c; each call starts a new shell'),
  timeoutSeconds: z.coerce
    .number()
    .positive()
    .max(MAX_SECONDS)
    .optional()
    .describe(`After this time the command is stopped; ${DEFAULT_SECONDS} if not given`),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'bash',
  action: 'command.run',
  description:
    'Run a shell command in the working directory. Output and errors come together; long output is clipped in the middle and kept in a file. There is no input: commands that ask something get none.',
  parameters,
  subject: (args) => args.command,
  async run(args, host) {
    const seconds = args.timeoutSeconds ?? DEFAULT_SECONDS;
    const output = new ClippedOutput();
    try {
      // The outer shell only joins errors and output into one pipe, in the order they were written.
      const end = await runCommand('/bin/bash', ['-c', 'exec 2>&1; exec /bin/bash -c "$1"', 'bash', args.command], {
        cwd: host.cwd,
        signal: host.signal,
        timeoutMs: seconds * 1_000,
        onOutput(chunk) {
          output.add(chunk);
          return true;
        },
        onErrors: (chunk) => output.add(chunk),
      });
      return report(output.end(), end, seconds);
    } catch (error) {
      output.end();
      if ((error as NodeJS.ErrnoException).code === 'E2BIG')
        return failed('The command is too long to be passed on. Write it to a file and run that.');
      return failed(`The command could not be started: ${error instanceof Error ? error.message : String(error)}`);
    }
  },
};
export default tool;

function report(output: string, end: CommandEnd, seconds: number): ToolResult {
  const text = output.trimEnd();
  const add = (line: string) => (text === '' ? line : `${text}\n${line}`);
  if (end.stopped === 'timeout')
    return failed(add(`[stopped after ${seconds} seconds, with everything it had started]`));
  if (end.stopped === 'cancelled') return failed(add('[cancelled]'));
  if (end.code === 0) return { ok: true, text: text === '' ? '(no output)' : text };
  return failed(add(end.code === null ? `[ended by signal ${end.endedBy}]` : `[exit status ${end.code}]`));
}
