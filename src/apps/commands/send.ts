/** `pancode send ID TEXT`: tell a running agent something. */
import type { Command } from 'commander';
import { PanError } from '../../protocol/error.ts';
import { type CommandContext, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('send <id> <text...>')
    .description('tell a running agent something; it sees it before its next model request')
    .addHelpText('after', examples('pancode send 01JABC "leave the tests as they are"'))
    .action(async (id: string, words: string[]) => {
      const text = words.join(' ').trim();
      if (text === '') throw new PanError('usage', 'There is nothing to send.', 'Say what the agent shall know.');
      const sent = await context.client.call<{ id: string; sent: true }>(
        'POST',
        `/v1/dispatches/${encodeURIComponent(id)}/send`,
        { text },
      );
      context.output().document(sent, () => `${sent.id} was told. Follow it with \`pancode logs -f ${sent.id}\`.`);
    });
}
