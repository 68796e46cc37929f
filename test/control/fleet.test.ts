import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFleet, type FleetContext } from '../../src/control/fleet.ts';
import { PROVIDERS } from '../../src/control/providers.ts';
import { DEFAULTS } from '../../src/core/config.ts';
import type { Runtime } from '../../src/core/contracts.ts';
import type { Config } from '../../src/protocol/config.ts';
import { processesOf } from '../fixtures/claude-code.ts';
import { ALL_CAN } from '../fixtures/fleet.ts';
import { nobody, pose, routes } from '../fixtures/http-server.ts';
import { put, tempDir } from '../fixtures/temp.ts';
import { until } from '../fixtures/workers.ts';

const dir = tempDir();
let n = 0;

const adapter = (id: string, wire: Runtime['wire'], programs: string[]): Runtime => ({
  id,
  can: ALL_CAN,
  programs,
  wire,
  async probe(program, host) {
    if (program === '') return { version: '1.0.0', state: 'ready', reason: null, installRoots: [], models: [] };
    const { stdout } = await host.run(program, ['--version'], { timeoutMs: 1_000 });
    const version = /^[\d.]+/.exec(stdout)?.[0] ?? null;
    return {
      version,
      state: version === null ? 'unavailable' : 'ready',
      reason: version === null ? 'it did not say its version' : null,
      installRoots: ['/opt/x'],
      models: [{ id: 'claude-sonnet-5', tier: 'frontier' }],
    };
  },
  async *run() {
    yield { type: 'end', ok: false, status: 'failed', reason: 'not in this test', answer: null, turns: null };
  },
});

async function world(options: {
  programs?: Record<string, string>;
  config?: Partial<Config>;
  keys?: Record<string, string>;
}) {
  const base = join(dir, String(n++));
  for (const [name, script] of Object.entries(options.programs ?? {}))
    await put(join(base, 'bin', name), `#!/bin/sh\n${script}\n`, 0o755);
  // Nobody listens there, so the tests do not depend on an Ollama of this machine.
  const noOllama = { OLLAMA_HOST: new URL(await nobody()).host };
  const context: FleetContext = {
    config: { ...DEFAULTS, ...options.config },
    path: `${join(base, 'bin')}:/usr/bin:/bin`,
    home: join(base, 'home'),
    keys: { ...noOllama, ...options.keys },
  };
  const cacheFile = join(base, 'cache', 'probes.json');
  let time = 0;
  const open = () =>
    createFleet({
      runtimes: [adapter('native', null, []), adapter('claude-code', 'anthropic-messages', ['claude'])],
      providers: PROVIDERS,
      cacheFile,
      now: () => time,
    });
  return { base, context, cacheFile, open, fleet: open(), later: (ms: number) => (time += ms) };
}
const state = (
  fleet: { runtimes: { id: string; state: string; version: string | null; reason: string | null }[] },
  id: string,
) => {
  const { state: is, version, reason } = fleet.runtimes.find((one) => one.id === id)!;
  return { state: is, version, reason };
};

describe('the CLIs', () => {
  it('are found at once, asked in the background, and never wait for one that hangs or talks nonsense', async () => {
    const { context, fleet, base } = await world({
      programs: {
        claude: 'echo "2.1.197 (Claude Code)"',
        codex: 'echo codex-cli 0.169.0',
        gemini: 'sleep 600 & sleep 600',
        opencode: 'head -c 300000 /dev/urandom',
        copilot: 'echo "no idea" >&2; exit 3',
      },
      keys: { ANTHROPIC_API_KEY: 'k' },
    });
    expect(fleet.snapshot(context).runtimes.map(({ id }) => id)).toEqual([
      'native',
      'claude-code',
      'codex',
      'gemini',
      'opencode',
      'copilot',
    ]);
    const partial = await fleet.fresh(context, {
      until: (seen) => state(seen, 'claude-code').state === 'ready' && state(seen, 'codex').version !== null,
    });
    expect(state(partial, 'claude-code')).toEqual({ state: 'ready', version: '2.1.197', reason: null });
    expect(state(partial, 'codex')).toEqual({
      state: 'unsupported',
      version: '0.169.0',
      reason: 'found; its adapter is not built yet',
    });
    const whole = await fleet.fresh(context);
    for (const id of ['gemini', 'opencode', 'copilot'])
      expect(state(whole, id)).toMatchObject({ state: 'unsupported', version: null });
    expect(whole.runtimes.find(({ id }) => id === 'gemini')!.path).toBe(join(base, 'bin/gemini'));
    expect(whole.workers.map(({ id }) => id)).toEqual([
      ...PROVIDER_MODELS.map((id) => `native/anthropic/${id}`),
      'claude-code/claude-sonnet-5',
    ]);
    expect(fleet.program('claude-code', context)).toEqual({ path: join(base, 'bin/claude'), installRoots: ['/opt/x'] });
    expect(fleet.program('gemini', context)).toMatchObject({ installRoots: [] });
  });

  it('end when the fleet is closed, and what they half said is not believed', async () => {
    const { context, fleet, base, cacheFile } = await world({
      programs: { codex: `touch '${join(dir, 'asked')}'; echo codex-cli 0.169.0; sleep 600` },
    });
    const whole = fleet.fresh(context);
    await until(() => existsSync(join(dir, 'asked')));
    await fleet.close();
    await whole;
    await until(() => processesOf(join(base, 'cache', 'probe-home')).length === 0);
    expect(existsSync(cacheFile)).toBe(false);
  });

  it('leave nothing running and nothing in the user’s home', async () => {
    const { context, fleet, base } = await world({
      programs: {
        codex: `echo 1.2.3; touch "$HOME/was-here"; echo "$HOME" > '${join(dir, 'asked-in')}'; sleep 300 & echo $! > '${join(dir, 'left')}'`,
      },
    });
    await fleet.fresh(context);
    const pid = Number(await readFile(join(dir, 'left'), 'utf8'));
    const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone');
    // A killed process whose parent has not collected it yet is a zombie, and as dead.
    expect(status).toMatch(/^gone$|\) [ZX] /);
    expect(await readFile(join(dir, 'asked-in'), 'utf8')).toBe(`${join(base, 'cache/probe-home')}\n`);
  });

  it('are asked once: the answer is kept by fingerprint over restarts, and lost with a broken cache only', async () => {
    const counter = join(dir, `count${n}`);
    const { context, fleet, open, cacheFile, base } = await world({
      programs: { codex: `echo x >> '${counter}'; echo 1.0.0` },
    });
    const asked = async () => (await readFile(counter, 'utf8')).split('\n').length - 1;
    await fleet.fresh(context);
    await fleet.fresh(context);
    await fleet.settled();
    expect(await asked()).toBe(1);
    const second = open();
    expect(state(await second.fresh(context), 'codex').version).toBe('1.0.0');
    expect(await asked()).toBe(1);
    second.forget();
    await second.fresh(context);
    expect(await asked()).toBe(2);
    await second.settled();
    await put(join(base, 'bin/codex'), `#!/bin/sh\necho 2.0.0-beta.1\n`, 0o755);
    second.forget();
    expect(state(await second.fresh(context), 'codex').version).toBe('2.0.0-beta.1');
    await second.settled();
    await put(cacheFile, '{"schema":1,"probes":{"x":5}}');
    expect(state(await open().fresh(context), 'codex').version).toBe('2.0.0-beta.1');
  });

  it('say what is missing', async () => {
    const { context, fleet } = await world({ programs: { claude: 'echo 1.0' } });
    const seen = await fleet.fresh(context);
    expect(state(seen, 'claude-code')).toEqual({
      state: 'auth-required',
      version: '1.0',
      reason: 'no key: set ANTHROPIC_API_KEY, or runtimes.claude-code.baseUrl',
    });
    expect(state(seen, 'codex')).toMatchObject({ state: 'unavailable', reason: 'no "codex" on PATH' });
  });

  it('follow the configuration', async () => {
    const { context, fleet, base } = await world({ programs: { codex: 'echo 1.0.0', gemini: 'echo 1.0.0' } });
    const own = await put(join(base, 'opt/my claude'), '#!/bin/sh\necho 3.0\n', 0o755);
    const with_ = (config: Partial<Config>, keys = context.keys) =>
      fleet.fresh({ ...context, keys, config: { ...DEFAULTS, ...config } });
    const only = await with_({
      discover: false,
      runtimes: {
        'claude-code': { path: own, baseUrl: 'http://127.0.0.1:9/v1', models: ['m-next'] },
        gemini: { enabled: false },
        mine: { kind: 'acp', command: ['x'] },
      },
    });
    expect(only.runtimes.map(({ id, state: is }) => [id, is])).toEqual([
      ['native', 'ready'],
      ['claude-code', 'ready'],
      ['codex', 'unavailable'],
      ['gemini', 'cordoned'],
      ['opencode', 'unavailable'],
      ['copilot', 'unavailable'],
      ['mine', 'unsupported'],
    ]);
    expect(only.workers.map(({ id, state: is }) => [id, is])).toEqual([['claude-code/m-next', 'ready']]);
    const keyed = { path: own, baseUrl: 'http://127.0.0.1:9', apiKeyEnv: 'LAB_KEY' };
    expect(state(await with_({ runtimes: { 'claude-code': keyed } }), 'claude-code').reason).toContain('set LAB_KEY');
    expect(
      state(await with_({ runtimes: { 'claude-code': keyed } }, { ...context.keys, LAB_KEY: 'k' }), 'claude-code')
        .state,
    ).toBe('ready');
    expect(state(await with_({ runtimes: { 'claude-code': { path: '/nowhere/x' } } }), 'claude-code').reason).toContain(
      'no program that can be run',
    );
  });
});

const PROVIDER_MODELS = ['claude-sonnet-5', 'claude-opus-4-8', 'claude-haiku-4-5'];

describe('the endpoints', () => {
  const lab = (url: string, more: Partial<Config['endpoints'][number]> = {}) => ({
    config: { endpoints: [{ id: 'lab', provider: 'openai-compatible' as const, url, ...more }] },
  });

  it('are configured ones, and their models workers', async () => {
    const server = await pose(routes({ '/v1/models': { data: [{ id: 'listed' }] } }));
    const { context, fleet } = await world(
      lab(server.url, { models: [{ id: 'org/m1:free', context: 4_096, tier: 'small' }] }),
    );
    const seen = await fleet.fresh(context);
    expect(seen.endpoints).toMatchObject([
      {
        id: 'lab',
        state: 'ready',
        wire: 'openai-chat',
        openEnded: false,
        models: [{ id: 'org/m1:free', context: 4_096, tier: 'small' }],
      },
    ]);
    expect(seen.workers).toMatchObject([{ id: 'native/lab/org/m1:free', state: 'ready', tier: 'small' }]);
  });

  it.each([
    ['nobody there', {}, {}, 'unavailable', /no openai-compatible service answers/],
    ['a key that is not set', { apiKeyEnv: 'LAB_KEY' }, {}, 'auth-required', /LAB_KEY is not set/],
    ['a provider that is not built', { provider: 'google' as const }, {}, 'unsupported', /not built yet/],
  ])('%s: the worker is listed and says why', async (_name, more, keys, is, reason) => {
    const { context, fleet } = await world({ ...lab(await nobody(), { models: [{ id: 'm1' }], ...more }), keys });
    const seen = await fleet.fresh(context);
    expect(seen.endpoints).toMatchObject([{ state: is, reason: expect.stringMatching(reason) }]);
    expect(seen.workers).toMatchObject([{ id: 'native/lab/m1', state: is }]);
  });

  it('are not asked over and over, and come back when they do', async () => {
    const url = await nobody();
    const server = await pose(routes({ '/v1/models': { data: [{ id: 'm' }] } }));
    const { context, fleet, later } = await world(lab(server.url));
    await fleet.fresh(context);
    await fleet.fresh(context);
    expect(server.seen).toHaveLength(1);
    await server.close();
    later(20_000);
    expect((await fleet.fresh(context)).endpoints[0]!.state).toBe('unavailable');
    expect(url).toMatch(/^http/);
  });

  it('find Ollama by its answer, and leave it out where the configuration has it already', async () => {
    const table = {
      '/api/version': { version: '0.1' },
      '/api/tags': { models: [{ model: 'qwen3:8b' }] },
      '/api/ps': { models: [] },
    };
    const server = await pose(routes(table));
    const keys = { OLLAMA_HOST: new URL(server.url).host };
    const { context, fleet } = await world({ keys });
    expect((await fleet.fresh(context)).workers).toMatchObject([
      { id: 'native/ollama/qwen3:8b', tier: 'small', state: 'ready' },
    ]);
    const endpoints = [{ id: 'mine', provider: 'ollama' as const, url: `${server.url}/v1` }];
    const both = await fleet.fresh({ ...context, config: { ...DEFAULTS, endpoints } });
    expect(both.endpoints.map(({ id }) => id)).toEqual(['mine']);
    expect((await fleet.fresh({ ...context, config: { ...DEFAULTS, discover: false } })).endpoints).toEqual([]);
  });

  it('tell clients with other keys apart', async () => {
    const server = await pose((request, response) =>
      request.headers.authorization === 'Bearer good'
        ? response.end('{"data":[{"id":"m"}]}')
        : response.writeHead(401).end(),
    );
    const { context, fleet } = await world(lab(server.url, { apiKeyEnv: 'LAB_KEY' }));
    const as = async (key: string) =>
      (await fleet.fresh({ ...context, keys: { ...context.keys, LAB_KEY: key } })).endpoints[0]!.state;
    expect([await as('good'), await as('bad'), await as('good')]).toEqual(['ready', 'auth-required', 'ready']);
  });

  it('keep no key on disk', async () => {
    const { context, fleet, cacheFile } = await world({
      programs: { claude: 'echo 1.0' },
      keys: { ANTHROPIC_API_KEY: 'sk-very-secret' },
    });
    await fleet.fresh(context);
    await fleet.settled();
    expect(await readFile(cacheFile, 'utf8')).not.toContain('secret');
  });
});

it('answers at once with fifty clients while a service is silent', async () => {
  const server = await pose(() => {});
  const { context, fleet } = await world({
    config: { endpoints: [{ id: 'lab', provider: 'ollama', url: server.url, models: [{ id: 'm' }] }] },
  });
  const seen = Array.from({ length: 50 }, () => fleet.snapshot(context));
  expect(seen.every(({ endpoints }) => endpoints[0]!.state === 'unavailable')).toBe(true);
  expect((await fleet.fresh(context, { timeoutMs: 20 })).endpoints[0]!.reason).toBe('it has not answered yet');
  await fleet.settled();
});
