import { describe, expect, it } from 'vitest';
import ollama, { ollamaUrl } from '../../../src/drivers/providers/ollama.ts';
import { conformProvider, modelsOf } from '../../conformance/providers.ts';
import { pose, routes } from '../../fixtures/http-server.ts';

conformProvider(ollama, { asks: true });
const probe = (url: string, apiKey: string | null = null) => ollama.probe(url, { apiKey, timeoutMs: 1_000 });

const shows: Record<string, unknown> = {
  'qwen3:8b': {
    capabilities: ['completion', 'tools'],
    model_info: {
      'general.architecture': 'qwen3',
      'general.parameter_count': 8_190_000_000,
      'qwen3.context_length': 40_960,
    },
  },
  'nomic-embed-text:latest': { capabilities: ['embedding'] },
  'plain:latest': { capabilities: ['completion'] },
};
const table = {
  '/api/version': { version: '0.12.3' },
  '/api/tags': {
    models: [
      { name: 'qwen3:8b', model: 'qwen3:8b' },
      { name: 'nomic-embed-text:latest', model: 'nomic-embed-text:latest' },
      { name: 'plain:latest' },
      {
        name: 'gpt-oss:120b-cloud',
        model: 'gpt-oss:120b-cloud',
        remote_model: 'gpt-oss:120b',
        remote_host: 'https://ollama.com',
      },
    ],
  },
  '/api/ps': { models: [{ name: 'qwen3:8b', model: 'qwen3:8b', context_length: 8_192 }] },
  '/api/show': (body: { model: string }) => shows[body.model],
};

describe('ollama', () => {
  it('lists what runs here, with the window in use beside the trained one', async () => {
    const server = await pose(routes(table));
    expect(await probe(`${server.url}/v1/`)).toEqual({
      state: 'ready',
      reason: '1 remote model is left out: they do not run on this machine',
      models: [
        { id: 'qwen3:8b', context: 8_192, trainedContext: 40_960, loaded: true, tools: true, tier: 'small' },
        { id: 'plain:latest', context: null, trainedContext: null, loaded: false, tools: false, tier: 'any' },
      ],
    });
    expect(server.seen.filter((line) => !/^GET \/api\/(version|tags|ps)$|^POST \/api\/show$/.test(line))).toEqual([]);
  });

  it('is known by its answer: another server at the same address is not taken for it', async () => {
    const other = await pose(routes({ '/api/version': { version: 5 }, '/v1/models': { data: [{ id: 'm' }] } }));
    expect(await probe(other.url)).toBeNull();
  });

  it('is ready without models, and says what to do', async () => {
    const server = await pose(routes({ '/api/version': { version: '0.1' }, '/api/tags': { models: [] } }));
    expect(await probe(server.url)).toMatchObject({
      state: 'ready',
      models: [],
      reason: expect.stringContaining('ollama pull'),
    });
  });

  it('says unknown where a model does not answer', async () => {
    const server = await pose(routes({ ...table, '/api/ps': undefined, '/api/show': undefined }));
    expect(modelsOf(await probe(server.url))[0]).toMatchObject({
      id: 'qwen3:8b',
      loaded: null,
      tools: null,
      context: null,
    });
  });

  it('wants a key where a proxy in front of it does', async () => {
    const server = await pose((_request, response) => response.writeHead(401).end('{}'));
    expect(await probe(server.url, 'k')).toMatchObject({ state: 'auth-required' });
    expect(server.headers[0]!.authorization).toBe('Bearer k');
  });

  it.each([
    [undefined, 'http://127.0.0.1:11434'],
    ['', 'http://127.0.0.1:11434'],
    [' "127.0.0.1:5000" ', 'http://127.0.0.1:5000'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    [':9999', 'http://127.0.0.1:9999'],
    ['http://localhost', 'http://localhost:80'],
    ['https://localhost', 'https://localhost:443'],
    ['localhost:99999', 'http://localhost:11434'],
    ['localhost:abc', 'http://localhost:11434'],
    ['[::1]:1234', 'http://[::1]:1234'],
    ['::1', 'http://[::1]:11434'],
    ['[::]', 'http://[::1]:11434'],
    ['http://127.0.0.1:8080/ollama', 'http://127.0.0.1:8080'],
    ['192.168.1.5', null],
    ['https://models.example.com', null],
    ['127.0.0.1.example.com', null],
  ])('OLLAMA_HOST=%s → %s', (host, url) => expect(ollamaUrl(host)).toBe(url));
});
