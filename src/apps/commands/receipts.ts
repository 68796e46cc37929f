/** `pancode receipts`: the records of finished dispatches. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import { EXIT } from '../../protocol/error.ts';
import type { Amendment, Receipt } from '../../protocol/receipt.ts';
import type { CommandContext } from '../command.ts';
import { columns } from '../output.ts';
import { receiptText, shortCost } from '../receipt-text.ts';

export function register(program: Command, context: CommandContext): void {
  const receipts = program
    .command('receipts')
    .description('the records of finished dispatches')
    .option('--agent <name>')
    .option('--worker <id>')
    .option('--status <status>')
    .option('--since <date>')
    .option('--limit <n>', 'how many, newest first', '50')
    .action(async (options: Record<string, string>) => {
      const answer = await context.client.call<{ receipts: Receipt[] }>(
        'GET',
        `/v1/receipts?${new URLSearchParams(options)}`,
      );
      context.output().document(answer, () => table(answer.receipts));
    });
  receipts
    .command('show <id>')
    .description('one receipt with what was added later')
    .action(async (id: string) => {
      const answer = await context.client.call<{ receipt: Receipt; amendments: Amendment[] }>(
        'GET',
        `/v1/receipts/${encodeURIComponent(id)}`,
      );
      const later = answer.amendments.map(
        (amendment) =>
          `  ${amendment.at}  ${amendment.type} by ${amendment.by}: ${amendment.files.map((file) => visibleLine(file)).join(', ')}`,
      );
      context.output().document(answer, () => [receiptText(answer.receipt), ...later].join('\n'));
    });
  receipts
    .command('verify')
    .description('check the hash chain of all receipts')
    .action(async () => {
      const answer = await context.client.call<{ lines: number; faults: { line: number; what: string }[] }>(
        'POST',
        '/v1/receipts-verify',
        {},
      );
      context
        .output()
        .document(answer, () =>
          answer.faults.length === 0
            ? `${answer.lines} lines, the chain is whole.`
            : answer.faults.map((fault) => `line ${fault.line}: ${fault.what}`).join('\n'),
        );
      if (answer.faults.length > 0) context.exit(EXIT.failed);
    });
  receipts
    .command('rebuild')
    .description('re-create the index from the receipts file')
    .action(async () => {
      const answer = await context.client.call<{ lines: number }>('POST', '/v1/receipts-rebuild', {});
      context.output().document(answer, () => `The index holds ${answer.lines} lines again.`);
    });
}

function table(receipts: Receipt[]): string {
  if (receipts.length === 0)
    return 'No receipts. Every dispatch leaves one: start with `pancode dispatch AGENT TASK` or `pancode demo`.';
  return columns([
    ['ID', 'AGENT', 'WORKER', 'STATUS', 'COST', 'TASK'],
    ...receipts.map((receipt) => [
      receipt.id,
      receipt.agent.name,
      visibleLine(receipt.worker.id, 50),
      receipt.outcome.status,
      shortCost(receipt.cost),
      visibleLine(receipt.task, 60),
    ]),
  ]);
}
