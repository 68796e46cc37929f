/** `pancode receipts`: the records of finished dispatches. */
import type { Command } from 'commander';
import { statePlaces } from '../../core/places.ts';
import { visibleLine } from '../../core/visible.ts';
import { EXIT } from '../../protocol/error.ts';
import type { Amendment, Receipt } from '../../protocol/receipt.ts';
import { STATUSES } from '../../protocol/words.ts';
import { type CommandContext, choice, examples } from '../command.ts';
import { columns } from '../output.ts';
import { amendmentText, receiptText, shortCost } from '../receipt-text.ts';
import { sinceFlag } from '../since.ts';

interface Filters {
  agent?: string;
  worker?: string;
  status?: string;
  since?: string;
  limit: string;
}

export function register(program: Command, context: CommandContext): void {
  const receipts = program
    .command('receipts')
    .description('the records of finished dispatches')
    .option('--agent <name>', 'only those of an agent')
    .option('--worker <id>', 'only those of a worker')
    .addOption(choice('--status <status>', 'only those that ended so', STATUSES))
    .option('--since <when>', 'only those that ended since a date, a time or a length (2026-11-01, 24h, 7d)')
    .option('--limit <n>', 'how many, newest first', '50')
    .addHelpText(
      'after',
      examples('pancode receipts --status failed --since 7d', 'pancode receipts --agent builder --limit 10 --json'),
    )
    .action(async ({ since, ...filters }: Filters) => {
      const from = sinceFlag(since, new Date());
      const query = new URLSearchParams({ ...filters, ...(from === undefined ? {} : { since: from }) });
      const answer = await context.client.call<{ receipts: Receipt[] }>('GET', `/v1/receipts?${query}`);
      const none = answer.receipts.length === 0;
      if (none && (filters.agent ?? filters.worker) !== undefined)
        await (await import('../receipt-names.ts')).checkNames(filters, context);
      const narrowed = since !== undefined || [filters.agent, filters.worker, filters.status].some((one) => one);
      context.output().document(answer, () => (none ? emptyText(narrowed) : table(answer.receipts)));
    });
  receipts
    .command('show <id>')
    .description('one receipt with what was added later')
    .addHelpText('after', examples('pancode receipts show 01KB2M', 'pancode receipts show 01KB2M --json'))
    .action(async (id: string) => {
      const answer = await context.client.call<{ receipt: Receipt; amendments: Amendment[] }>(
        'GET',
        `/v1/receipts/${encodeURIComponent(id)}`,
      );
      context
        .output()
        .document(answer, () => [receiptText(answer.receipt), ...answer.amendments.map(amendmentText)].join('\n'));
    });
  receipts
    .command('verify')
    .description('check the hash chain of all receipts')
    .addHelpText('after', examples('pancode receipts verify', 'pancode receipts verify --json'))
    .action(async () => {
      // The file is the truth and anybody may check it: without the daemon, which would stand still for a large one.
      const { verifyChain } = await import('../../drivers/store/receipts.ts');
      const file = statePlaces(context.environment.roots.state).receipts;
      const answer = verifyChain(file);
      context
        .output()
        .document(answer, () =>
          answer.faults.length === 0
            ? answer.lines === 0
              ? `There are no receipts yet; they will be in ${file}.`
              : `${answer.lines} lines, the chain is whole.`
            : [
                ...answer.faults.map((fault) => `line ${fault.line}: ${fault.what}`),
                `${answer.faults.length} of ${answer.lines} lines of ${file} are not as they were written.`,
              ].join('\n'),
        );
      if (answer.faults.length > 0) context.exit(EXIT.failed);
    });
  receipts
    .command('rebuild')
    .description('re-create the index from the receipts file')
    .addHelpText('after', examples('pancode receipts rebuild'))
    .action(async () => {
      const answer = await context.client.call<Record<'lines' | 'receipts' | 'amendments' | 'unreadable', number>>(
        'POST',
        '/v1/receipts-rebuild',
        {},
      );
      context.output().document(answer, () => {
        const left = `${answer.unreadable} unreadable ${answer.unreadable === 1 ? 'line' : 'lines'} left out; \`pancode receipts verify\` names them.`;
        return `The index holds ${answer.receipts} receipts and ${answer.amendments} amendments again.${answer.unreadable > 0 ? `\n${left}` : ''}`;
      });
    });
  receipts
    .command('import <file>')
    .description('take in receipts of another home from JSON Lines; - reads stdin')
    .addHelpText(
      'after',
      examples(
        'pancode receipts import laptop.jsonl',
        'ssh laptop cat .local/state/pancode/receipts.jsonl | pancode receipts import -',
      ),
    )
    .action(async (file: string) => {
      const { importFile } = await import('../receipt-import.ts');
      const answer = await importFile(file, context);
      context.output().document(answer, () => {
        const { imported, amendments, known, damaged } = answer;
        if (imported + amendments + known === 0) return 'There is no receipt in it; nothing was imported.';
        const came = `Imported ${imported} receipts and ${amendments} amendments; ${known} records were here already.`;
        return damaged > 0
          ? `${came}\n${damaged} of them do not fit the seal they came with: they were changed after they were written, and are marked so.`
          : came;
      });
    });
}

function emptyText(narrowed: boolean): string {
  return narrowed
    ? 'No receipt fits. Leave out a filter, or start something with `pancode dispatch AGENT TASK`.'
    : 'No receipts. Every dispatch leaves one: start with `pancode dispatch AGENT TASK` or `pancode demo`.';
}

/** A narrow terminal cuts what stands last, so what decides stands first. */
function table(receipts: Receipt[]): string {
  return columns([
    ['ID', 'AGENT', 'STATUS', 'COST', 'WORKER', 'TASK'],
    ...receipts.map((receipt) => [
      receipt.id,
      visibleLine(receipt.agent.name, 30),
      receipt.outcome.status,
      shortCost(receipt.cost),
      visibleLine(receipt.worker.id, 50),
      visibleLine(`${receipt.imported ? '(imported) ' : ''}${receipt.task}`, 60),
    ]),
  ]);
}
