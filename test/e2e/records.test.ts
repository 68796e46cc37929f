/** Receipts, costs, presets and configuration from the command line, on the built program. No dispatch runs here. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Costs } from '../../src/core/costs.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { createUser, PROGRAM, type User } from '../fixtures/pancode.ts';
import { testReceipt } from '../fixtures/receipt.ts';

let user: User;
let config: string;
beforeAll(() => {
  user = createUser();
  config = path.join(user.root, 'pancode', 'config', 'config.yaml');
  fs.writeFileSync(config, '# mine\n');
});
afterAll(() => user.close());

type Change = { agent: string; ended: string; usd: number | null; billing: Receipt['cost']['billing'] };
const receipt = (id: string, { agent, ended, usd, billing }: Change) => {
  const base = testReceipt(id);
  return {
    ...base,
    agent: { ...base.agent, name: agent },
    cost: { usd, grade: usd === null ? 'unknown' : 'priced', billing, priceTable: null },
    time: { ...base.time, ended },
  };
};
const fails = async (args: string[], options: { cwd?: string; env?: Record<string, string> } = {}) => {
  const { code, value } = await user.json<{ error: { code: string; what: string; do: string } }>(args, options);
  const text = await user.pancode(args, options);
  // The same sentence and exit status for a person, and never a stack.
  expect(text.code).toBe(code);
  expect(text.stderr).toBe(`${value.error.what} ${value.error.do}\n`);
  expect(text.stdout).toBe('');
  return { exit: code, ...value.error };
};

describe('receipts and costs', () => {
  const file = () => path.join(user.home, 'other home.jsonl');

  it('say in a fresh home what to do next', async () => {
    for (const args of [['receipts'], ['costs'], ['costs', '--by', 'day', '--since', '7d']]) {
      const { code, stdout } = await user.pancode(args);
      expect([code, stdout]).toEqual([0, expect.stringContaining('pancode dispatch')]);
    }
    expect((await user.json(['costs'])).value).toMatchObject({ total: { usd: 0, known: 0, unknown: 0 }, groups: [] });
    expect((await user.pancode(['receipts', 'verify'])).stdout).toContain('no receipts yet');
  });

  it('import from a file and from a pipe, once', async () => {
    const lines = [
      receipt('01A', { agent: 'builder', ended: '2026-03-01T22:30:00.000Z', usd: 1.5, billing: 'api' }),
      receipt('01B', { agent: 'builder', ended: '2026-03-02T10:00:00.000Z', usd: null, billing: 'api' }),
      receipt('01C', { agent: 'scout', ended: '2026-03-02T11:00:00.000Z', usd: 1.7, billing: 'simulated' }),
    ].map((one) => JSON.stringify(one));
    fs.writeFileSync(file(), `${lines.slice(0, 2).join('\n')}\n`);
    expect((await user.json(['receipts', 'import', file()])).value).toMatchObject({ imported: 2, known: 0 });
    const piped = spawnSync(process.execPath, [PROGRAM, 'receipts', 'import', '-', '--json'], {
      env: user.env,
      cwd: user.project,
      input: lines.join('\n'),
      encoding: 'utf8',
    });
    expect(JSON.parse(piped.stdout)).toMatchObject({ imported: 1, known: 2 });
    expect((await user.json(['receipts', 'verify'])).value).toEqual({ lines: 3, faults: [] });
    expect(fs.readdirSync(path.join(user.root, 'pancode', 'cache', 'import'))).toEqual([]);
    expect((await user.pancode(['receipts'])).stdout).toContain('(imported) Do it.');
    expect((await user.pancode(['receipts', 'show', '01A'])).stdout).toContain('from another home');
  });

  it('refuse a bad line by its number, and what is no file', async () => {
    fs.appendFileSync(file(), '{"schema":1}\n');
    expect(await fails(['receipts', 'import', file()])).toMatchObject({
      exit: 2,
      what: expect.stringContaining('Line 3'),
    });
    expect((await fails(['receipts', 'import', '/nonexistent'])).exit).toBe(2);
    expect((await fails(['receipts', 'import', user.home])).exit).toBe(2);
    fs.writeFileSync(file(), 'x'.repeat(17 * 2 ** 20));
    expect((await fails(['receipts', 'import', file()])).what).toContain('Line 1 is longer');
    expect((await user.json(['receipts', 'verify'])).value).toEqual({ lines: 3, faults: [] });
  });

  it('are added up with what nobody knows apart, simulated money labelled', async () => {
    const { value } = await user.json<Costs>(['costs']);
    expect(value.total).toMatchObject({ usd: 3.2, known: 2, unknown: 1, spentUsd: 1.5 });
    expect(value.groups.map(({ key, usd, known, unknown }) => ({ key, usd, known, unknown }))).toEqual([
      { key: 'scout', usd: 1.7, known: 1, unknown: 0 },
      { key: 'builder', usd: 1.5, known: 1, unknown: 1 },
    ]);
    const { stdout } = await user.pancode(['costs']);
    expect(stdout).toContain('$3.20 known, 1 unknown');
    expect(stdout).toMatch(/simulated +\$1\.70 at list price: SIMULATED, nothing was spent/);
    expect((await user.json<Costs>(['costs', '--since', '2026-03-02T10:30:00Z'])).value.total).toMatchObject({
      known: 1,
    });
  });

  it('count days where the person is', async () => {
    const days = async (TZ: string) =>
      (await user.json<Costs>(['costs', '--by', 'day'], { env: { TZ } })).value.groups.map(({ key }) => key);
    expect(await days('UTC')).toEqual(['2026-03-02', '2026-03-01']);
    expect(await days('Europe/Berlin')).toEqual(['2026-03-02', '2026-03-01']);
    expect(await days('Asia/Kathmandu')).toEqual(['2026-03-02']);
    const since = async (TZ: string) =>
      (await user.json<Costs>(['costs', '--since', '2026-03-02'], { env: { TZ } })).value.total;
    expect(await since('UTC')).toMatchObject({ known: 1, unknown: 1 });
    expect(await since('Asia/Kathmandu')).toMatchObject({ known: 2, unknown: 1 });
  });

  it('are filtered, and a name that is none gets the nearest', async () => {
    const ids = async (...args: string[]) =>
      (await user.json<{ receipts: Receipt[] }>(['receipts', ...args])).value.receipts.map(({ id }) => id);
    expect(await ids('--agent', 'builder')).toEqual(['01B', '01A']);
    expect(await ids('--agent', 'builder', '--limit', '1')).toEqual(['01B']);
    expect(await ids('--worker', 'native/lab/m1', '--since', '2026-03-02T10:30Z')).toEqual(['01C']);
    expect(await ids('--agent', 'reviewer')).toEqual([]);
    expect(await ids('--status', 'failed')).toEqual([]);
    for (const [args, near] of [
      [['--agent', 'bilder'], 'builder'],
      [['--worker', 'native/lab/m2'], 'native/lab/m1'],
      [['--status', 'succeded'], 'succeeded'],
      [['--limit', '0'], 'whole number'],
      [['--limit', '10001'], '10000'],
      [['--since', 'yesterday'], '24h'],
      [['--since', '2026-02-30'], '24h'],
    ] as const) {
      const { exit, what, do: fix } = await fails(['receipts', ...args]);
      expect([exit, `${what} ${fix}`]).toEqual([2, expect.stringContaining(near)]);
    }
  });

  it('verify names the line somebody changed without a daemon, and rebuild reads the file again', async () => {
    const chain = path.join(user.state, 'receipts.jsonl');
    const whole = fs.readFileSync(chain, 'utf8');
    await user.pancode(['daemon', 'stop']);
    fs.writeFileSync(chain, whole.replace('"usd":1.5', '"usd":0.5'));
    const { code, value } = await user.json<{ faults: { line: number }[] }>(['receipts', 'verify']);
    expect([code, value.faults.map(({ line }) => line)]).toEqual([1, [1]]);
    expect((await user.pancode(['daemon', 'status'])).stdout).toContain('does not run');
    expect((await user.json(['receipts', 'rebuild'])).value).toMatchObject({ receipts: 3, unreadable: 0 });
    expect((await user.json<Costs>(['costs'])).value.total.usd).toBe(2.2);
    fs.writeFileSync(chain, whole);
    await user.pancode(['receipts', 'rebuild']);
    expect((await user.json<Costs>(['costs'])).value.total.usd).toBe(3.2);
  });
});

describe('presets', () => {
  interface Presets {
    presets: { name: string; active: boolean; from: string }[];
    active: string;
    source: string;
  }
  it('are listed with the one in use, and chosen without touching anything else', async () => {
    fs.writeFileSync(config, '# mine\nbudget: {day: 3} # tight\npresets:\n  night: {safety: suggest}\n');
    const list = async () => (await user.json<Presets>(['preset', 'list'])).value;
    expect((await list()).presets.map(({ name, active, from }) => [name, active, from])).toEqual([
      ['local', false, 'shipped'],
      ['cloud', false, 'shipped'],
      ['hybrid', true, 'shipped'],
      ['review-only', false, 'shipped'],
      ['night', false, 'user'],
    ]);
    expect((await user.json(['preset', 'use', 'night'])).value).toMatchObject({ preset: 'night', shadowed: [] });
    expect(await list()).toMatchObject({ active: 'night', source: 'user' });
    expect(fs.readFileSync(config, 'utf8')).toBe(
      '# mine\nbudget: { day: 3 } # tight\npresets:\n  night: { safety: suggest }\npreset: night\n',
    );
    expect((await user.json(['config', 'get', 'safety'])).value).toEqual({ value: 'suggest', source: 'preset:night' });
    expect((await fails(['preset', 'use', 'nigth'])).what).toContain('"night"');
    expect((await user.pancode(['preset', 'list'])).stdout).toMatch(/^\* +night +user +safety suggest$/m);
  });

  it('do what they say: local excludes every cloud whatever the file excludes besides, review-only refuses writers', async () => {
    fs.writeFileSync(config, 'route: {never: [codex]}\n');
    await user.pancode(['preset', 'use', 'local']);
    expect((await user.json(['config', 'get', 'route.never'])).value).toMatchObject({ value: ['cloud', 'codex'] });
    await user.pancode(['preset', 'use', 'review-only']);
    expect((await user.json(['config', 'get', 'mode'])).value).toEqual({
      value: 'review',
      source: 'preset:review-only',
    });
    fs.writeFileSync(config, 'mode: build\n');
    const { stdout } = await user.pancode(['preset', 'use', 'review-only']);
    expect(stdout).toContain('It does not decide mode: your file says "build".');
  });

  it('and a worker elsewhere is refused under local, even by name', async () => {
    const endpoints = [
      { id: 'far', provider: 'openai-compatible', url: 'http://192.0.2.1/v1', models: [{ id: 'm1' }] },
    ];
    user.configure({ discover: false, endpoints });
    user.git('init', '-q');
    const { exit, what } = await fails(['dispatch', 'scout', 'x', '--preset', 'local', '--worker', 'native/far/m1']);
    // Refused by the rule where its server answers, and not reachable in a test where it does not: never accepted.
    expect([exit, what]).toEqual([
      expect.toSatisfy((code) => code === 3 || code === 5),
      expect.stringContaining('far'),
    ]);
  });
});

describe('a configuration file that is none', () => {
  it.each([
    ['a directory', () => fs.mkdirSync(config), 'is a directory'],
    ['10 MB', () => fs.writeFileSync(config, `a: ${'x'.repeat(10 * 2 ** 20)}`), 'more than the 256 kB'],
    ['a pipe', () => spawnSync('mkfifo', [config]), 'no regular file'],
    ['a key twice', () => fs.writeFileSync(config, 'mode: plan\nmode: build\n'), 'stands twice'],
  ])('%s is one sentence, exit 2, in every command', async (_, make, sentence) => {
    fs.rmSync(config, { recursive: true, force: true });
    make();
    try {
      for (const args of [
        ['config', 'get', 'mode'],
        ['config', 'set', 'mode', 'plan'],
        ['preset', 'list'],
        ['fleet'],
      ]) {
        const { exit, what } = await fails(args);
        expect([args, exit, what]).toEqual([args, 2, expect.stringContaining(sentence)]);
      }
    } finally {
      fs.rmSync(config, { recursive: true, force: true });
    }
  });
});

describe('the command line', () => {
  it('has for every command a help with an example, within 80 columns', async () => {
    const { stdout } = await user.pancode(['--help']);
    const names = [...stdout.matchAll(/^ {2}([a-z][a-z-]*)[^\n]*? {2,}\S/gm)].map(([, name]) => name as string);
    expect(names.length).toBeGreaterThan(20);
    const pages: string[][] = names.map((name) => [name]);
    for (const page of pages) {
      const help = (await user.pancode([...page, '--help'])).stdout;
      expect([page, help.includes(`Usage: pancode ${page.join(' ')}`)]).toEqual([page, true]);
      expect([page, help.match(/\nExamples:\n {2}\S/g)?.length]).toEqual([page, 1]);
      const own = help.slice(0, help.indexOf('\nExamples:'));
      expect([page, own.split('\n').filter((line) => line.length > 80)]).toEqual([page, []]);
      const below = /\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(own)?.[1] ?? '';
      for (const [, name] of below.matchAll(/^ {2}([a-z][a-z-]*)/gm)) pages.push([...page, name as string]);
    }
    expect(pages.length).toBeGreaterThan(names.length + 8);
  });

  it.each([
    [['costs', '--bye', 'day'], '--by'],
    [['receipts', 'shw'], 'show'],
    [['config', 'gett', 'mode'], 'get'],
    [['--jsn', 'ps'], '--json'],
    [['completion', 'bsh'], 'bash'],
    [['costs', '--by', 'dy'], 'day'],
    [['prompt', 'show', 'builder', '--tier', 'smal'], 'small'],
  ])('%j gets the nearest valid one', async (args, near) => {
    const { exit, what } = await fails(args);
    expect([exit, what]).toEqual([2, expect.stringContaining(near)]);
  });

  it('ends quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'config', 'schema'], { env: user.env, cwd: user.project });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, stderr]).toEqual([0, '']);
  });

  it('writes no colour, whatever is asked', async () => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR'])
      expect((await user.pancode(['receipts', '--no-color'], { env: { [name]: '3' } })).stdout).not.toContain('\x1b');
  });

  it('shows the prompt of an agent as another tier gets it', async () => {
    const bytes = async (...args: string[]) =>
      (await user.json<{ bytes: number }>(['prompt', 'show', 'reviewer', ...args])).value.bytes;
    expect(await bytes('--tier', 'small')).toBeLessThan(await bytes('--tier', 'frontier'));
  });

  it('completes from what is really there', async () => {
    const words = async (what: string) => (await user.pancode(['completion-words', what])).stdout.trim().split('\n');
    expect(await words('agents')).toContain('builder');
    expect(await words('presets')).toContain('local');
    expect(await words('keys')).toContain('budget.dispatch');
    expect(await words('ids')).toEqual(['01C', '01B', '01A']);
    expect(await words('workers')).toEqual(['native/lab/m1']);
    await user.pancode(['daemon', 'stop']);
    expect(await words('ids')).toEqual(['']);
    expect((await user.pancode(['daemon', 'status'])).stdout).toContain('does not run');
    const script = (await user.pancode(['completion', 'bash'])).stdout;
    expect(spawnSync('bash', ['-n'], { input: script }).status).toBe(0);
    expect(script).toContain("'receipts import'");
  });
});
