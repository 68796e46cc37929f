/** `pancode prune`: frees what has been kept longer than `keep` in the configuration says. */
import type { Command } from 'commander';
import type { PruneReport } from '../../control/prune.ts';
import { visibleLine } from '../../core/visible.ts';
import { type CommandContext, examples } from '../command.ts';
import { columns } from '../output.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('prune')
    .description('free refs, journals, trash and set-ups that were kept long enough; receipts stay')
    .option('--dry-run', 'only show what would go')
    .addHelpText('after', examples('pancode prune --dry-run', 'pancode prune'))
    .action(async (options: { dryRun?: boolean }) => {
      const report = await context.client.call<PruneReport>(
        'POST',
        `/v1/prune${options.dryRun ? '?dry-run=1' : ''}`,
        await context.clientContext(),
      );
      context.output().document(report, () => textOf(report));
    });
}

function textOf(report: PruneReport): string {
  const { removed, undecided, unsaved, skipped, dryRun } = report;
  const table =
    removed.length === 0
      ? ['Nothing has been kept long enough to go. How long things stay says `pancode config get keep`.']
      : [
          columns([
            ['ID', dryRun ? 'WOULD GO' : 'REMOVED', 'SIZE'],
            ...removed.map((one) => [one.id, one.what, one.bytes === null ? 'freed by git' : size(one.bytes)]),
          ]),
          `${dryRun ? 'This would free' : 'Freed'} ${size(report.freedBytes)}.`,
        ];
  const notes = [
    undecided.length > 0 &&
      `${undecided.length} of them ${undecided.length === 1 ? 'holds a change' : 'hold changes'} that nobody applied or discarded: ${undecided.join(', ')}.`,
    unsaved.length > 0 &&
      `${unsaved.length} kept whatever their age, because their work is in no ref: bring it there with \`pancode salvage ID\`: ${unsaved.join(', ')}.`,
    ...skipped.map(({ project, reason }) => `Not looked at: ${visibleLine(project)} (${visibleLine(reason)})`),
    dryRun && removed.length > 0 && 'Run `pancode prune` to do it.',
  ];
  return [...table, ...notes.filter((note) => note !== false)].join('\n');
}

function size(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
