/** `pancode deny ID`: a person's no to an open question. */
import type { Command } from 'commander';
import { type CommandContext, examples } from '../command.ts';
import { answeredText, sendAnswer } from './approve.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('deny <id>')
    .description('say no to a question, by its id or that of its dispatch; no work is lost')
    .option('--reason <text>', 'why; kept in its records, and told to an agent that waits for it')
    .addHelpText('after', examples('pancode deny 01JABC --reason "it drops the old name"'))
    .action(async (id: string, { reason }: { reason?: string }) => {
      const answered = await sendAnswer(context, id, { decision: 'deny', reason });
      context.output().document(answered, () => answeredText(answered));
    });
}
