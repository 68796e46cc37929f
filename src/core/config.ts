/**
 * The effective configuration from its layers, with the source of every value.
 * Weakest first: defaults, preset, the user's file, a preset asked for by flag, the project's file (which may
 * only narrow), flags (a person's hand, for one command).
 */
import type { Config, ConfigFile, ProjectConfigFile } from '../protocol/config.ts';
import { PanError } from '../protocol/error.ts';
import { MODES, SAFETY_LEVELS } from '../protocol/words.ts';
import { didYouMean } from './nearest.ts';
import { SHIPPED_PRESETS } from './presets.ts';

export const DEFAULTS: Config = {
  mode: 'build',
  safety: 'auto-edit',
  ask: 'apply',
  preset: 'hybrid',
  orchestrator: null,
  budget: { dispatch: 2, session: 10, day: 50 },
  limits: { concurrency: 4, depth: 2, timeoutMinutes: 30, questionMinutes: 60, waitMinutes: 10 },
  verify: null,
  discover: true,
  runtimes: {},
  endpoints: [],
  agents: {},
  after: {},
  route: { value: 5, prefer: null, never: [], escalate: true },
  prices: {},
  workspace: { share: ['node_modules', '.venv', 'vendor'], copy: [], setup: null, maxFileMb: 50, maxTotalMb: 500 },
  network: { allow: [], loopback: [] },
  env: { pass: [] },
  rules: { deny: [], ask: [], allow: [] },
  keep: { refsDays: 30, journalDays: 90, trashDays: 7 },
  notify: null,
  telemetry: { otlp: null },
  keys: {},
  presets: {},
};

/** What a command's flags may say about the configuration. */
export interface ConfigFlags {
  mode?: Config['mode'] | undefined;
  safety?: Config['safety'] | undefined;
  preset?: string | undefined;
}

export interface ConfigLayers {
  user: ConfigFile;
  /** Already known to hold only keys a project may hold. */
  project: ProjectConfigFile;
  flags: ConfigFlags;
  /** Names the project's file in errors. */
  projectFile: string;
}

/** The effective configuration and, per dotted path (as JSON array of its segments), the layer a value came from. */
export interface MergedConfig {
  config: Config;
  sources: ReadonlyMap<string, string>;
  /** How many dispatches the user lets run at once; `config.limits.concurrency` is how many of this project. */
  concurrency: number;
}

type Tree = Record<string, unknown>;

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Key of a path in `sources`: names may hold dots (`prices.claude-3.5`), so segments are kept apart. */
const pathKey = (path: readonly string[]): string => JSON.stringify(path);

/** Throws PanError (exit 2) on an unknown preset and on a project value that would widen. */
export function mergeConfig(layers: ConfigLayers): MergedConfig {
  const { user, project, flags } = layers;
  const presets = { ...SHIPPED_PRESETS, ...user.presets };
  const preset = flags.preset ?? user.preset ?? DEFAULTS.preset;
  const presetLayer = presets[preset];
  if (presetLayer === undefined || !Object.hasOwn(presets, preset))
    throw new PanError(
      'unknown-preset',
      `There is no preset "${preset}". ${didYouMean(preset, Object.keys(presets))}`,
      'Name one of the presets, or add yours under `presets` in the configuration file.',
    );

  const config = structuredClone(DEFAULTS) as unknown as Tree;
  const sources = new Map<string, string>();
  const lay = (layer: object, source: string): void => overlay(config, layer as Tree, source, [], sources);
  // A preset a person names on the command line is the later choice, so it beats their file; one named in the file is its base.
  if (flags.preset === undefined) lay(presetLayer, `preset:${preset}`);
  lay({ ...user, preset: undefined }, 'user');
  if (flags.preset !== undefined) lay(presetLayer, `preset:${preset}`);
  // What is never to be used adds up: a preset that keeps everything on this machine holds whatever the file excludes besides.
  const never = [presetLayer, user].flatMap((layer) => layer.route?.never ?? []);
  if (presetLayer.route?.never && user.route?.never)
    lay({ route: { never: [...new Set(never)] } }, `preset:${preset}, user`);
  config.preset = preset;
  if (flags.preset !== undefined) sources.set(pathKey(['preset']), 'flag');
  else if (user.preset !== undefined) sources.set(pathKey(['preset']), 'user');

  const { concurrency } = (config as unknown as Config).limits;
  lay(narrowed(project, config as unknown as Config, layers.projectFile), 'project');
  lay({ mode: flags.mode, safety: flags.safety }, 'flag');
  return { config: config as unknown as Config, sources, concurrency };
}

/** Records merge name by name, everything else is replaced; what a layer leaves out stays as it was. */
function overlay(into: Tree, from: Tree, source: string, path: string[], sources: Map<string, string>): void {
  for (const [key, value] of Object.entries(from)) {
    if (value === undefined) continue;
    const at = [...path, key];
    if (isTree(value)) {
      if (!isTree(into[key]) || !Object.hasOwn(into, key)) define(into, key, {});
      overlay(into[key] as Tree, value, source, at, sources);
    } else {
      define(into, key, structuredClone(value));
      sources.set(pathKey(at), source);
    }
  }
}

/** A plain assignment of the name `__proto__` would not make a key. */
function define(into: Tree, key: string, value: unknown): void {
  Object.defineProperty(into, key, { value, writable: true, enumerable: true, configurable: true });
}

/** The project's layer with its lists added to the user's; throws where a value would give more than the user's configuration. */
function narrowed(project: ProjectConfigFile, current: Config, file: string): ProjectConfigFile {
  const refuse = (key: string, asked: unknown, have: unknown): never => {
    throw new PanError(
      'project-widens',
      `${file} sets ${key} to ${JSON.stringify(asked)}, which is more than your own ${JSON.stringify(have)}: a project may only narrow.`,
      `Lower or remove ${key} in that file, or raise it in your own configuration.`,
    );
  };
  const order = (key: 'mode' | 'safety', words: readonly string[]): void => {
    const asked = project[key];
    if (asked !== undefined && words.indexOf(asked) > words.indexOf(current[key])) refuse(key, asked, current[key]);
  };
  order('mode', MODES);
  order('safety', SAFETY_LEVELS);
  for (const section of ['limits', 'budget'] as const)
    for (const [name, asked] of Object.entries(project[section] ?? {})) {
      const have = (current[section] as Record<string, number | null>)[name] ?? null;
      // null is "no limit", the largest of all.
      if (asked !== undefined && (asked ?? Infinity) > (have ?? Infinity)) refuse(`${section}.${name}`, asked, have);
    }
  const union = (mine: readonly string[], theirs: readonly string[] | undefined): string[] | undefined =>
    theirs === undefined ? undefined : [...new Set([...mine, ...theirs])];
  return {
    ...project,
    rules: project.rules && {
      deny: union(current.rules.deny, project.rules.deny),
      ask: union(current.rules.ask, project.rules.ask),
    },
    after:
      project.after &&
      Object.fromEntries(
        Object.entries(project.after).map(([agent, reviews]) => [
          agent,
          union(current.after[agent] ?? [], reviews) ?? [],
        ]),
      ),
  };
}

/** Value and source at a dotted path. A name that holds dots is found by trying the longest key first. `found: false`: nothing there. */
export function valueAt(merged: MergedConfig, dotted: string): { value: unknown; source: string; found: boolean } {
  const parts = dotted.split('.');
  let value: unknown = merged.config;
  const path: string[] = [];
  let at = 0;
  while (at < parts.length) {
    if (!isTree(value)) return { value: null, source: 'default', found: false };
    let end = parts.length;
    while (end > at && !Object.hasOwn(value, parts.slice(at, end).join('.'))) end--;
    if (end === at) return { value: null, source: 'default', found: false };
    const key = parts.slice(at, end).join('.');
    path.push(key);
    value = value[key];
    at = end;
  }
  return { value, source: sourceOf(merged, path, value), found: true };
}

/** One layer's name, or the names of all layers a section's values came from, joined by commas. */
function sourceOf(merged: MergedConfig, path: string[], value: unknown): string {
  if (!isTree(value) || Object.keys(value).length === 0) return merged.sources.get(pathKey(path)) ?? 'default';
  const all = Object.entries(value).flatMap(([key, child]) => sourceOf(merged, [...path, key], child).split(', '));
  return [...new Set(all)].join(', ');
}
