/** `pancode` without a command: what is here, and what to do first. */
import { PanError } from '../protocol/error.ts';
import type { Fleet } from '../protocol/fleet.ts';
import type { CommandContext } from './command.ts';
import { fleetText } from './commands/fleet.ts';
import { VERSION } from './version.ts';

export async function bare(context: CommandContext): Promise<number> {
  if (!process.stdout.isTTY || !process.stdin.isTTY)
    throw new PanError(
      'no-terminal',
      'PanCode without a command needs a terminal.',
      'Give a command: `pancode dispatch AGENT TASK`, `pancode fleet`, `pancode demo`, or `pancode --help`.',
    );
  const fleet = await context.client.call<Fleet>('POST', '/v1/fleet?refresh=1', await context.clientContext());
  const out = context.output();
  out.document(fleet, () =>
    [
      `pancode ${VERSION}`,
      '',
      fleetText(fleet),
      '',
      'In a git repository:  pancode dispatch builder "what to build"',
      '                      pancode dispatch reviewer "what to look at"',
      'Then:                 pancode ps · pancode receipts · pancode undo ID · pancode --help',
    ].join('\n'),
  );
  return 0;
}
