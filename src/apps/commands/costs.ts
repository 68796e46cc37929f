/** `pancode costs`: what the receipts cost, and how many of them say so. */
import type { Command } from 'commander';
import { COST_KEYS, type CostSum, type Costs, type Sum } from '../../core/costs.ts';
import { visibleLine } from '../../core/visible.ts';
import { type CommandContext, choice, examples } from '../command.ts';
import { columns } from '../output.ts';
import { sinceFlag } from '../since.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('costs')
    .description('what the receipts cost, and how many of them say so')
    .addOption(choice('--by <what>', 'a line for each of these', COST_KEYS).default('agent'))
    .option('--since <when>', 'only receipts since a date, a time or a length (2026-11-01, 24h, 7d)')
    .addHelpText(
      'after',
      examples('pancode costs', 'pancode costs --by day --since 7d', 'pancode costs --by model --json'),
    )
    .action(async (flags: { by: string; since?: string }) => {
      const since = sinceFlag(flags.since, new Date());
      const query = new URLSearchParams({ by: flags.by, ...(since === undefined ? {} : { since }) });
      // Only days depend on where the person is; loading what knows the zone takes a millisecond.
      if (flags.by === 'day') query.set('zone', Intl.DateTimeFormat().resolvedOptions().timeZone);
      const costs = await context.client.call<Costs>('GET', `/v1/costs?${query}`);
      context.output().document(costs, () => costsText(costs));
    });
}

export function costsText(costs: Costs): string {
  const { total, groups, by } = costs;
  if (groups.length === 0)
    return 'No receipts, so no costs. Every dispatch leaves one: start with `pancode dispatch AGENT TASK`, or leave out --since.';
  const rows = groups.map((group) => [
    group.key === null ? 'not recorded' : visibleLine(group.key, 60),
    usd(group.usd),
    String(group.known),
    String(group.unknown),
    labels(group),
  ]);
  return [
    columns([[by.toUpperCase(), 'COST', 'KNOWN', 'UNKNOWN', 'BILLING'], ...rows]),
    '',
    `total  ${total.usd === null ? 'nothing' : usd(total.usd)} known, ${total.unknown} unknown (${count(total.known + total.unknown)})`,
    ...Object.entries(total.billing).map(([name, sum]) => `  ${MEANING[name as keyof typeof MEANING](sum)}`),
  ].join('\n');
}

const count = (receipts: number): string => `${receipts} receipt${receipts === 1 ? '' : 's'}`;

const usd = (value: number | null): string =>
  value === null ? 'unknown' : `$${value !== 0 && Math.abs(value) < 0.01 ? value.toFixed(4) : value.toFixed(2)}`;

const covered = (sum: Sum): string => `${usd(sum.usd)}${sum.unknown > 0 ? `, ${sum.unknown} unknown` : ''}`;

const MEANING: Record<keyof CostSum['billing'], (sum: Sum) => string> = {
  api: (sum) => `api           ${covered(sum)}: money spent`,
  subscription: (sum) => `subscription  ${covered(sum)} at list price: paid with the subscription, not by use`,
  local: (sum) => `local         ${covered(sum)}: models on this machine`,
  simulated: (sum) => `simulated     ${covered(sum)} at list price: SIMULATED, nothing was spent`,
  unknown: (sum) => `unknown       ${covered(sum)}: nobody knows who pays for these`,
};

const labels = (group: CostSum): string => Object.keys(group.billing).join(', ');
