/** What the configuration schemas say in words a person can use: valid keys, and every schema issue as one sentence. */
import * as z from 'zod';
import { DEFAULTS } from '../core/config.ts';
import { didYouMean, nearest } from '../core/nearest.ts';
import { ConfigFile, ProjectConfigFile } from '../protocol/config.ts';
import { PanError } from '../protocol/error.ts';

export type ConfigScope = 'user' | 'project';

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  default?: unknown;
}

/** JSON Schema of a configuration file with the value every key has when it is left out, for editors and for `config schema`. */
export function configJsonSchema(scope: ConfigScope = 'user'): Record<string, unknown> {
  const schema = z.toJSONSchema(scope === 'user' ? ConfigFile : ProjectConfigFile) as SchemaNode;
  fillDefaults(schema, DEFAULTS as unknown as Record<string, unknown>);
  return schema as Record<string, unknown>;
}

function fillDefaults(schema: SchemaNode, defaults: Record<string, unknown>): void {
  for (const [key, node] of Object.entries(schema.properties ?? {})) {
    const value = defaults[key];
    if (node.properties && typeof value === 'object' && value !== null)
      fillDefaults(node, value as Record<string, unknown>);
    else if (value !== undefined && !(node.properties && value === null)) node.default = value;
  }
}

/** What the schema allows below a path: `named` keys, or any name (`open`). null: the path itself is not allowed. */
function nodeAt(schema: SchemaNode, path: readonly PropertyKey[]): SchemaNode | null {
  let node: SchemaNode | undefined = schema;
  for (const part of path) {
    const options: SchemaNode[] = [node, ...(node.anyOf ?? [])];
    const next: SchemaNode | undefined = options
      .map((option) => {
        if (typeof part === 'number') return option.items;
        if (option.properties && Object.hasOwn(option.properties, part)) return option.properties[String(part)];
        return typeof option.additionalProperties === 'object' ? option.additionalProperties : undefined;
      })
      .find((found) => found !== undefined);
    if (next === undefined) return null;
    node = next;
  }
  return node;
}

function keysAt(schema: SchemaNode, path: readonly PropertyKey[]): string[] {
  const node = nodeAt(schema, path);
  return node === null ? [] : [node, ...(node.anyOf ?? [])].flatMap((option) => Object.keys(option.properties ?? {}));
}

/** Every dotted key the schema names, sections included. */
function dottedKeys(node: SchemaNode, prefix = ''): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
    prefix + key,
    ...dottedKeys(child, `${prefix}${key}.`),
  ]);
}

/** Every dotted key of the user's file that has a name of its own. */
export const configKeys = (): string[] => dottedKeys(configJsonSchema() as SchemaNode);

/**
 * Segments of a dotted key; the name in an open record may hold dots (`prices.claude-3.5.input`).
 * Throws PanError (exit 2) with the nearest valid key where the schema does not allow it.
 */
export function configPath(dotted: string): string[] {
  const schema = configJsonSchema() as SchemaNode;
  const path = segments(schema, dotted.split('.'));
  if (path !== null) return path;
  throw new PanError(
    'unknown-config-key',
    `There is no configuration key "${dotted}". ${didYouMean(dotted, dottedKeys(schema))}`,
    'Run `pancode config schema` for all keys.',
  );
}

function segments(node: SchemaNode, parts: readonly string[]): string[] | null {
  if (parts.length === 0) return [];
  for (let end = 1; end <= parts.length; end++) {
    const key = parts.slice(0, end).join('.');
    const child = key === '' ? null : nodeAt(node, [key]);
    const rest = child === null ? null : segments(child, parts.slice(end));
    if (rest !== null) return [key, ...rest];
  }
  return null;
}

const show = (path: readonly PropertyKey[]): string =>
  path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? String(part) : `.${String(part)}`))
    .join('');

/** The first schema issue of a file as one error that names file, key, fault and the nearest valid name. Exit 2. */
export function configIssue(file: string, scope: ConfigScope, issue: z.core.$ZodIssue, data: unknown): PanError {
  const edit = `Correct ${file}; \`pancode config schema\` shows every key.`;
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const full = show([...issue.path, key]);
    const valid = keysAt(configJsonSchema(scope) as SchemaNode, issue.path);
    if (scope === 'project' && nodeAt(configJsonSchema() as SchemaNode, [...issue.path, key]) !== null)
      return new PanError(
        'project-key',
        `${file} may not hold "${full}": a project's file may only narrow, never widen.`,
        `Move ${full} to your own configuration file (\`pancode config path\`); a project may hold ${keysAt(configJsonSchema(scope) as SchemaNode, []).join(', ')}.`,
      );
    // A key that is right but in the wrong section is found among all of them.
    const siblings = valid.map((name) => show([...issue.path, name]));
    const all =
      scope === 'user' && nearest(full, siblings) === null ? dottedKeys(configJsonSchema() as SchemaNode) : siblings;
    const guess = nearest(full, all) === null ? didYouMean(key, valid) : didYouMean(full, all);
    return new PanError('unknown-config-key', `${file}: unknown key "${full}". ${guess}`, edit);
  }
  const at = show(issue.path) || 'the whole file';
  const given = issue.path.reduce<unknown>(
    (value, part) => (value as Record<PropertyKey, unknown> | null)?.[part],
    data,
  );
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const guess = typeof given === 'string' ? didYouMean(given, values) : `Valid values: ${values.join(', ')}.`;
    return new PanError(
      'config-value',
      `${file}: ${at} is ${JSON.stringify(given)}, which is none of ${values.join(', ')}. ${guess.startsWith('Did') ? guess : ''}`.trimEnd(),
      edit,
    );
  }
  return new PanError(
    'config-value',
    `${file}: ${at} is wrong: ${issue.message} (it is ${JSON.stringify(given) ?? 'missing'}).`,
    edit,
  );
}
