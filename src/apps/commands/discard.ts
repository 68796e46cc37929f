/** `pancode discard ID`: a person's no to the result of a finished dispatch. */
import type { Command } from 'commander';
import type { Amendment } from '../../protocol/receipt.ts';
import { type CommandContext, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('discard <id>')
    .description('say no to the change of a dispatch and put it into the trash')
    .addHelpText('after', examples('pancode discard 01JD2Q'))
    .action(async (id: string) => {
      const amendment = await context.client.call<Amendment>(
        'POST',
        `/v1/dispatches/${encodeURIComponent(id)}/discard`,
        await context.clientContext(),
      );
      context
        .output()
        .document(
          amendment,
          () =>
            `Discarded ${amendment.id}; your working tree is as it was.\nGet the change back with \`pancode salvage ${amendment.id}\` as long as the trash keeps it (keep.trashDays).`,
        );
    });
}
