/** `pancode prompt show AGENT`: the compiled prompt, without task and brief: what stays the same between dispatches. */
import path from 'node:path';
import type { Command } from 'commander';
import { TIERS, type Tier } from '../../protocol/words.ts';
import { bundleDir } from '../assets.ts';
import { type CommandContext, choice, examples } from '../command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('prompt')
    .description('compiled prompts')
    .addHelpText('after', examples('pancode prompt show builder'))
    .command('show <agent>')
    .description('the system prompt this agent gets here')
    .addOption(choice('--tier <tier>', 'as for a model of this tier; without it the agent’s own', TIERS))
    .addHelpText(
      'after',
      examples('pancode prompt show builder', 'pancode prompt show reviewer --tier small --mode review'),
    )
    .action(async (name: string, flags: { tier?: Tier }) => {
      const { loadAgents } = await import('../../drivers/agents.ts');
      const { loadConfig } = await import('../../drivers/config.ts');
      const { collectProject } = await import('../../drivers/brief.ts');
      const { projectRootOf } = await import('../../drivers/project-root.ts');
      const { findAgent } = await import('../../core/agents.ts');
      const { compilePrompt } = await import('../../core/prompt.ts');
      const { environment } = context;
      const { cwd, mode, safety, preset } = context.options();
      const root = projectRootOf(cwd);
      const { config } = await loadConfig({
        configDir: environment.roots.config,
        projectRoot: root,
        flags: { mode, safety, preset },
      });
      const { agents, constitution } = await loadAgents({
        shippedDir: path.join(bundleDir(), '..', 'agents'),
        configDir: environment.roots.config,
        projectRoot: root,
      });
      const agent = findAgent(agents, name);
      const project = root
        ? await collectProject({ root, cwd, home: environment.home, path: environment.path, git: true })
        : null;
      const prompt = compilePrompt({
        constitution,
        agent,
        tier: flags.tier ?? agent.tier,
        stance: {
          mode: config.mode,
          safety: config.safety,
          readonly: agent.readonly,
          run: agent.run ?? false,
          ask: config.ask,
          enforced: true,
        },
        instructions: project?.instructions ?? [],
        brief: '',
        prior: '',
        task: '',
      });
      context.output().document({ agent: name, system: prompt.system, ...prompt.record }, () => prompt.system);
    });
}
