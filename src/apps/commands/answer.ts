/** `pancode answer ID TEXT`: a person's words to an agent that has asked for them. */
import type { Command } from 'commander';
import { PanError } from '../../protocol/error.ts';
import { type CommandContext, examples } from '../command.ts';
import { sendAnswer } from './approve.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('answer <id> <text...>')
    .description('answer what an agent has asked, by the id of the question or of its dispatch')
    .addHelpText(
      'after',
      examples('pancode answer 01JABC "keep the old name as an alias"', 'pancode answer 01JABC -- -1'),
    )
    .action(async (id: string, words: string[]) => {
      const text = words.join(' ');
      if (text.trim() === '')
        throw new PanError(
          'usage',
          'The answer is empty.',
          `Say what the agent shall know, or leave it to the agent with \`pancode deny ${id}\`.`,
        );
      const answered = await sendAnswer(context, id, { decision: 'allow', text });
      context
        .output()
        .document(
          answered,
          () => `${answered.id} is answered. Follow the agent with \`pancode logs -f ${answered.dispatch}\`.`,
        );
    });
}
