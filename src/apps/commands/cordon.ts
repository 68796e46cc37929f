/** `pancode cordon ID`: take something out of the fleet until `uncordon`; what runs goes on. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import { type CommandContext, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('cordon <id>')
    .description('take a worker, runtime or endpoint out of the fleet')
    .addHelpText('after', examples('pancode cordon ollama', 'pancode cordon claude-code/claude-haiku-4-5'))
    .action(async (id: string) => {
      const answer = await context.client.call<{ cordoned: string[] }>(
        'POST',
        `/v1/cordons/${encodeURIComponent(id)}/add`,
        await context.clientContext(),
      );
      context
        .output()
        .document(answer, () =>
          [
            `${visibleLine(id)} is out of the fleet.`,
            answer.cordoned.length > 0 ? `Cordoned: ${answer.cordoned.map((one) => visibleLine(one)).join(', ')}.` : '',
          ]
            .filter(Boolean)
            .join(' '),
        );
    });
}
