/** `pancode ps`: what runs now. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import { type CommandContext, examples } from '../command.ts';
import { columns } from '../output.ts';

interface Row {
  id: string;
  agent: string;
  worker: string;
  state: string;
  reason: string | null;
  since: string;
  task: string;
}

export function register(program: Command, context: CommandContext): void {
  program
    .command('ps')
    .description('what runs now')
    .addHelpText('after', examples('pancode ps', 'pancode ps --json'))
    .action(async () => {
      const answer = await context.client.call<{ dispatches: Row[] }>('GET', '/v1/dispatches');
      context.output().document(answer, () => table(answer.dispatches));
    });
}

/** A narrow terminal cuts what stands last, so what decides stands first. */
function table(rows: Row[]): string {
  if (rows.length === 0)
    return 'Nothing runs. Start something with `pancode dispatch AGENT TASK`; finished work is in `pancode receipts`.';
  return columns([
    ['ID', 'AGENT', 'STATE', 'SINCE', 'WORKER', 'TASK'],
    ...rows.map((row) => [
      row.id,
      row.agent,
      row.reason === null ? row.state : `${row.state}: waits for ${row.reason}`,
      row.since.slice(11, 19),
      row.worker,
      visibleLine(row.task, 60),
    ]),
  ]);
}
