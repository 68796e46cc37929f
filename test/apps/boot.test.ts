import { describe, expect, it } from 'vitest';
import { bootText } from '../../src/apps/boot.ts';
import { fleetText, modelFacts, modelsText, said, tokens, wrap } from '../../src/apps/fleet-text.ts';
import type { Boot } from '../../src/protocol/fleet.ts';
import { endpoint, fleetOf, runtime } from '../fixtures/fleet.ts';

const fleet = fleetOf(
  [
    runtime('native'),
    runtime('claude-code', { path: '/opt/claude', version: '2.1.197' }),
    runtime('copilot', {
      path: '/opt/copilot',
      version: '1.0.102',
      state: 'auth-required',
      reason: 'no login: run `pancode login copilot`, which opens a browser and waits for you there',
    }),
    runtime('codex', { state: 'unavailable', reason: 'no "codex" on PATH or where installers put it' }),
  ],
  [
    endpoint('ollama', [{ id: 'qwen3:8b', context: 32_768, tools: true }], { provider: 'ollama' }),
    endpoint('lab', [{ id: 'm1' }], {
      state: 'unavailable',
      reason: 'it answered HTTP 503',
      retryAt: '2026-11-25T10:00:00.000Z',
      cooling: true,
      url: 'http://user:secret@127.0.0.1:1/v1',
    }),
  ],
  { 'claude-code': [{ id: 'claude-sonnet-5', tier: 'frontier' }] },
);
const boot: Boot = {
  fleet,
  sandbox: { backend: 'bubblewrap', version: '0.8.0' },
  mode: 'build',
  safety: 'auto-edit',
  budget: { dispatch: 2, session: null, day: 50 },
};
const report = (width: number, change: Partial<Boot> = {}) =>
  bootText({ ...boot, ...change }, '0.1.0', 180.4, width).split('\n');

describe('the boot report', () => {
  it('tells what is ready with what, and what is not and why', () => {
    expect(report(140)).toEqual([
      'ok  native       NATIVE             ready          ollama/qwen3:8b (32k, tools)',
      'ok  claude-code  CLI       2.1.197  ready          claude-sonnet-5',
      '--  copilot      CLI       1.0.102  auth-required  no login: run `pancode login copilot`, which opens a browser and waits for you there',
      expect.stringMatching(
        /^-- {2}lab {10}ENDPOINT {11}unavailable {4}it answered HTTP 503; not chosen until \d\d:00:00/,
      ),
      '    not found: codex',
      'summary  3 runtimes · 1 endpoint · 2 workers · sandbox bubblewrap · receipts on · budget $2 a dispatch, $50 a day',
      'ready  pancode 0.1.0 in 180 ms',
    ]);
  });

  it.each([80, 60, 40])('is aligned and loses nothing at %i columns', (width) => {
    const lines = report(width);
    expect(lines.filter((line) => line.length > width && !/^(ok|--) /.test(line))).toEqual([]);
    expect(lines.join(' ').replace(/\s+/g, ' ')).toContain('which opens a browser and waits for you there');
    const states = lines.filter((line) => /^(ok|--) /.test(line)).map((line) => line.search(/ready|auth-req|unavail/));
    expect(new Set(states).size).toBe(1);
  });

  it('says loudly that nothing holds, and what to do where nothing is ready', () => {
    expect(report(140, { sandbox: { backend: 'none', version: null } }).join()).toContain('UNSANDBOXED');
    const empty = report(80, { fleet: fleetOf([runtime('native')], []) }).join(' ');
    expect(empty).toContain('no model is ready');
    expect(empty).toContain('ANTHROPIC_API_KEY');
  });

  it('names three models and counts the rest', () => {
    const models = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }));
    const lines = report(140, { fleet: fleetOf([runtime('native')], [endpoint('lab', models)]) });
    expect(lines[0]).toContain('lab/a, lab/b, lab/c, and 2 more');
  });

  it('shows no control characters of a model’s name', () => {
    const lines = report(140, { fleet: fleetOf([runtime('native')], [endpoint('lab', [{ id: 'm\u001b[2J\nx' }])]) });
    expect(lines.join('\n')).not.toContain('\u001b');
    expect(lines[0]).toContain('lab/m␊x');
  });
});

describe('the fleet as text', () => {
  it('says of each that is not ready why, when it is tried again and what to do', () => {
    const text = fleetText(fleet, 100).replace(/\s+/g, ' ');
    expect(text).toMatch(/unavailable it answered HTTP 503; not chosen until \d\d:00:00, but --worker ID tries it now/);
    expect(text).toContain('native/lab/m1 unavailable, as lab is');
    expect(text).toContain('no "codex" on PATH');
    expect(text).not.toContain('secret');
    expect(
      fleetText(fleet, 80)
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });

  it('has an empty state that says what to do', () => {
    expect(fleetText(fleetOf([], []), 80).replace(/\s+/g, ' ')).toContain('pancode config path');
    expect(modelsText([], 80).replace(/\s+/g, ' ')).toContain('No model is known');
  });
});

it('models are a table in which unknown is `?` and never 0', () => {
  const common = { state: 'ready' as const, reason: null, tier: 'small' as const, workers: ['native/lab/m'] };
  const text = modelsText(
    [
      {
        ...common,
        id: 'm',
        endpoint: 'lab',
        provider: 'x',
        context: null,
        trainedContext: null,
        loaded: null,
        tools: null,
        price: null,
      },
      {
        ...common,
        id: 'n',
        endpoint: 'ollama',
        provider: 'ollama',
        context: 8_192,
        trainedContext: 131_072,
        loaded: true,
        tools: false,
        price: { input: 0, output: 0, table: 'this machine' },
      },
      {
        ...common,
        id: 'o',
        endpoint: null,
        provider: null,
        context: 1_000_000,
        trainedContext: null,
        loaded: null,
        tools: true,
        price: { input: 3, output: 15, table: 'x' },
        workers: ['claude-code/o'],
      },
    ],
    120,
  ).split('\n');
  expect(text.map((line) => line.split(/ {2,}/))).toEqual([
    ['MODEL', 'FROM', 'WINDOW', 'TRAINED', 'TOOLS', 'LOADED', 'TIER', '$/M IN/OUT', 'STATE'],
    ['m', 'lab', '?', '?', '?', '?', 'small', '?', 'ready'],
    ['n', 'ollama', '8k', '128k', 'no', 'yes', 'small', 'free', 'ready'],
    ['o', 'claude-code', '1M', '?', 'yes', '?', 'small', '3/15', 'ready'],
  ]);
});

it.each([
  [null, null],
  [512, '512'],
  [4_096, '4k'],
  [8_000, '8k'],
  [131_072, '128k'],
  [200_000, '200k'],
  [1_048_576, '1M'],
])('tokens(%s) is %s', (count, text) => expect(tokens(count)).toBe(text));

it('a window that is not in use yet is shown as a limit', () => {
  const model = { id: 'm', context: null, trainedContext: 131_072, loaded: false, tools: null, tier: 'any' as const };
  expect(modelFacts(model)).toBe(' (up to 128k)');
  expect(modelFacts({ ...model, trainedContext: null })).toBe('');
});

it('what is down is tried at every use', () => {
  expect(said({ state: 'unavailable', reason: 'nobody there', retryAt: '2026-11-25T10:00:05.000Z' })).toMatch(
    /^nobody there; tried again at every use from \d\d:00:05$/,
  );
});

it('wrap keeps every word and breaks what is too long', () => {
  expect(wrap('a bb ccc', Number.POSITIVE_INFINITY)).toEqual(['a bb ccc']);
  expect(wrap('', 80)).toEqual([]);
  const long = wrap(`word ${'x'.repeat(50)}`, 24, '  ');
  expect(long.every((line) => line.length <= 24)).toBe(true);
  expect(long.join('').replace(/\s/g, '')).toBe(`word${'x'.repeat(50)}`);
});
