/** `pancode fleet`: runtimes, endpoints and workers, and what each needs to be ready. */
import type { Command } from 'commander';
import type { Fleet } from '../../protocol/fleet.ts';
import { type CommandContext, examples } from '../command.ts';
import { fleetText } from '../fleet-text.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('fleet')
    .description('runtimes, endpoints and workers')
    .option('--refresh', 'ask everything again and wait for the answers')
    .addHelpText('after', examples('pancode fleet', 'pancode fleet --refresh --json'))
    .action(async (options: { refresh?: boolean }) => {
      const fleet = await context.client.call<Fleet>(
        'POST',
        `/v1/fleet${options.refresh ? '?refresh=1' : ''}`,
        await context.clientContext(),
      );
      context.output().document(fleet, () => fleetText(fleet));
    });
}
