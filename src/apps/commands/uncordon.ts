/** `pancode uncordon ID`: bring back what `cordon` took out of the fleet. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import { type CommandContext, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('uncordon <id>')
    .description('bring a cordoned worker, runtime or endpoint back')
    .addHelpText('after', examples('pancode uncordon ollama'))
    .action(async (id: string) => {
      const answer = await context.client.call<{ cordoned: string[] }>(
        'POST',
        `/v1/cordons/${encodeURIComponent(id)}/remove`,
        await context.clientContext(),
      );
      context
        .output()
        .document(answer, () =>
          [
            `${visibleLine(id)} is in the fleet again.`,
            answer.cordoned.length > 0 ? `Cordoned: ${answer.cordoned.map((one) => visibleLine(one)).join(', ')}.` : '',
          ]
            .filter(Boolean)
            .join(' '),
        );
    });
}
