/** `pancode apply ID`: a person's yes to the change of a finished dispatch, protected paths included. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import { PanError } from '../../protocol/error.ts';
import type { Amendment } from '../../protocol/receipt.ts';
import type { CommandContext } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('apply <id>')
    .description('apply the change of a dispatch to your working tree')
    .option('--files <paths...>', 'only these files of the change')
    .option('--except <paths...>', 'all files of the change but these')
    .action(async (id: string, options: { files?: string[]; except?: string[] }) => {
      if (options.files && options.except)
        throw new PanError(
          'usage',
          '--files and --except cannot be given together.',
          'Name the files to apply, or those to leave out.',
        );
      const client = await context.clientContext();
      const amendment = await context.client.call<Amendment>('POST', `/v1/dispatches/${encodeURIComponent(id)}/apply`, {
        client,
        ...options,
      });
      context
        .output()
        .document(
          amendment,
          () =>
            `Applied to your working tree:\n${amendment.files.map((file) => `  ${visibleLine(file)}`).join('\n')}\nTake it back with \`pancode undo ${amendment.id}\`.`,
        );
    });
}
