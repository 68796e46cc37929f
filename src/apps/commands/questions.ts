/** `pancode questions`: what waits for a person. */
import type { Command } from 'commander';
import { collapse } from '../../core/questions.ts';
import type { OpenQuestion } from '../../protocol/question.ts';
import { type CommandContext, examples } from '../command.ts';
import { questionText } from '../question-text.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('questions')
    .description('what waits for your answer')
    .addHelpText('after', examples('pancode questions', 'pancode questions --forget'))
    .option('--forget', 'take back every `approve --always` of this project')
    .action(async ({ forget }: { forget?: boolean }) => {
      if (forget) {
        const client = await context.clientContext();
        const done = await context.client.call<{ project: string; forgotten: number }>(
          'POST',
          '/v1/answers-forget',
          client,
        );
        context
          .output()
          .document(done, () => `${done.forgotten} answers kept for good in ${done.project} are forgotten.`);
        return;
      }
      const answer = await context.client.call<{ questions: OpenQuestion[] }>('GET', '/v1/questions');
      context.output().document(answer, () => listText(answer.questions));
    });
}

/** How each kind is answered. */
const WAYS: Partial<Record<OpenQuestion['kind'], string>> & { apply: string } = {
  apply: 'See a change with `pancode diff ID`, then `pancode approve ID` or `pancode deny ID`.',
  action: 'Let an agent do it with `pancode approve ID`, or not with `pancode deny ID --reason TEXT`.',
  ask: 'Answer an agent with `pancode answer ID TEXT`, or leave it to the agent with `pancode deny ID`.',
};

function listText(questions: OpenQuestion[]): string {
  if (questions.length === 0)
    return 'Nothing waits for you. A dispatch keeps its question open when it is started with --detach or --wait, or followed on a terminal.';
  const groups = collapse(questions).map(([first, ...others]) => questionText(first as OpenQuestion, others));
  const ways = new Set(questions.map(({ kind }) => WAYS[kind] ?? WAYS.apply));
  return [...groups, [...ways].join('\n')].join('\n\n');
}
