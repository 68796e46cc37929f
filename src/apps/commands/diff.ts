/** `pancode diff ID`: what a dispatch changed. */
import type { Command } from 'commander';
import { visible } from '../../core/visible.ts';
import type { ChangedFile } from '../../protocol/receipt.ts';
import { type CommandContext, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('diff <id>')
    .description('what a dispatch changed')
    .addHelpText('after', examples('pancode diff 01KB2M', 'pancode diff 01KB2M | less -R'))
    .action(async (id: string) => {
      const answer = await context.client.call<{ files: ChangedFile[]; patch: string }>(
        'POST',
        `/v1/dispatches/${encodeURIComponent(id)}/diff`,
        await context.clientContext(),
      );
      context
        .output()
        .document(answer, () => (answer.files.length ? visible(answer.patch) : 'This dispatch changed nothing.'));
    });
}
