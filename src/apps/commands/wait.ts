/** `pancode wait ID`: wait until a dispatch has its receipt. */
import type { Command } from 'commander';
import { exitOfStatus } from '../../protocol/error.ts';
import type { CommandContext } from '../command.ts';
import { receiptText } from '../receipt-text.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('wait <id>')
    .description('wait until a dispatch has ended; prints its receipt')
    .action(async (given: string) => {
      const { id } = await context.client.call<{ id: string }>('GET', `/v1/resolve/${encodeURIComponent(given)}`);
      const receipt = await context.client.follow(id, () => {}, await context.clientContext());
      context.output().document(receipt, () => receiptText(receipt));
      context.exit(exitOfStatus(receipt.outcome.status));
    });
}
