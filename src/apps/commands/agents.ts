/** `pancode agents`: the roles work can be given to. */
import path from 'node:path';
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import { bundleDir } from '../assets.ts';
import { type CommandContext, examples } from '../command.ts';
import { columns } from '../output.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('agents')
    .description('the roles work can be given to')
    .addHelpText('after', examples('pancode agents', 'pancode agents --json'))
    .action(async () => {
      const { loadAgents } = await import('../../drivers/agents.ts');
      const { projectRootOf } = await import('../../drivers/project-root.ts');
      const { agents } = await loadAgents({
        shippedDir: path.join(bundleDir(), '..', 'agents'),
        configDir: context.environment.roots.config,
        projectRoot: projectRootOf(context.options().cwd),
      });
      context
        .output()
        .document({ agents }, () =>
          columns([
            ['AGENT', 'TIER', 'SPEED', 'TREE', 'FROM', 'WHAT IT DOES'],
            ...agents.map((agent) => [
              agent.name,
              agent.tier,
              agent.speed,
              agent.readonly ? 'reads' : 'writes',
              agent.source,
              visibleLine(agent.description, 90),
            ]),
          ]),
        );
    });
}
