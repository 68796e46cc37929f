/** `pancode approve ID`: a person's yes to an open question. */
import type { Command } from 'commander';
import { visible } from '../../core/visible.ts';
import { exitOfStatus, PanError } from '../../protocol/error.ts';
import type { Answered, AnswerRequest } from '../../protocol/question.ts';
import type { Receipt } from '../../protocol/receipt.ts';
import { type CommandContext, examples } from '../command.ts';

interface Flags {
  files?: string[];
  except?: string[];
  always?: boolean;
}

export function register(program: Command, context: CommandContext): void {
  program
    .command('approve <id>')
    .description('say yes to a question, by its id or that of its dispatch')
    .option('--files <paths...>', 'only these files of the change')
    .option('--except <paths...>', 'all files of the change but these')
    .option('--always', 'also from now on, for exactly this in this project; never for protected paths')
    .addHelpText('after', examples('pancode approve 01JABC', 'pancode approve 01JABC --files src/app.ts'))
    .action(async (id: string, { files, except, always }: Flags) => {
      if (files && except)
        throw new PanError(
          'usage',
          '--files and --except cannot be given together.',
          'Name the files to apply, or those to leave out.',
        );
      if (always && (files || except))
        throw new PanError(
          'usage',
          '--always is a yes to all of a question, so it cannot be given with chosen files.',
          'Leave one of them out.',
        );
      const answered = await sendAnswer(context, id, { decision: 'allow', files, except, always });
      context.output().document(answered, () => answeredText(answered));
      if (answered.outcome) context.exit(exitOfStatus(answered.outcome.status));
    });
}

/** `outcome`: of the dispatch; null where it goes on. */
export type WithOutcome = Answered & { outcome: Receipt['outcome'] | null };

export const sendAnswer = (context: CommandContext, id: string, request: AnswerRequest): Promise<WithOutcome> =>
  context.client.call<WithOutcome>('POST', `/v1/questions/${encodeURIComponent(id)}/answer`, request);

export function answeredText({ id, dispatch, decision, outcome }: WithOutcome): string {
  const said = `${decision === 'allow' ? 'Yes' : 'No'} to ${id}.`;
  if (!outcome) return `${said}\nThe agent goes on: follow it with \`pancode logs -f ${dispatch}\`.`;
  const lines = [said, `${outcome.status}  ${visible(outcome.reason)}`];
  if (outcome.evidence.applied) lines.push(`Take it back with \`pancode undo ${dispatch}\`.`);
  return lines.join('\n');
}
