/** `pancode deny ID`: a person's no to an open question. */
import type { Command } from 'commander';
import { type CommandContext, examples } from '../command.ts';
import { answeredText, sendAnswer } from './approve.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('deny <id>')
    .description('say no to a question, by its id or that of its dispatch; the work is kept')
    .option('--reason <text>', 'why; it goes into the receipt')
    .addHelpText('after', examples('pancode deny 01JABC --reason "it drops the old name"'))
    .action(async (id: string, { reason }: { reason?: string }) => {
      const answered = await sendAnswer(context, id, { decision: 'deny', reason });
      context.output().document(answered, () => answeredText(answered));
    });
}
