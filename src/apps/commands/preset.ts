/** `pancode preset list|use NAME`: named layers of configuration, and which one is in use. */
import type { Command } from 'commander';
import { valueAt } from '../../core/config.ts';
import { statePlaces } from '../../core/places.ts';
import { PRESET_MEANINGS, SHIPPED_PRESETS } from '../../core/presets.ts';
import { loadConfig } from '../../drivers/config.ts';
import { setConfigValue } from '../../drivers/config-edit.ts';
import { projectRootOf } from '../../drivers/project-root.ts';
import { type CommandContext, examples } from '../command.ts';
import { columns } from '../output.ts';

interface Preset {
  name: string;
  from: 'shipped' | 'user';
  description: string | null;
  sets: object;
  active: boolean;
}

export function register(program: Command, context: CommandContext): void {
  const preset = program
    .command('preset')
    .description('named layers of configuration: which there are, which is in use')
    .addHelpText('after', examples('pancode preset list', 'pancode preset use local'));
  const here = () => {
    const { cwd, mode, safety, preset: name } = context.options();
    const flags = { mode, safety, preset: name };
    return { configDir: context.environment.roots.config, projectRoot: projectRootOf(cwd), flags };
  };
  preset
    .command('list')
    .description('all presets with what each sets')
    .addHelpText('after', examples('pancode preset list', 'pancode --preset local dispatch scout "Where are routes?"'))
    .action(async () => {
      const merged = await loadConfig(here());
      const { config } = merged;
      const { source } = valueAt(merged, 'preset');
      const presets: Preset[] = Object.entries({ ...SHIPPED_PRESETS, ...config.presets }).map(([name, sets]) => ({
        name,
        from: Object.hasOwn(config.presets, name) ? 'user' : 'shipped',
        description: Object.hasOwn(config.presets, name) ? null : (PRESET_MEANINGS[name] ?? null),
        sets,
        active: name === config.preset,
      }));
      context
        .output()
        .document({ presets, active: config.preset, source }, () =>
          [
            columns([
              ['', 'PRESET', 'FROM', 'SETS'],
              ...presets.map((one) => [one.active ? '*' : '', one.name, one.from, settings(one.sets)]),
            ]),
            '',
            `In use: ${config.preset} (${source}). Change it with \`pancode preset use NAME\`, or for one command with --preset NAME.`,
          ].join('\n'),
        );
    });
  preset
    .command('use <preset>')
    .description('make a preset the one in use, in your configuration file')
    .addHelpText('after', examples('pancode preset use local', 'pancode preset use review-only'))
    .action(async (name: string) => {
      const { roots } = context.environment;
      const places = { configDir: roots.config, lockFile: statePlaces(roots.state).configLock };
      await setConfigValue(places, 'preset', name, 'text');
      const merged = await loadConfig({ ...here(), flags: {} });
      const shadowed = shadows({ ...SHIPPED_PRESETS, ...merged.config.presets }[name] ?? {}, merged);
      const answer = { preset: merged.config.preset, source: valueAt(merged, 'preset').source, shadowed };
      context
        .output()
        .document(answer, () =>
          [
            `The preset in use is ${answer.preset}.`,
            ...shadowed.map(
              ({ key, value, source }) =>
                `It does not decide ${key}: ${source === 'user' ? 'your file' : `the ${source}`} says ${JSON.stringify(value)}.`,
            ),
          ].join('\n'),
        );
    });
}

type Merged = Parameters<typeof valueAt>[0];

/** What the preset sets and something stronger sets too, to another value. */
function shadows(sets: object, merged: Merged, prefix = ''): { key: string; value: unknown; source: string }[] {
  return Object.entries(sets).flatMap(([name, wanted]) => {
    const key = prefix + name;
    if (typeof wanted === 'object' && wanted !== null && !Array.isArray(wanted))
      return shadows(wanted, merged, `${key}.`);
    const { value, source } = valueAt(merged, key);
    const held = Array.isArray(wanted) && Array.isArray(value) && wanted.every((one) => value.includes(one));
    return held || JSON.stringify(value) === JSON.stringify(wanted) ? [] : [{ key, value, source }];
  });
}

/** `{route: {never: [cloud]}}` as `route.never [cloud]`. */
function settings(sets: object, prefix = ''): string {
  const parts = Object.entries(sets).map(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? settings(value, `${prefix}${name}.`)
      : `${prefix}${name} ${Array.isArray(value) ? `[${value.join(', ')}]` : String(value)}`,
  );
  return parts.filter((part) => part !== '').join(', ') || 'nothing: the defaults hold';
}
