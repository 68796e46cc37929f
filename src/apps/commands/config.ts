/** `pancode config`: what the effective configuration is, where it comes from, and how to change it. */
import type { Command } from 'commander';
import { type ConfigFlags, valueAt } from '../../core/config.ts';
import { statePlaces } from '../../core/places.ts';
import { loadConfig, projectConfigFile, userConfigFile } from '../../drivers/config.ts';
import { setConfigValue } from '../../drivers/config-edit.ts';
import { configJsonSchema, configPath as segmentsOf } from '../../drivers/config-schema.ts';
import { projectRootOf } from '../../drivers/project-root.ts';
import { type CommandContext, examples } from '../command.ts';

export interface ConfigContext {
  configDir: string;
  /** Held while the user's file is changed. */
  lockFile: string;
  /** Top of the project the command runs in; null outside of one. */
  projectRoot: string | null;
  flags: ConfigFlags;
}

/** The effective value of a dotted key and the layer it came from. A valid key without a value is null. Exit 2 on an unknown key. */
export async function configGet(context: ConfigContext, key: string): Promise<{ value: unknown; source: string }> {
  const merged = await loadConfig(context);
  const { value, source, found } = valueAt(merged, key);
  if (!found) segmentsOf(key);
  return { value: value ?? null, source };
}

/** Changes the user's file and returns what is in effect now: a project or a flag may still hold a narrower value. */
export async function configSet(
  context: ConfigContext,
  key: string,
  value: string,
): Promise<{ value: unknown; source: string }> {
  await setConfigValue(context, key, value);
  return configGet(context, key);
}

/** Where the files are; either may not exist. */
export async function configPath(context: ConfigContext): Promise<{ user: string; project: string | null }> {
  return {
    user: userConfigFile(context.configDir),
    project: context.projectRoot === null ? null : projectConfigFile(context.projectRoot),
  };
}

/** JSON Schema of the user's file. */
export async function configSchema(): Promise<Record<string, unknown>> {
  return configJsonSchema('user');
}

export function register(program: Command, context: CommandContext): void {
  const config = program
    .command('config')
    .description('the effective configuration, and where it comes from')
    .addHelpText('after', examples('pancode config get budget.dispatch', 'pancode config set safety suggest'));
  const here = (): ConfigContext => {
    const { cwd, mode, safety, preset } = context.options();
    return {
      configDir: context.environment.roots.config,
      lockFile: statePlaces(context.environment.roots.state).configLock,
      projectRoot: projectRootOf(cwd),
      flags: { mode, safety, preset },
    };
  };
  config
    .command('get <key>')
    .description('the effective value of a dotted key')
    .addHelpText(
      'after',
      examples('pancode config get budget.dispatch', 'pancode config get mode --preset review-only'),
    )
    .action(async (key: string) => {
      const answer = await configGet(here(), key);
      context.output().document(answer, () => `${JSON.stringify(answer.value)}  (${answer.source})`);
    });
  config
    .command('set <key> <value>')
    .description('change your configuration file; comments and order stay')
    .addHelpText(
      'after',
      examples(
        'pancode config set budget.dispatch 5',
        'pancode config set workspace.share "[node_modules, .venv]"',
        'pancode config set verify null',
      ),
    )
    .action(async (key: string, value: string) => {
      const answer = await configSet(here(), key, value);
      context.output().document(answer, () => `${key} is ${JSON.stringify(answer.value)}  (${answer.source})`);
    });
  config
    .command('path')
    .description('where the configuration files are')
    .addHelpText('after', examples('pancode config path'))
    .action(async () => {
      const answer = await configPath(here());
      context.output().document(answer, () => [answer.user, ...(answer.project ? [answer.project] : [])].join('\n'));
    });
  config
    .command('schema')
    .description('the JSON Schema of the configuration file')
    .addHelpText('after', examples('pancode config schema > config.schema.json'))
    .action(async () => {
      const schema = await configSchema();
      context.output().document(schema, () => JSON.stringify(schema, null, 2));
    });
}
