/** `pancode undo ID`: take an applied change back out of the working tree. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import type { Amendment } from '../../protocol/receipt.ts';
import { type CommandContext, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('undo <id>')
    .description('take an applied change back out of your working tree')
    .addHelpText('after', examples('pancode undo 01KB2M'))
    .action(async (id: string) => {
      const amendment = await context.client.call<Amendment>(
        'POST',
        `/v1/dispatches/${encodeURIComponent(id)}/undo`,
        await context.clientContext(),
      );
      context
        .output()
        .document(
          amendment,
          () =>
            `Taken back:\n${amendment.files.map((file) => `  ${visibleLine(file)}`).join('\n')}\nThe change stays in git: \`pancode diff ${amendment.id}\`.`,
        );
    });
}
