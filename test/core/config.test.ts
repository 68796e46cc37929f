import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConfigLayers, DEFAULTS, mergeConfig, valueAt } from '../../src/core/config.ts';
import { PanError } from '../../src/protocol/error.ts';
import { MODES, SAFETY_LEVELS } from '../../src/protocol/words.ts';

const merge = (layers: Partial<ConfigLayers>) =>
  mergeConfig({ user: {}, project: {}, flags: {}, projectFile: '.pancode/config.yaml', ...layers });

describe('mergeConfig', () => {
  it('fills in every default and says so', () => {
    const merged = merge({});
    expect(merged.config.safety).toBe('auto-edit');
    expect(valueAt(merged, 'budget.day')).toEqual({ value: 50, source: 'default', found: true });
  });

  it('never changes the defaults themselves', () => {
    const before = structuredClone(DEFAULTS);
    merge({ user: { rules: { deny: ['path:a'] }, budget: { day: 1 } }, project: { rules: { deny: ['path:b'] } } });
    expect(DEFAULTS).toEqual(before);
  });

  it('lays the user over a preset of the file, and a preset of the command line over the user', () => {
    const user = { safety: 'auto-edit', presets: { night: { safety: 'suggest' } } } as const;
    expect(merge({ user: { ...user, preset: 'night' } }).config.safety).toBe('auto-edit');
    const night = merge({ user, flags: { preset: 'night' } });
    expect(valueAt(night, 'safety')).toMatchObject({ value: 'suggest', source: 'preset:night' });
    expect(valueAt(night, 'preset')).toMatchObject({ value: 'night', source: 'flag' });
  });

  it('ships four presets', () => {
    expect(merge({ flags: { preset: 'review-only' } }).config.mode).toBe('review');
    expect(merge({ flags: { preset: 'local' } }).config.route.never).toEqual(['cloud']);
    expect(merge({ flags: { preset: 'cloud' } }).config.route.prefer).toBe('cloud');
    expect(merge({}).config.preset).toBe('hybrid');
    expect(() => merge({ flags: { preset: 'locl' } })).toThrow(/Did you mean "local"/);
    expect(() => merge({ flags: { preset: 'toString' } })).toThrow(PanError);
  });

  it('lets a flag decide for one command', () => {
    const merged = merge({ user: { safety: 'suggest' }, project: { mode: 'plan' }, flags: { safety: 'full-auto' } });
    expect(valueAt(merged, 'safety')).toMatchObject({ value: 'full-auto', source: 'flag' });
    expect(valueAt(merged, 'mode')).toMatchObject({ value: 'plan', source: 'project' });
  });

  it.each([
    [{ mode: 'plan' }, { mode: 'build' }, 'mode'],
    [{}, { safety: 'full-auto' }, 'safety'],
    [{ limits: { concurrency: 2 } }, { limits: { concurrency: 3 } }, 'limits.concurrency'],
    [{}, { budget: { day: null } }, 'budget.day'],
    [{}, { budget: { session: 11 } }, 'budget.session'],
  ] as const)('refuses a project that widens: %j with %j', (user, project, key) => {
    expect(() => merge({ user, project })).toThrow(
      expect.objectContaining({ code: 'project-widens', exit: 2, message: expect.stringContaining(key) }),
    );
  });

  it('adds a project’s denials and reviews to the user’s instead of replacing them', () => {
    const { config } = merge({
      user: { rules: { deny: ['path:a'], allow: ['host:x'] }, after: { builder: ['reviewer'] } },
      project: { rules: { deny: ['path:b'] }, after: { builder: [], documenter: ['reviewer'] } },
    });
    expect(config.rules).toEqual({ deny: ['path:a', 'path:b'], ask: [], allow: ['host:x'] });
    expect(config.after).toEqual({ builder: ['reviewer'], documenter: ['reviewer'] });
  });

  it('is never wider with a project file than without', () => {
    const layer = fc.record(
      {
        mode: fc.constantFrom(...MODES),
        safety: fc.constantFrom(...SAFETY_LEVELS),
        limits: fc.record({ concurrency: fc.integer({ min: 1, max: 9 }) }, { requiredKeys: [] }),
        budget: fc.record({ day: fc.option(fc.integer({ min: 0, max: 99 }), { nil: null }) }, { requiredKeys: [] }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(layer, layer, (user, project) => {
        const alone = merge({ user }).config;
        try {
          const both = merge({ user, project }).config;
          expect(MODES.indexOf(both.mode)).toBeLessThanOrEqual(MODES.indexOf(alone.mode));
          expect(SAFETY_LEVELS.indexOf(both.safety)).toBeLessThanOrEqual(SAFETY_LEVELS.indexOf(alone.safety));
          expect(both.limits.concurrency).toBeLessThanOrEqual(alone.limits.concurrency);
          expect(both.budget.day ?? Infinity).toBeLessThanOrEqual(alone.budget.day ?? Infinity);
        } catch (error) {
          expect(error).toMatchObject({ code: 'project-widens' });
        }
      }),
    );
  });

  it('finds names that hold dots, and says of a section where its parts come from', () => {
    const merged = merge({ user: { prices: { 'lab/m-1.5': { input: 1, output: 2 } }, budget: { day: 3 } } });
    expect(valueAt(merged, 'prices.lab/m-1.5.output')).toMatchObject({ value: 2, source: 'user' });
    expect(valueAt(merged, 'budget').source.split(', ').sort()).toEqual(['default', 'user']);
    expect(valueAt(merged, 'budget.dya').found).toBe(false);
    expect(valueAt(merged, 'constructor').found).toBe(false);
  });

  it('takes a name such as __proto__ as a name', () => {
    const agents = JSON.parse('{"__proto__": {"worker": "x/y"}}');
    const { config } = merge({ user: { agents } });
    expect(Object.keys(config.agents)).toEqual(['__proto__']);
    expect(({} as { worker?: string }).worker).toBeUndefined();
  });
});
