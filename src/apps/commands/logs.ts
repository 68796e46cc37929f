/** `pancode logs ID [-f]`: the events of a dispatch. */
import type { Command } from 'commander';
import { dispatchPlaces } from '../../core/places.ts';
import type { JournalEvent } from '../../protocol/event.ts';
import { type CommandContext, examples } from '../command.ts';
import { eventLines } from '../event-line.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('logs <id>')
    .description('the events of a dispatch')
    .addHelpText('after', examples('pancode logs 01KB2M', 'pancode logs -f 01KB2M'))
    .option('-f, --follow', 'go on until it has ended')
    .action(async (given: string, options: { follow?: boolean }) => {
      const out = context.output();
      const lines = eventLines((line, at) => process.stdout.write(`${at.slice(11, 19)} ${line}\n`));
      const show = (event: JournalEvent) => (out.json ? out.line(event, () => '') : lines.add(event));
      const { id } = await context.client.call<{ id: string }>('GET', `/v1/resolve/${encodeURIComponent(given)}`);
      if (options.follow) {
        await context.client.follow(id, show, await context.clientContext());
        return lines.flush();
      }
      const { readJournal } = await import('../../drivers/store/journal.ts');
      const { events, unreadable } = readJournal(dispatchPlaces(context.environment.roots.state, id).journal);
      events.forEach(show);
      lines.flush();
      if (unreadable > 0) out.note(`${unreadable} lines of this journal are damaged and not shown.`);
      if (events.length === 0) out.note('This dispatch has no events.');
    });
}
