/** `pancode dispatch AGENT TASK`: one dispatch, no orchestrator. Stays attached and shows what happens unless `--detach`. */
import type { Command } from 'commander';
import { statePlaces } from '../../core/places.ts';
import { visibleLine } from '../../core/visible.ts';
import { newId } from '../../drivers/ids.ts';
import type { DispatchRequest } from '../../protocol/api.ts';
import { EXIT, exitOfStatus, PanError } from '../../protocol/error.ts';
import type { Receipt } from '../../protocol/receipt.ts';
import { type CommandContext, examples, numberFlag } from '../command.ts';
import { eventLines } from '../event-line.ts';
import { canAsk, inlineQuestions } from '../inline-question.ts';
import { receiptText } from '../receipt-text.ts';

interface Flags {
  worker?: string;
  runtime?: string;
  model?: string;
  base?: string;
  on?: string;
  verify?: string;
  budget?: string;
  timeout?: string;
  apply: boolean;
  detach?: boolean;
  wait?: boolean;
  unsandboxed?: boolean;
}

/** 24 days: the longest a timer holds. */
const MAX_SECONDS = 2_073_600;

export function register(program: Command, context: CommandContext): void {
  program
    .command('dispatch <agent> <task...>')
    .description('give one task to one agent on one worker')
    .addHelpText(
      'after',
      examples(
        'pancode dispatch builder "Add a --verbose flag" --verify "npm test"',
        'pancode dispatch reviewer "Look at the change" --on 01KB2M',
        'pancode dispatch scout "Where are the routes?" --worker native/ollama/qwen3:8b',
      ),
    )
    .option('--worker <id>', 'the worker to use (see `pancode fleet`)')
    .option('--runtime <id>', 'only workers of this runtime')
    .option('--model <id>', 'only workers with this model')
    .option('--base <rev>', 'start from this commit instead of the working tree')
    .option('--on <id>', 'start from the result of another dispatch')
    .option('--verify <command>', 'check command run on the result')
    .option('--budget <usd>', 'stop at this cost')
    .option('--timeout <seconds>', 'stop after this time')
    .option('--no-apply', 'keep the result in its ref, do not apply it')
    .option('--detach', 'print the id and return at once')
    .option('--wait', 'keep a question open until its deadline, also when this terminal goes')
    .option('--unsandboxed', 'run without a sandbox, for this run only')
    .action(async (agent: string, words: string[], flags: Flags) => {
      const request: DispatchRequest = {
        id: newId(statePlaces(context.environment.roots.state).lastId),
        client: await context.clientContext(),
        agent,
        task: words.join(' '),
        worker: flags.worker,
        runtime: flags.runtime,
        model: flags.model,
        base: flags.base,
        on: flags.on,
        verify: flags.verify,
        budgetUsd: numberFlag('--budget', flags.budget, 0),
        timeoutSeconds: numberFlag('--timeout', flags.timeout, 1, MAX_SECONDS),
        apply: flags.apply,
        answers: flags.wait || flags.detach ? 'kept' : canAsk(context) ? 'attached' : 'nobody',
        unsandboxed: flags.unsandboxed ?? false,
      };
      if (request.task.trim() === '')
        throw new PanError('usage', 'The task is empty.', 'Say in a sentence what the agent shall do.');
      await dispatch(context, request, flags.detach ?? false);
    });
}

/** Submits, follows to the receipt and sets the exit status by it. */
export async function dispatch(
  context: CommandContext,
  request: DispatchRequest,
  detach: boolean,
): Promise<Receipt | null> {
  const out = context.output();
  const release = detach ? () => {} : cancelOnSignal(context, request.id);
  const accepted = await context.client.call<{ id: string; warning?: string } | { receipt: Receipt }>(
    'POST',
    '/v1/dispatches',
    request,
  );
  if ('receipt' in accepted) {
    release();
    return done(context, accepted.receipt);
  }
  if (accepted.warning) out.note(`Warning: ${accepted.warning}`);
  if (detach) {
    out.document({ id: accepted.id }, () => `${accepted.id}\nFollow it with \`pancode logs -f ${accepted.id}\`.`);
    return null;
  }
  if (!out.json) out.note(`${request.agent} ${accepted.id}: ${visibleLine(request.task, 100)}`);
  const lines = eventLines((line) => out.note(`  ${line}`), true);
  const asks = canAsk(context);
  const inline = inlineQuestions(context, request.client);
  const receipt = await context.client.follow(
    accepted.id,
    (event) => {
      if (out.json || event.type === 'ended') return;
      inline.see(event);
      if (event.type !== 'question') lines.add(event);
    },
    request.client,
    asks,
  );
  inline.close();
  if (receipt.result === null) lines.flush();
  release();
  return done(context, receipt);
}

function done(context: CommandContext, receipt: Receipt): Receipt {
  context.output().document(receipt, () => receiptText(receipt));
  context.exit(exitOfStatus(receipt.outcome.status));
  return receipt;
}

/**
 * Ctrl-C stops the dispatch and waits for its receipt. A closed terminal leaves it running, because no dispatch dies with a client;
 * under `CI=true` every signal stops it, because nobody comes back for it.
 */
function cancelOnSignal(context: CommandContext, id: string): () => void {
  let asked = false;
  const cancel = () => {
    if (asked) process.exit(EXIT.cancelled);
    asked = true;
    context.output().note('Cancelling; press Ctrl-C again to leave it to itself.');
    context.client
      .call('POST', `/v1/dispatches/${id}/cancel`, {})
      .catch((error: unknown) => context.output().note(String(error)));
  };
  const signals: NodeJS.Signals[] = context.environment.ci ? ['SIGINT', 'SIGTERM', 'SIGHUP'] : ['SIGINT'];
  for (const signal of signals) process.on(signal, cancel);
  return () => {
    for (const signal of signals) process.off(signal, cancel);
  };
}
