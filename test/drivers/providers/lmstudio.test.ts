import { describe, expect, it } from 'vitest';
import lmstudio from '../../../src/drivers/providers/lmstudio.ts';
import { conformProvider, modelsOf } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';

conformProvider(lmstudio, { asks: true });
const probe = (url: string, apiKey: string | null = null) => lmstudio.probe(url, { apiKey, timeoutMs: 1_000 });

/** The examples of the vendor's pages. */
const V1 = {
  models: [
    {
      type: 'llm',
      publisher: 'lmstudio-community',
      key: 'gemma-3-270m-it-qat',
      params_string: '270M',
      loaded_instances: [{ id: 'gemma-3-270m-it-qat', config: { context_length: 4_096 } }],
      max_context_length: 32_768,
      capabilities: { vision: false, trained_for_tool_use: false },
    },
    {
      type: 'llm',
      key: 'qwen/qwen3-480b',
      params_string: null,
      loaded_instances: [],
      max_context_length: 262_144,
      capabilities: { trained_for_tool_use: true },
    },
    { type: 'embedding', key: 'nomic-embed', loaded_instances: [], max_context_length: 2_048 },
  ],
};
const V0 = {
  object: 'list',
  data: [
    { id: 'm-loaded', type: 'llm', state: 'loaded', max_context_length: 32_768, loaded_context_length: 8_192 },
    { id: 'm-not', type: 'vlm', state: 'not-loaded', max_context_length: 4_096, capabilities: ['tool_use'] },
    { id: 'embed', type: 'embeddings', state: 'not-loaded', max_context_length: 2_048 },
  ],
};
/** What LM Studio answers to a path it does not know, with status 200. */
const STRANGE = (path: string) => ({ error: `Unexpected endpoint or method. (GET ${path})` });

describe('lmstudio', () => {
  it('lists by its API v1: window in use, trained window, tools; no embedding model', async () => {
    const server = await pose(routes({ '/api/v1/models': V1, '/api/v0/models': V0 }));
    expect(await probe(`${server.url}/v1`)).toEqual({
      state: 'ready',
      reason: null,
      models: [
        {
          id: 'gemma-3-270m-it-qat',
          context: 4_096,
          trainedContext: 32_768,
          loaded: true,
          tools: false,
          tier: 'small',
        },
        { id: 'qwen/qwen3-480b', context: null, trainedContext: 262_144, loaded: false, tools: true, tier: 'mid' },
      ],
    });
    expect(new Set(server.seen)).toEqual(new Set(['GET /api/v1/models', 'GET /api/v0/models', 'GET /v1/models']));
  });

  it('lists by v0 where v1 is not there', async () => {
    const server = await pose(routes({ '/api/v1/models': STRANGE('/api/v1/models'), '/api/v0/models': V0 }));
    expect(modelsOf(await probe(server.url))).toEqual([
      { id: 'm-loaded', context: 8_192, trainedContext: 32_768, loaded: true, tools: null, tier: 'any' },
      { id: 'm-not', context: null, trainedContext: 4_096, loaded: false, tools: true, tier: 'any' },
    ]);
  });

  it('knows nothing but names of an older one, and says so', async () => {
    const plain = { data: [{ id: 'm1', object: 'model', owned_by: 'organization_owner' }] };
    const server = await pose(routes({ '/v1/models': plain }));
    expect(modelsOf(await probe(server.url))).toEqual([
      { id: 'm1', context: null, trainedContext: null, loaded: null, tools: null, tier: 'any' },
    ]);
  });

  it('takes `id` for `key` where it knows the server by another sign', async () => {
    const page = { models: [{ id: 'm1', name: 'M 1' }] };
    const known = await pose(routes({ '/api/v1/models': page, '/v1/models': STRANGE('/v1/models') }));
    expect(modelsOf(await probe(known.url))).toMatchObject([{ id: 'm1', loaded: null }]);
  });

  it.each([
    ['a shop of model cars', { '/api/v1/models': { models: [{ id: 'beetle', name: 'Beetle', type: 'car' }] } }],
    ['a shop with nothing in it', { '/api/v1/models': { models: [] }, '/api/v0/models': { data: [] } }],
    ['another model server', { '/v1/models': { object: 'list', data: [{ id: 'm', owned_by: 'vllm' }] } }],
  ])('is known by its answer: %s is not taken for it', async (_name, table) => {
    expect(await probe((await pose(routes(table))).url)).toBeNull();
  });

  it('is ready without a model, and says what to do', async () => {
    const table = { '/api/v1/models': { models: [] }, '/v1/models': STRANGE('/v1/models') };
    expect(await probe((await pose(routes(table))).url)).toMatchObject({
      state: 'ready',
      models: [],
      reason: expect.stringContaining('lms get'),
    });
  });

  it('wants its token where everything does', async () => {
    const server = await pose((_request, response) => response.writeHead(401).end('{}'));
    expect(await probe(server.url, 'k')).toMatchObject({ state: 'auth-required' });
    expect(server.headers[0]!.authorization).toBe('Bearer k');
  });
});
