/** The fleet through the built program: engines that pose, services that fail, what a person takes out, and the boot report on a terminal. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Simulated, startSimulated } from '../../src/drivers/simulated/server.ts';
import type { Fleet, ModelRow } from '../../src/protocol/fleet.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { createUser, dirtyRepository, PROGRAM, type User } from '../fixtures/pancode.ts';

let user: User;
let model: Simulated;
const start = async (script: object, endpoint: object = {}) => {
  model = await startSimulated({ script });
  user.configure({
    discover: false,
    endpoints: [{ id: 'lab', provider: 'openai-compatible', url: model.url, models: [{ id: 'm1' }], ...endpoint }],
    prices: { 'lab/m1': { input: 1, output: 2 } },
  });
};
beforeEach(() => {
  user = createUser();
  dirtyRepository(user);
});
afterEach(async () => {
  await user.close();
  await model?.close();
});
const fleetOf = async (...args: string[]) => (await user.json<Fleet>(['fleet', ...args])).value;
const scout = (...args: string[]) => user.json<Receipt>(['dispatch', 'scout', 'Look.', ...args]);
const LIMIT = { conversations: [{ turns: [{ fail: [{ status: 429, retryAfter: 3_000 }], text: 'Hello.' }] }] };

describe('a service at its limit', () => {
  it('is left alone with a reason and a time; its worker is refused, and forced by name with a warning', async () => {
    await start(LIMIT);
    const first = await scout();
    expect([first.code, first.value.outcome.status]).toEqual([4, 'rate-limited']);
    const [worker] = (await fleetOf()).workers;
    expect(worker).toMatchObject({ state: 'unavailable', cooling: true, reason: expect.stringContaining('429') });
    expect(Date.parse(worker!.retryAt!)).toBeGreaterThan(Date.now());
    expect((await user.pancode(['fleet'])).stdout.replace(/\s+/g, ' ')).toContain('not chosen until');

    const refused = await user.json<{ error: { what: string; do: string } }>(['dispatch', 'scout', 'Look.']);
    expect(refused.code).toBe(5);
    expect(refused.value.error.what).toContain(`left alone until ${worker!.retryAt}`);
    expect(refused.value.error.do).toContain('--worker native/lab/m1');

    const forced = await scout('--worker', 'native/lab/m1');
    expect([forced.code, forced.value.result]).toEqual([0, 'Hello.']);
    expect(forced.stderr).toContain('Warning: native/lab/m1 failed lately');
    expect(forced.value.route.reason).toContain('failed lately');
    // Its good answer was news.
    expect((await fleetOf()).workers[0]).toMatchObject({ state: 'ready', retryAt: null });
  });
});

it('what is cordoned is used by nobody until it is brought back, over a restart of the daemon', async () => {
  await start({ conversations: [{ turns: [{ text: 'Hello.' }] }] });
  for (const id of ['lab', 'native', 'native/lab/m1']) {
    expect(await user.json(['cordon', id])).toMatchObject({ code: 0, value: { cordoned: [id] } });
    expect((await fleetOf()).workers).toMatchObject([{ state: 'cordoned' }]);
    await user.pancode(['daemon', 'stop']);
    for (const named of [[], ['--worker', 'native/lab/m1']]) {
      const refused = await user.json<{ error: { what: string } }>(['dispatch', 'scout', 'Look.', ...named]);
      expect([refused.code, refused.value.error.what]).toEqual([5, expect.stringContaining(`pancode uncordon ${id}`)]);
    }
    expect(await user.json(['uncordon', id])).toMatchObject({ code: 0, value: { cordoned: [] } });
    expect((await scout()).code).toBe(0);
  }
  expect((await user.json(['cordon', 'lap'])).code).toBe(2);
  expect((await user.json(['uncordon', 'lab'])).code).toBe(2);
});

it('an engine found by looking is used, also on another engine’s port, and nothing of it is loaded by looking', async () => {
  const models = [
    { id: 'm1:8b', context: 32_768, loaded: true },
    { id: 'm2:8b', loaded: false },
  ];
  await start({ pose: { engine: 'lmstudio', models }, conversations: [{ turns: [{ text: 'Hello.' }] }] });
  user.configure({});
  const env = { OLLAMA_HOST: new URL(model.url).host };
  const fleet = (await user.json<Fleet>(['fleet', '--refresh'], { env })).value;
  expect(fleet.endpoints.find(({ url }) => url === model.url)).toMatchObject({
    id: 'lmstudio',
    provider: 'lmstudio',
    state: 'ready',
    models: [
      { id: 'm1:8b', loaded: true, context: 32_768 },
      { id: 'm2:8b', loaded: false, context: null },
    ],
  });
  const { code, value } = await user.json<Receipt>(
    ['dispatch', 'scout', 'Look.', '--worker', 'native/lmstudio/m1:8b'],
    { env },
  );
  expect([code, value.result, value.worker.endpoint]).toEqual([0, 'Hello.', 'lmstudio']);
  expect(value.usage.output).toBe(model.sent.output);
});

it('models lists windows, tools and prices', async () => {
  await start(
    {
      pose: { engine: 'ollama', models: [{ id: 'm1', context: 8_192, trainedContext: 40_960 }] },
      conversations: [{ turns: [{ text: 'x' }] }],
    },
    { provider: 'ollama', models: undefined },
  );
  const { models } = (await user.json<{ models: ModelRow[] }>(['models'])).value;
  expect(models).toMatchObject([
    {
      id: 'm1',
      endpoint: 'lab',
      provider: 'ollama',
      context: 8_192,
      trainedContext: 40_960,
      tools: true,
      loaded: true,
      price: { input: 1, output: 2, table: 'config' },
      workers: ['native/lab/m1'],
    },
  ]);
  expect((await user.pancode(['models'])).stdout).toMatch(/m1 +lab +8k +40k +yes +yes +small +1\/2 +ready/);
});

it('a program on no PATH runs with what lies beside it', async () => {
  await start({ conversations: [{ turns: [{ text: 'x' }] }] });
  const bin = path.join(user.home, '.nvm', 'versions', 'node', 'v24.0.0', 'bin');
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(path.join(bin, 'codex'), '#!/usr/bin/env companion\n', { mode: 0o755 });
  fs.writeFileSync(path.join(bin, 'companion'), '#!/bin/sh\necho codex-cli 0.169.0\n', { mode: 0o755 });
  user.configure({ endpoints: [] });
  const codex = (await fleetOf('--refresh')).runtimes.find(({ id }) => id === 'codex');
  expect(codex).toMatchObject({
    path: path.join(bin, 'codex'),
    version: '0.169.0',
    reason: expect.stringContaining(`not on PATH: found in ${bin}`),
  });
});

/** util-linux; elsewhere it takes other arguments. */
const script = fs.existsSync('/usr/bin/script') && process.platform === 'linux';
const onTerminal = async (args = '') =>
  (
    await promisify(execFile)(
      '/usr/bin/script',
      ['-qec', `stty cols 80; '${process.execPath}' '${PROGRAM}' ${args}`, '/dev/null'],
      { cwd: user.project, env: { ...user.env, TERM: 'xterm', SHELL: '/bin/sh' }, encoding: 'utf8' },
    )
  ).stdout;

it.skipIf(!script)(
  'on a terminal of 80 columns the tables still say how a dispatch stands',
  async () => {
    const id = 'm'.repeat(30);
    const turns = [{ calls: [{ write: { path: 'new.txt', content: 'x' } }] }, { text: 'Done.' }];
    await start({ conversations: [{ turns }] }, { models: [{ id, tier: 'frontier' }] });
    const suggest = ['dispatch', 'builder', 'Write.', '--worker', `native/lab/${id}`, '--safety', 'suggest'];
    expect((await user.json<Receipt>(suggest)).value.outcome?.status).toBe('needs-approval');
    expect(await onTerminal('receipts')).toMatch(/ builder +needs-approval +\S+ /);
    expect((await user.pancode([...suggest, '--detach'])).code).toBe(0);
    await expect.poll(() => onTerminal('ps'), { timeout: 60_000 }).toMatch(/ builder +waiting-question +\d\d:/);
  },
  120_000,
);

it.skipIf(!script)('on a terminal the bare command reports the start, at 80 columns', async () => {
  await start({ conversations: [{ turns: [{ text: 'x' }] }] });
  expect((await fleetOf('--refresh')).workers).toMatchObject([{ id: 'native/lab/m1', state: 'ready' }]);
  const shown = await onTerminal();
  const lines = shown.split(/\r?\n/);
  expect(lines[0]).toBe('booting control plane…');
  expect(lines).toContainEqual(expect.stringMatching(/^ok {2}native +NATIVE +ready +lab\/m1$/));
  expect(lines).toContainEqual(
    expect.stringMatching(/^summary {2}1 runtime · 1 endpoint · 1 worker · sandbox bubblewrap/),
  );
  expect(lines).toContainEqual(expect.stringMatching(/^ready {2}pancode \d+\.\d+\.\d+\S* in \d+ ms$/));
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(shown).not.toContain('\u001b');
});
