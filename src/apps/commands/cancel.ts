/** `pancode cancel ID|--all`: stop, and return when the whole process tree is verified dead. */
import type { Command } from 'commander';
import { PanError } from '../../protocol/error.ts';
import type { Receipt } from '../../protocol/receipt.ts';
import { type CommandContext, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('cancel [id]')
    .description('stop a dispatch and verify that nothing of it is left; what it did is kept')
    .addHelpText('after', examples('pancode cancel 01KB2M', 'pancode cancel --all'))
    .option('--all', 'stop all of them')
    .action(async (given: string | undefined, options: { all?: boolean }) => {
      if ((given === undefined) === !options.all)
        throw new PanError('usage', 'Cancel what?', 'Give one ID (see `pancode ps`) or --all.');
      if (options.all) {
        const answer = await context.client.call<{ cancelled: string[] }>('POST', '/v1/cancel-all', {});
        context
          .output()
          .document(answer, () =>
            answer.cancelled.length ? `Cancelled ${answer.cancelled.join(', ')}.` : 'Nothing runs.',
          );
        return;
      }
      const receipt = await context.client.call<Receipt>(
        'POST',
        `/v1/dispatches/${encodeURIComponent(given ?? '')}/cancel`,
        {},
      );
      const answer = { cancelled: receipt.outcome.status === 'cancelled' ? [receipt.id] : [] };
      context.output().document(answer, () => `${receipt.id}: ${receipt.outcome.status}. ${receipt.outcome.reason}`);
    });
}
