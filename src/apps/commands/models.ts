/** `pancode models`: every model there is, where it runs, and what it can and costs. */
import type { Command } from 'commander';
import type { ModelRow } from '../../protocol/fleet.ts';
import { type CommandContext, examples } from '../command.ts';
import { modelsText } from '../fleet-text.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('models')
    .description('every model with its window, tools, tier and price')
    .addHelpText('after', examples('pancode models', 'pancode models --json'))
    .action(async () => {
      const answer = await context.client.call<{ models: ModelRow[] }>(
        'POST',
        '/v1/models',
        await context.clientContext(),
      );
      context.output().document(answer, () => modelsText(answer.models));
    });
}
