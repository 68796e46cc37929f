import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cordon, uncordon } from '../../src/control/cordons.ts';
import { createFleet, type FleetContext } from '../../src/control/fleet.ts';
import { PROVIDERS } from '../../src/control/providers.ts';
import { DEFAULTS } from '../../src/core/config.ts';
import type { Provider, Runtime } from '../../src/core/contracts.ts';
import { readCordons } from '../../src/drivers/cordon-file.ts';
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
  memoryMb: 100,
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
  providers?: readonly Provider[];
  discoveryMs?: number;
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
  const cordonFile = join(base, 'state', 'cordons.json');
  let time = 0;
  const open = () =>
    createFleet({
      runtimes: [adapter('native', null, []), adapter('claude-code', 'anthropic-messages', ['claude'])],
      providers: options.providers ?? PROVIDERS,
      cacheFile,
      now: () => time,
      // Long: a busy machine does not change what is found.
      discoveryMs: options.discoveryMs ?? 20_000,
      cordonFile,
    });
  return { base, context, cacheFile, cordonFile, open, fleet: open(), later: (ms: number) => (time += ms) };
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
    // A killed process whose parent has not collected it yet is a zombie, and as dead; one that was killed just now may still be counted.
    const dead = () => !existsSync(`/proc/${pid}/stat`) || /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    await until(() => {
      try {
        return dead();
      } catch {
        return true; // it went between the two looks
      }
    });
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
    expect(state(seen, 'codex')).toMatchObject({
      state: 'unavailable',
      reason: 'no "codex" on PATH or where installers put it',
    });
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
    ['a cloud service elsewhere', { provider: 'google' as const }, {}, 'unavailable', /no google service answers/],
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

  it('of this machine have only what they list; a service that lists nothing may have anything', async () => {
    const cloudOnly = { models: [{ model: 'big:cloud', remote_model: 'big', remote_host: 'https://ollama.com' }] };
    const server = await pose(routes({ '/api/version': { version: '0.1' }, '/api/tags': cloudOnly, '/v1/models': {} }));
    const open = async (provider: 'ollama' | 'openai-compatible') => {
      const { context, fleet } = await world(lab(server.url, { provider }));
      return (await fleet.fresh(context)).endpoints[0]!.openEnded;
    };
    expect([await open('ollama'), await open('openai-compatible')]).toEqual([false, true]);
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

describe('local engines', () => {
  const lmstudio = { '/api/v1/models': { models: [{ key: 'm-lm', type: 'llm', loaded_instances: [] }] } };
  const llamacpp = { '/v1/models': { data: [{ id: 'm-cpp', owned_by: 'llamacpp' }] } };
  const ollama = { '/api/version': { version: '0.1' }, '/api/tags': { models: [{ model: 'm-ol' }] } };
  /** Each kind of engine is looked for at one of these addresses. */
  const at = async (urls: { ollama?: string; lmstudio?: string; llamacpp?: string }, discoveryMs?: number) => {
    const free = await nobody();
    const looked = (id: string) => [urls[id as keyof typeof urls] ?? free];
    const providers = PROVIDERS.map((one) =>
      one.discoverUrls({}).length > 0 ? { ...one, discoverUrls: () => looked(one.id) } : one,
    );
    return world({ providers, discoveryMs });
  };

  it('are what they say they are, on whatever port they listen', async () => {
    const [one, two] = [await pose(routes(lmstudio)), await pose(routes(ollama))];
    const { context, fleet } = await at({ ollama: one.url, llamacpp: two.url });
    const { endpoints } = await fleet.fresh(context);
    expect(endpoints.map(({ id, provider, url }) => [id, provider, url])).toEqual([
      ['lmstudio', 'lmstudio', one.url],
      ['ollama', 'ollama', two.url],
    ]);
  });

  it('are told apart by their port where two are of a kind', async () => {
    const [one, two] = [await pose(routes(llamacpp)), await pose(routes(llamacpp))];
    const { context, fleet } = await at({ lmstudio: one.url, llamacpp: two.url });
    const ids = (await fleet.fresh(context)).workers.map(({ id }) => id);
    expect(ids).toEqual(['native/llamacpp/m-cpp', `native/llamacpp-${new URL(two.url).port}/m-cpp`]);
  });

  it.each([
    ['a web server', (_: unknown, response: import('node:http').ServerResponse) => response.end('<html>')],
    [
      'one that is healthy',
      (_: unknown, response: import('node:http').ServerResponse) => response.end('{"status":"ok"}'),
    ],
    [
      'one that wants a key',
      (_: unknown, response: import('node:http').ServerResponse) => response.writeHead(401).end(),
    ],
    ['one that says nothing', () => {}],
  ])('%s at such an address is nothing', async (_name, answer) => {
    const server = await pose((request, response) => void answer(request, response));
    const { context, fleet } = await at({ llamacpp: server.url }, 300);
    expect((await fleet.fresh(context)).endpoints).toEqual([]);
  });

  it('are asked nothing that would load a model, and only what they are once they are known', async () => {
    const server = await pose(routes(llamacpp));
    const { context, fleet, later } = await at({ llamacpp: server.url });
    await fleet.fresh(context);
    expect(server.seen).toContain('GET /api/version');
    expect(server.seen.every((line) => line.startsWith('GET ') || line === 'POST /api/show')).toBe(true);
    const first = server.seen.length;
    later(60_000);
    await fleet.fresh(context);
    expect(server.seen.slice(first).sort()).toEqual(['GET /health', 'GET /props?autoload=false', 'GET /v1/models']);
  });

  it('that do not answer any more are missed, with when they are looked for again', async () => {
    const server = await pose(routes(lmstudio));
    const { context, fleet, later } = await at({ lmstudio: server.url });
    await fleet.fresh(context);
    await server.close();
    later(60_000);
    const { endpoints } = await fleet.fresh(context);
    expect(endpoints).toMatchObject([
      {
        id: 'lmstudio',
        state: 'unavailable',
        reason: expect.stringContaining('start it again'),
        retryAt: new Date(63_000).toISOString(),
      },
    ]);
  });

  it.each(['discovered', 'configured'])(
    'that answer late because they compute stay what they were (%s)',
    async (how) => {
      let busy = false;
      const talk = routes(ollama);
      const server = await pose((request, response, body) => {
        if (!busy) talk(request, response, body);
      });
      const config = { endpoints: [{ id: 'ollama', provider: 'ollama' as const, url: server.url }] };
      const { context, fleet, later } =
        how === 'configured' ? await world({ config }) : await at({ ollama: server.url });
      expect((await fleet.fresh(context)).workers).toMatchObject([{ id: 'native/ollama/m-ol', state: 'ready' }]);
      busy = true;
      later(60_000);
      const asked = server.seen.length;
      expect((await fleet.fresh(context)).workers).toMatchObject([{ id: 'native/ollama/m-ol', state: 'ready' }]);
      expect(server.seen.length).toBeGreaterThan(asked);
    },
  );

  it('are not taken twice where the configuration names the same place by another name', async () => {
    const server = await pose(routes(lmstudio));
    const { context, fleet } = await at({ lmstudio: server.url });
    const url = `${server.url.replace('127.0.0.1', 'localhost')}/v1`;
    const endpoints = [{ id: 'mine', provider: 'lmstudio' as const, url }];
    const seen = await fleet.fresh({ ...context, config: { ...DEFAULTS, endpoints } });
    expect(seen.endpoints.map(({ id }) => id)).toEqual(['mine']);
  });
});

it('a key under either of its names opens Google', async () => {
  for (const name of ['GEMINI_API_KEY', 'GOOGLE_API_KEY']) {
    const { context, fleet } = await world({ keys: { [name]: 'k' } });
    expect((await fleet.fresh(context)).endpoints).toMatchObject([
      { id: 'google', state: 'ready', wire: 'gemini', apiKeyEnv: name, openEnded: true },
    ]);
  }
});

describe('a service that fails', () => {
  const failed = {
    path: '/v1/messages',
    status: 503,
    error: 'no',
    complete: false,
    retryAfterMs: null,
    brokenBy: null,
  };
  const lab = async () => {
    const server = await pose(routes({ '/v1/models': { data: [{ id: 'm' }] } }));
    const one = await world({
      config: { endpoints: [{ id: 'lab', provider: 'openai-compatible', url: `${server.url}/v1` }] },
    });
    const report = (more: object = {}, at = 0) =>
      one.fleet.report({ id: 'lab', baseUrl: server.url }, { ...failed, ...more }, at);
    return { ...one, report, server };
  };

  it('is left alone for a while, although it answers, and then tried again', async () => {
    const { context, fleet, report, later } = await lab();
    for (let n = 0; n < 2; n++) report();
    expect((await fleet.fresh(context)).workers).toMatchObject([{ state: 'ready', retryAt: null }]);
    report();
    const seen = await fleet.fresh(context);
    for (const entry of [seen.endpoints[0], seen.workers[0]])
      expect(entry).toMatchObject({
        state: 'unavailable',
        cooling: true,
        reason: expect.stringContaining('HTTP 503'),
        retryAt: new Date(15_000).toISOString(),
      });
    later(15_000);
    expect((await fleet.fresh(context)).workers).toMatchObject([{ state: 'ready' }]);
  });

  it('is asked again where the clock was put back, however new its last answer seems', async () => {
    const { context, fleet, server, later } = await lab();
    expect((await fleet.fresh(context)).workers).toMatchObject([{ state: 'ready' }]);
    await server.close();
    later(-86_400_000);
    fleet.snapshot(context);
    await fleet.settled();
    expect(fleet.snapshot(context).endpoints).toMatchObject([{ id: 'lab', state: 'unavailable' }]);
  });

  it('is tried again when a person says so, unless it asked for that time itself', async () => {
    const { context, fleet, report } = await lab();
    for (let n = 0; n < 3; n++) report();
    fleet.forget();
    expect((await fleet.fresh(context)).workers).toMatchObject([{ state: 'ready' }]);
    report({ retryAfterMs: 90_000 });
    fleet.forget();
    expect((await fleet.fresh(context)).workers).toMatchObject([
      { state: 'unavailable', retryAt: new Date(90_000).toISOString() },
    ]);
  });

  it('at another address is another service', async () => {
    const { context, fleet, report, server } = await lab();
    report({ status: 429, retryAfterMs: 90_000 });
    const other = await pose(routes({ '/v1/models': { data: [{ id: 'm' }] } }));
    const endpoints = [{ id: 'lab', provider: 'openai-compatible' as const, url: other.url }];
    const moved = { ...context, config: { ...context.config, endpoints } };
    expect((await fleet.fresh(moved)).workers).toMatchObject([{ state: 'ready' }]);
    expect(server.url).not.toBe(other.url);
  });
});

describe('what a person cordoned', () => {
  it('is out until it is brought back, over restarts', async () => {
    const { context, open, cordonFile, fleet } = await world({ keys: { ANTHROPIC_API_KEY: 'k' } });
    const kinds = PROVIDERS.map(({ id }) => id);
    const add = async (id: string) =>
      cordon(cordonFile, id, await fleet.fresh(context), kinds, '2026-11-25T10:00:00Z').map((one) => one.id);
    expect(await add('anthropic')).toEqual(['anthropic']);
    expect(await add('anthropic')).toEqual(['anthropic']);
    expect(await add('ollama')).toEqual(['anthropic', 'ollama']); // not running now, but it may come
    const seen = await open().fresh(context);
    expect(seen.workers.filter(({ endpoint }) => endpoint === 'anthropic').map(({ state: is }) => is)).toEqual(
      PROVIDER_MODELS.map(() => 'cordoned'),
    );
    await expect(add('antropic')).rejects.toMatchObject({ exit: 2, message: expect.stringContaining('anthropic') });
    expect(uncordon(cordonFile, 'anthropic')).toMatchObject([{ id: 'ollama' }]);
    expect(() => uncordon(cordonFile, 'olama')).toThrow(
      expect.objectContaining({ exit: 2, message: expect.stringContaining('ollama') }),
    );
    expect((await open().fresh(context)).endpoints).toMatchObject([{ id: 'anthropic', state: 'ready' }]);
  });

  it('is not lost where two are cordoned at once', async () => {
    const { context, cordonFile, fleet } = await world({ keys: { ANTHROPIC_API_KEY: 'k', OPENAI_API_KEY: 'k' } });
    const seen = await fleet.fresh(context);
    const both = ['anthropic', 'openai'];
    await Promise.all(both.map(async (id) => cordon(cordonFile, id, seen, [], '2026-11-25T10:00:00Z')));
    expect(readCordons(cordonFile).map(({ id }) => id)).toEqual(both);
    await Promise.all(both.map(async (id) => uncordon(cordonFile, id)));
    expect(readCordons(cordonFile)).toEqual([]);
  });

  it('is not forgotten because its file is damaged', async () => {
    const { context, open, cordonFile } = await world({});
    await put(cordonFile, '{"schema":1,"cordons":[{"id":');
    expect(() => open().snapshot(context)).toThrow(expect.objectContaining({ code: 'damaged-cordons' }));
  });
});

describe('programs beyond PATH', () => {
  const script = '#!/usr/bin/env my-node\n';
  const node = '#!/bin/sh\necho 7.7.7\n';

  it('are found where installers put them, run with their companions, and shown with their place', async () => {
    const { context, fleet, base } = await world({ keys: { ANTHROPIC_API_KEY: 'k' } });
    const dir = join(base, 'home/.nvm/versions/node/v24.0.0/bin');
    await put(join(dir, 'claude'), script, 0o755);
    await put(join(dir, 'my-node'), node, 0o755);
    const seen = await fleet.fresh(context);
    expect(seen.runtimes.find(({ id }) => id === 'claude-code')).toMatchObject({
      path: join(dir, 'claude'),
      version: '7.7.7',
      state: 'ready',
      reason: `not on PATH: found in ${dir}`,
    });
    expect(fleet.searchPath('claude-code', context)).toBe(`${context.path}:${dir}`);
    expect(fleet.searchPath('native', context)).toBe(context.path);
  });

  it('on the PATH of the login shell come before those, PATH itself before both', async () => {
    const { context, fleet, base } = await world({});
    const places = { shell: join(base, 'from my shell'), home: join(base, 'home/.local/bin'), path: join(base, 'bin') };
    await put(join(base, 'home/.bashrc'), `PATH="${places.shell}:$PATH"\n`);
    await put(join(places.home, 'codex'), '#!/bin/sh\necho 1.0.0\n', 0o755);
    await put(join(places.shell, 'codex'), '#!/bin/sh\necho 2.0.0\n', 0o755);
    await put(join(places.home, 'gemini'), '#!/bin/sh\necho 1.0.0\n', 0o755);
    await put(join(places.shell, 'gemini'), '#!/bin/sh\necho 2.0.0\n', 0o755);
    await put(join(places.path, 'gemini'), '#!/bin/sh\necho 3.0.0\n', 0o755);
    expect(state(await fleet.fresh(context), 'codex').version).toBe('1.0.0');
    const withShell = { ...context, shell: '/bin/bash' };
    const seen = await fleet.fresh(withShell);
    expect([state(seen, 'codex').version, state(seen, 'gemini').version]).toEqual(['2.0.0', '3.0.0']);
    const off = { ...withShell, config: { ...DEFAULTS, discover: false } };
    expect(state(await fleet.fresh(off), 'codex').state).toBe('unavailable');
  });

  it('never wait for a login shell: what is known is shown at once', async () => {
    const { context, fleet, base } = await world({ programs: { codex: 'echo 1.0.0' } });
    await put(join(base, 'home/.bashrc'), `touch '${join(base, 'asked')}'; sleep 1000\n`);
    const slow = { ...context, shell: '/bin/bash' };
    const seen = await fleet.fresh(slow, { soon: true });
    expect(state(seen, 'codex').version).toBe('1.0.0');
    await until(() => existsSync(join(base, 'asked')));
    await fleet.close();
    await until(() => processesOf(join(base, 'home')).length === 0);
  });

  it('are asked of a login shell once: its answer is kept until a start-up file changes', async () => {
    const { context, open, fleet, base } = await world({});
    const rc = (extra: string) =>
      put(join(base, 'home/.bashrc'), `echo x >> '${join(base, 'count')}'; PATH="${base}/a${extra}:$PATH"\n`);
    const asked = async () => (await readFile(join(base, 'count'), 'utf8')).split('\n').length - 1;
    await put(join(base, 'a/codex'), '#!/bin/sh\necho 1.0.0\n', 0o755);
    await put(join(base, 'a-new/codex'), '#!/bin/sh\necho 2.0.0\n', 0o755);
    await rc('');
    const own = { ...context, shell: '/bin/bash' };
    expect(state(await fleet.fresh(own), 'codex').version).toBe('1.0.0');
    await fleet.settled();
    expect(state(await open().fresh(own), 'codex').version).toBe('1.0.0');
    expect(await asked()).toBe(1);
    await rc('-new');
    expect(state(await open().fresh(own), 'codex').version).toBe('2.0.0');
    expect(await asked()).toBe(2);
  });
});
