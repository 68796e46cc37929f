/** The configuration files: read, checked, and edited without losing a comment. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { type ConfigFlags, type MergedConfig, mergeConfig } from '../core/config.ts';
import { didYouMean } from '../core/nearest.ts';
import { ConfigFile, ProjectConfigFile } from '../protocol/config.ts';
import { PanError } from '../protocol/error.ts';
import { writeAtomic } from './atomic-file.ts';
import { type ConfigScope, configIssue, configPath } from './config-schema.ts';

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
    readText(userFile),
    projectFile === null ? null : readText(projectFile),
  ]);
  const user = userText === null ? {} : await parseConfig(userFile, 'user', userText);
  const project =
    projectFile === null || projectText === null ? {} : await parseConfig(projectFile, 'project', projectText);
  return mergeConfig({ user, project, flags: options.flags, projectFile: projectFile ?? '' });
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new PanError(
      'config-unreadable',
      `${file} cannot be read (${code}).`,
      `Make ${file} readable, or remove it.`,
      2,
      error,
    );
  }
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

async function parseYaml(file: string, text: string): Promise<unknown> {
  const { parseDocument } = await import('yaml'); // 6 ms, which a start does without
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { uniqueKeys: true });
  const fault = document.errors[0];
  if (fault)
    throw new PanError('config-yaml', `${file} is not valid YAML: ${fault.message.split('\n')[0]}`, `Correct ${file}.`);
  try {
    // Aliases are counted by the parser: a file of nested aliases ends here instead of filling the memory.
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new PanError(
      'config-yaml',
      `${file} is not valid YAML: ${(error as Error).message}`,
      `Correct ${file}.`,
      2,
      error,
    );
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

/**
 * Sets one key of the user's file, keeping its comments and order. `value` is read as YAML (`5`, `null`, `[a, b]`); a value that is
 * no YAML is a string. The whole file is checked before it is replaced, atomically. Throws PanError (exit 2) and changes nothing
 * where key or value is wrong. Returns the value as it was written.
 */
export async function setConfigValue(configDir: string, dotted: string, value: string): Promise<unknown> {
  const file = userConfigFile(configDir);
  const path = configPath(dotted);
  const { isMap, isNode, parseDocument } = await import('yaml');
  const document = parseDocument((await readText(file)) ?? '');
  if (document.errors.length > 0) await parseYaml(file, document.toString());
  if (document.contents !== null && !isMap(document.contents))
    throw new PanError('config-yaml', `${file} does not hold keys and values.`, `Correct ${file}.`);
  const parsed = parseDocument(value);
  const plain: unknown = parsed.errors.length > 0 ? value : parsed.toJS();
  // `setIn` needs every step to be a map; a section written as `budget:` alone is an empty value.
  for (let depth = 1; depth < path.length; depth++)
    if (!isMap(document.getIn(path.slice(0, depth), true)))
      document.setIn(path.slice(0, depth), document.createNode({}));
  const textWith = async (candidate: unknown): Promise<string> => {
    const node = document.createNode(candidate);
    // The comment beside a value belongs to its line, not to the value.
    const before: unknown = document.getIn(path, true);
    if (isNode(before)) Object.assign(node, { comment: before.comment, commentBefore: before.commentBefore });
    document.setIn(path, node);
    const text = document.toString();
    mergeConfig({ user: await parseConfig(file, 'user', text), project: {}, flags: {}, projectFile: '' });
    return text;
  };
  const { text, written } = await firstValid([plain, value], textWith);
  await writeAtomic(file, text);
  return written;
}

/** A command such as `npm run a: b` reads as a YAML map where a string is meant: the words as they were typed are tried second. */
async function firstValid(
  candidates: unknown[],
  textWith: (value: unknown) => Promise<string>,
): Promise<{ text: string; written: unknown }> {
  let fault: unknown;
  for (const written of candidates)
    try {
      return { text: await textWith(written), written };
    } catch (error) {
      fault ??= error;
    }
  throw fault;
}
