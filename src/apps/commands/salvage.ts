/** `pancode salvage [ID]`: the work that is held for this project. It needs no daemon and no file of ours: git is enough. */
import type { Command } from 'commander';
import type { SalvageItem } from '../../control/salvage.ts';
import { visibleLine } from '../../core/visible.ts';
import type { Project } from '../../drivers/workspace/inspect.ts';
import { type CommandContext, examples } from '../command.ts';

/** Files shown of one item when several are listed. */
const SHOWN = 5;

export function register(program: Command, context: CommandContext): void {
  program
    .command('salvage [id]')
    .description('list the work of all dispatches in this project, or bring one back')
    .addHelpText('after', examples('pancode salvage', 'pancode salvage 01JD2Q'))
    .action(async (id: string | undefined) => {
      const [{ findWork, salvage }, { inspectProject }, { findAssets }] = await Promise.all([
        import('../../control/salvage.ts'),
        import('../../drivers/workspace/inspect.ts'),
        import('../assets.ts'),
      ]);
      const { roots, home, path, locale } = context.environment;
      const host = { home, path, state: roots.state };
      const project = await inspectProject(context.options().cwd, host);
      const place = { state: roots.state, project, host };
      const box = { assets: findAssets(), locale, passed: {}, hide: [roots.state, roots.config] };
      const items = id === undefined ? await findWork(place) : [await salvage(id, { ...place, ...box })];
      context
        .output()
        .document({ items }, () => (id === undefined ? listText(items) : itemText(items[0] as SalvageItem, project)));
    });
}

function listText(items: SalvageItem[]): string {
  if (items.length === 0)
    return 'No work of any dispatch is kept for this project. Finished dispatches are in `pancode receipts`.';
  const blocks = items.map((item) => [headOf(item), ...filesOf(item, SHOWN)].join('\n'));
  return [...blocks, 'Bring one back with `pancode salvage ID`.'].join('\n\n');
}

function itemText(item: SalvageItem, project: Project): string {
  const { ref, id } = item;
  const git = project.own ? `git --git-dir=${quoted(project.gitDir)}` : 'git';
  const ways = ref
    ? [
        `Look at it:       ${git} diff ${ref}^ ${ref}`,
        `Into your files:  pancode apply ${id}`,
        `Without PanCode:  cd ${quoted(project.root)} && ${git} diff --binary ${ref}^ ${ref} | git apply`,
      ]
    : ['There is no change in it.'];
  return [headOf(item), ...filesOf(item, Number.POSITIVE_INFINITY), '', ...ways].join('\n');
}

/** For a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

function headOf(item: SalvageItem): string {
  const state = item.discarded ? '  discarded' : item.copy ? '  not in git yet' : '';
  const task = item.task === null ? '' : `  ${visibleLine(item.task, 60)}`;
  return `${item.id}${state}${task}\n  ${item.ref ?? item.copy ?? 'no change'}`;
}

function filesOf(item: SalvageItem, most: number): string[] {
  const files = (item.files ?? []).map((file) => visibleLine(file));
  const more = files.length > most ? [`    … and ${files.length - most} more`] : [];
  const beside = item.beside ? [`  ignored files it left: ${item.beside}`] : [];
  return [...files.slice(0, most).map((file) => `    ${file}`), ...more, ...beside];
}
