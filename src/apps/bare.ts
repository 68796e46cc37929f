/** `pancode` without a command: the boot report, and what to do first. */
import { PanError } from '../protocol/error.ts';
import type { Boot } from '../protocol/fleet.ts';
import { bootText } from './boot.ts';
import type { CommandContext } from './command.ts';
import { terminalWidth } from './fleet-text.ts';
import { VERSION } from './version.ts';

export async function bare(context: CommandContext): Promise<number> {
  if (!process.stdout.isTTY || !process.stdin.isTTY)
    throw new PanError(
      'no-terminal',
      'PanCode without a command needs a terminal.',
      'Give a command: `pancode dispatch AGENT TASK`, `pancode fleet`, `pancode demo`, or `pancode --help`.',
    );
  const out = context.output();
  if (!out.json) out.line(null, () => 'booting control plane…\ndiscover  scanning PATH for runtimes');
  const boot = await context.client.call<Boot>('POST', '/v1/boot', await context.clientContext());
  out.document(boot, () =>
    [
      bootText(boot, VERSION, process.uptime() * 1_000, terminalWidth()),
      '',
      'In your project:      pancode dispatch builder "what to build"',
      '                      pancode dispatch reviewer "what to look at"',
      'Then:                 pancode ps · pancode receipts · pancode undo ID',
      'All commands:         pancode --help',
    ].join('\n'),
  );
  return 0;
}
