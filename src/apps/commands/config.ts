/** `pancode config`: what the effective configuration is, where it comes from, and how to change it. */
import type { Command } from 'commander';
import { type ConfigFlags, valueAt } from '../../core/config.ts';
import { loadConfig, projectConfigFile, setConfigValue, userConfigFile } from '../../drivers/config.ts';
import { configJsonSchema, configPath as segmentsOf } from '../../drivers/config-schema.ts';
import { projectRootOf } from '../../drivers/project-root.ts';
import type { CommandContext } from '../command.ts';

export interface ConfigContext {
  configDir: string;
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
  await setConfigValue(context.configDir, key, value);
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
  const config = program.command('config').description('the effective configuration, and where it comes from');
  const here = (): ConfigContext => {
    const { cwd, mode, safety, preset } = context.options();
    return {
      configDir: context.environment.roots.config,
      projectRoot: projectRootOf(cwd),
      flags: { mode, safety, preset },
    };
  };
  config
    .command('get <key>')
    .description('the effective value of a dotted key')
    .action(async (key: string) => {
      const answer = await configGet(here(), key);
      context.output().document(answer, () => `${JSON.stringify(answer.value)}  (${answer.source})`);
    });
  config
    .command('set <key> <value>')
    .description('change your configuration file')
    .action(async (key: string, value: string) => {
      const answer = await configSet(here(), key, value);
      context.output().document(answer, () => `${key} is ${JSON.stringify(answer.value)}  (${answer.source})`);
    });
  config
    .command('path')
    .description('where the configuration files are')
    .action(async () => {
      const answer = await configPath(here());
      context.output().document(answer, () => [answer.user, ...(answer.project ? [answer.project] : [])].join('\n'));
    });
  config
    .command('schema')
    .description('the JSON Schema of the configuration file')
    .action(async () => {
      const schema = await configSchema();
      context.output().document(schema, () => JSON.stringify(schema, null, 2));
    });
}
