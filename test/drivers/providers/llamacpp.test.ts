import { describe, expect, it } from 'vitest';
import llamacpp from '../../../src/drivers/providers/llamacpp.ts';
import { conformProvider, modelsOf } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';

conformProvider(llamacpp, { asks: true });
const probe = (url: string, apiKey: string | null = null) => llamacpp.probe(url, { apiKey, timeoutMs: 1_000 });

const PROPS = {
  default_generation_settings: { n_ctx: 8_192 },
  total_slots: 4,
  model_path: '/models/qwen3-8b-q4_k_m.gguf',
  chat_template_caps: { supports_tools: true, supports_tool_calls: true },
  build_info: 'b6500-abc',
  is_sleeping: false,
};
const MODELS = {
  object: 'list',
  data: [
    {
      id: '/models/qwen3-8b-q4_k_m.gguf',
      object: 'model',
      owned_by: 'llamacpp',
      meta: { n_ctx_train: 40_960, n_params: 8_190_000_000 },
    },
  ],
};
const table = { '/health': { status: 'ok' }, '/props?autoload=false': PROPS, '/v1/models': MODELS };

describe('llamacpp', () => {
  it('lists its model with the window of one slot, and how many slots there are', async () => {
    const server = await pose(routes(table));
    expect(await probe(`${server.url}/v1`)).toEqual({
      state: 'ready',
      reason: null,
      slots: 4,
      models: [
        {
          id: '/models/qwen3-8b-q4_k_m.gguf',
          context: 8_192,
          trainedContext: 40_960,
          loaded: true,
          tools: true,
          tier: 'small',
        },
      ],
    });
  });

  it('is unavailable while it loads its model, and says so', async () => {
    const loading = { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } };
    const server = await pose((request, response) => {
      const list = { data: [{ id: 'm', owned_by: 'llamacpp', meta: null }] };
      if (request.url === '/v1/models') response.end(JSON.stringify(list));
      else response.writeHead(503).end(JSON.stringify(loading));
    });
    expect(await probe(server.url)).toMatchObject({
      state: 'unavailable',
      reason: expect.stringContaining('loading'),
      models: [{ id: 'm', loaded: false, context: null }],
    });
  });

  it('asks a router only about loaded models, and never loads one', async () => {
    const data = [
      { id: 'org/a:Q4', owned_by: 'llamacpp', status: { value: 'loaded' } },
      { id: 'org/b:Q4', owned_by: 'llamacpp', status: { value: 'unloaded' } },
    ];
    const about = `/props?model=${encodeURIComponent('org/a:Q4')}&autoload=false`;
    const server = await pose(
      routes({ '/health': { status: 'ok' }, '/props?autoload=false': {}, '/v1/models': { data }, [about]: PROPS }),
    );
    expect(await probe(server.url)).toMatchObject({
      slots: null,
      models: [
        { id: 'org/a:Q4', context: 8_192, loaded: true, tools: true },
        { id: 'org/b:Q4', context: null, loaded: false, tools: null },
      ],
    });
    const props = server.seen.filter((line) => line.includes('/props'));
    expect(props).toHaveLength(2);
    expect(props.every((line) => line.includes('autoload=false'))).toBe(true);
  });

  it('says unknown where nothing is said, and sleeping where it sleeps', async () => {
    const old = await pose(routes({ '/v1/models': { data: [{ id: 'm', owned_by: 'llamacpp' }] } }));
    expect(await probe(old.url)).toMatchObject({
      state: 'ready',
      models: [{ id: 'm', context: null, trainedContext: null, tools: null }],
    });
    const asleep = await pose(routes({ ...table, '/props?autoload=false': { ...PROPS, is_sleeping: true } }));
    expect(modelsOf(await probe(asleep.url))).toMatchObject([{ loaded: false, context: null }]);
  });

  it.each([
    ['a web server that is healthy', { '/health': { status: 'ok' } }],
    ['another model server', { '/health': { status: 'ok' }, '/v1/models': { data: [{ id: 'm', owned_by: 'vllm' }] } }],
  ])('is known by its answer: %s is not taken for it', async (_name, other) => {
    expect(await probe((await pose(routes(other))).url)).toBeNull();
  });

  it('is not taken for something that is only down for a while', async () => {
    const server = await pose((_request, response) =>
      response.writeHead(503).end('{"error":{"message":"maintenance","type":"unavailable"}}'),
    );
    expect(await probe(server.url)).toBeNull();
  });

  it('wants the key it was started with', async () => {
    const server = await pose((request, response) =>
      request.url === '/health' ? response.end('{"status":"ok"}') : response.writeHead(401).end('{}'),
    );
    expect(await probe(server.url)).toMatchObject({ state: 'auth-required', models: [] });
  });
});
