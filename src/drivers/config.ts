/** The configuration files: read, checked, and edited without losing a comment. */
import { join } from 'node:path';
import type * as z from 'zod';
import { type ConfigFlags, type MergedConfig, mergeConfig } from '../core/config.ts';
import { didYouMean } from '../core/nearest.ts';
import { ConfigFile, ProjectConfigFile } from '../protocol/config.ts';
import { PanError } from '../protocol/error.ts';
import { type ConfigScope, configIssue } from './config-schema.ts';
import { readConfigText } from './config-text.ts';

export const userConfigFile = (configDir: string): string => join(configDir, 'config.yaml');
export const projectConfigFile = (projectRoot: string): string => join(projectRoot, '.pancode', 'config.yaml');

/** Runtimes that need no `kind`: PanCode knows their programs. */
const RUNTIME_IDS = ['claude-code', 'codex', 'gemini', 'opencode', 'copilot', 'native'];

/**
 * Reads and merges the user's and the project's file; a missing file is an empty one.
 * `projectRoot` null: outside any project. Throws PanError (exit 2) with one sentence for the first fault found.
 */
export async function loadConfig(options: {
  configDir: string;
  projectRoot: string | null;
  flags: ConfigFlags;
}): Promise<MergedConfig> {
  const userFile = userConfigFile(options.configDir);
  const projectFile = options.projectRoot === null ? null : projectConfigFile(options.projectRoot);
  const [userText, projectText] = await Promise.all([
    readConfigText(userFile),
    projectFile === null ? null : readConfigText(projectFile),
  ]);
  const user = userText === null ? {} : await parseConfig(userFile, 'user', userText);
  const project =
    projectFile === null || projectText === null ? {} : await parseConfig(projectFile, 'project', projectText);
  return mergeConfig({ user, project, flags: options.flags, projectFile: projectFile ?? '' });
}

export function parseConfig(file: string, scope: 'user', text: string): Promise<ConfigFile>;
export function parseConfig(file: string, scope: 'project', text: string): Promise<ProjectConfigFile>;
export async function parseConfig(
  file: string,
  scope: ConfigScope,
  text: string,
): Promise<ConfigFile | ProjectConfigFile> {
  const data = await parseYaml(file, text);
  const schema: z.ZodType<ConfigFile | ProjectConfigFile> = scope === 'user' ? ConfigFile : ProjectConfigFile;
  const result = schema.safeParse(data);
  if (!result.success) throw configIssue(file, scope, result.error.issues[0]!, data);
  if (scope === 'user') checkNames(file, result.data as ConfigFile);
  return result.data;
}

/** Throws PanError (exit 2) with the first fault. An empty text is an empty map. */
export async function parseYaml(file: string, text: string): Promise<unknown> {
  const { isScalar, parseDocument, visit } = await import('yaml'); // 6 ms, which a start does without
  const wrong = (message: string, cause?: unknown) =>
    new PanError('config-yaml', `${file} is not valid YAML: ${message}`, `Correct ${file}.`, 2, cause);
  try {
    // The library compares every key with every other: 200 s for the 60,000 of a file of 700 kB.
    const document = parseDocument(text.replace(/^\uFEFF/, ''), { uniqueKeys: false });
    const fault = document.errors[0] ?? document.warnings[0];
    // The parser calls itself for each level, and reports where that ends; a thousand brackets are no configuration.
    if (fault && /call stack/.test(fault.message)) throw wrong('it is nested too deeply.', fault);
    if (fault) throw wrong(`${fault.message.split('\n')[0]?.replace(/:$/, '')}.`);
    visit(document, {
      Map(_, map) {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          const name = String(key.value);
          const line = () => text.slice(0, key.range?.[0]).split('\n').length;
          if (seen.has(name)) throw wrong(`the key "${name}" stands twice, again in line ${line()}.`);
          seen.add(name);
        }
      },
    });
    // Aliases are counted by the parser: a file of nested aliases ends here instead of filling the memory.
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    if (error instanceof PanError) throw error;
    throw wrong(error instanceof RangeError ? 'it is nested too deeply.' : `${(error as Error).message}.`, error);
  }
}

/** What the schema cannot know: runtimes by name, endpoint ids used once. */
function checkNames(file: string, config: ConfigFile): void {
  for (const [id, runtime] of Object.entries(config.runtimes ?? {})) {
    const known = RUNTIME_IDS.includes(id);
    if (!known && runtime.kind !== 'acp')
      throw new PanError(
        'unknown-runtime',
        `${file}: unknown runtime "${id}" in runtimes. ${didYouMean(id, RUNTIME_IDS)}`,
        'Correct the name, or give it `kind: acp` and a `command` to add an agent of your own.',
      );
    if (runtime.kind === 'acp' && (known || runtime.command === undefined))
      throw new PanError(
        'config-value',
        known
          ? `${file}: runtimes.${id} has kind acp, but "${id}" is a runtime PanCode knows.`
          : `${file}: runtimes.${id} has kind acp but no command.`,
        known ? 'Remove `kind`, or choose another name.' : `Add \`command: [program, argument]\` to runtimes.${id}.`,
      );
  }
  const seen = new Set<string>();
  for (const [i, endpoint] of (config.endpoints ?? []).entries()) {
    if (seen.has(endpoint.id))
      throw new PanError(
        'config-value',
        `${file}: endpoints[${i}].id "${endpoint.id}" is used twice.`,
        'Give each endpoint its own id.',
      );
    seen.add(endpoint.id);
  }
}
