/** `pancode wait ID`: wait until a dispatch has its receipt. On a terminal its questions are asked here. */
import type { Command } from 'commander';
import { exitOfStatus } from '../../protocol/error.ts';
import { type CommandContext, examples } from '../command.ts';
import { canAsk, inlineQuestions } from '../inline-question.ts';
import { receiptText } from '../receipt-text.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('wait <id>')
    .description('wait until a dispatch has ended; prints its receipt')
    .addHelpText('after', examples('pancode wait 01JABC'))
    .action(async (given: string) => {
      const { id } = await context.client.call<{ id: string }>('GET', `/v1/resolve/${encodeURIComponent(given)}`);
      const client = await context.clientContext();
      const inline = inlineQuestions(context, client);
      const { json } = context.options();
      const receipt = await context.client.follow(id, (event) => json || inline.see(event), client, canAsk(context));
      inline.close();
      context.output().document(receipt, () => receiptText(receipt));
      context.exit(exitOfStatus(receipt.outcome.status));
    });
}
