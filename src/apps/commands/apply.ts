/** `pancode apply ID`: a person's yes to the change of a finished dispatch, protected paths included. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import { PanError } from '../../protocol/error.ts';
import type { Amendment } from '../../protocol/receipt.ts';
import { type CommandContext, examples } from '../command.ts';

interface Flags {
  files?: string[];
  except?: string[];
  commit?: string;
  branch?: string;
}

export function register(program: Command, context: CommandContext): void {
  program
    .command('apply <id>')
    .description('apply the change of a dispatch to your working tree')
    .addHelpText('after', examples('pancode apply 01KB2M', 'pancode apply 01KB2M --except package.json'))
    .option('--files <paths...>', 'only these files of the change')
    .option('--except <paths...>', 'all files of the change but these')
    .option('--commit <message>', 'commit exactly these files on your HEAD, too')
    .option('--branch <name>', 'put the change on a new branch instead; your working tree stays as it is')
    .action(async (id: string, options: Flags) => {
      if (options.files && options.except)
        throw new PanError(
          'usage',
          '--files and --except cannot be given together.',
          'Name the files to apply, or those to leave out.',
        );
      const client = await context.clientContext();
      const amendment = await context.client.call<Amendment>('POST', `/v1/dispatches/${encodeURIComponent(id)}/apply`, {
        client,
        ...options,
      });
      context.output().document(amendment, () => amendmentText(amendment, options));
    });
}

function amendmentText({ id, files, commit }: Amendment, { branch }: Flags): string {
  const list = files.map((file) => `  ${visibleLine(file)}`).join('\n');
  if (branch !== undefined)
    return `On the new branch ${visibleLine(branch)} as ${commit}:\n${list}\nYour working tree is as it was.`;
  const committed = commit === null ? '' : ` and committed as ${commit}`;
  return `Applied to your working tree${committed}:\n${list}\nTake it back with \`pancode undo ${id}\`.`;
}
