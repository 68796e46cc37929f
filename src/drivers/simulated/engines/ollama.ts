/**
 * Ollama (docs/api.md, docs/openapi.yaml, openai compatibility). Earlier versions: no `capabilities` in `/api/show`, no `context_length`
 * in `/api/ps`, no models of ollama.com, no Responses.
 */
import { CREATED, type Engine, type EngineAnswer, MODIFIED, modelsOf, type Pose, type PosedModel } from '../pose.ts';
import { cutTo } from './cut.ts';

const ARCHITECTURE = 'qwen3';
/** Bytes on disk of a model of eight thousand million parameters at four bits. */
const SIZE = 5_225_388_164;

export function ollama(pose: Pose): Engine {
  const all = modelsOf(pose, 'qwen3:8b').filter((model) => !(pose.old && model.remote));
  const loaded = new Set(all.filter((model) => model.loaded && !model.remote).map((model) => model.id));
  const find = (id: unknown) => all.find((model) => model.id === id || model.id === `${id}:latest`);

  const entry = (model: PosedModel) => ({
    name: model.id,
    model: model.id,
    modified_at: MODIFIED,
    size: model.remote ? 384 : SIZE,
    digest: 'f'.repeat(64),
    details: detailsOf(model),
    ...(model.remote ? { remote_model: model.id, remote_host: 'https://ollama.com:443' } : {}),
  });
  const running = (model: PosedModel) => ({
    name: model.id,
    model: model.id,
    size: SIZE,
    digest: 'f'.repeat(64),
    details: detailsOf(model),
    expires_at: '2030-01-01T00:00:00Z',
    size_vram: SIZE,
    ...(pose.old ? {} : { context_length: model.context }),
  });
  const show = (body: unknown): EngineAnswer => {
    const { model: id, name } = (body ?? {}) as { model?: unknown; name?: unknown };
    const model = find(id ?? name);
    if (!model) return { status: 404, body: { error: `model '${String(id ?? name)}' not found` } };
    return {
      status: 200,
      body: {
        parameters: '',
        template: '{{ .Prompt }}',
        details: detailsOf(model),
        model_info: {
          'general.architecture': ARCHITECTURE,
          'general.parameter_count': 8_190_735_360,
          [`${ARCHITECTURE}.context_length`]: model.trainedContext,
        },
        ...(pose.old ? {} : { capabilities: capabilitiesOf(model) }),
        modified_at: MODIFIED,
        ...(model.remote ? { remote_model: model.id, remote_host: 'https://ollama.com:443' } : {}),
      },
    };
  };
  const listed = (model: PosedModel) => ({ id: model.id, object: 'model', created: CREATED, owned_by: 'library' });

  return {
    wires: pose.old ? ['openai-chat'] : ['openai-chat', 'openai-responses'],
    dialect: { cached: false, reasoning: false, thinking: 'reasoning' },
    answer({ method, path, body }) {
      const ok = (answer: object | string): EngineAnswer => ({ status: 200, body: answer });
      switch (`${method} ${path}`) {
        case 'GET /':
        case 'HEAD /':
          return ok('Ollama is running');
        case 'GET /api/version':
          return ok({ version: pose.version ?? (pose.old ? '0.3.14' : '0.12.6') });
        case 'GET /api/tags':
          return ok({ models: all.map(entry) });
        case 'GET /api/ps':
          return ok({ models: all.filter((model) => loaded.has(model.id)).map(running) });
        case 'POST /api/show':
          return show(body);
        case 'GET /v1/models':
          return ok({ object: 'list', data: all.map(listed) });
        default: {
          const model =
            method === 'GET' && path.startsWith('/v1/models/') ? find(decodeURIComponent(path.slice(11))) : undefined;
          return model ? ok(listed(model)) : { status: 404, body: '404 page not found' };
        }
      }
    },
    admit(asked, requestTokens) {
      const model = find(asked.model);
      const refuse = (status: number, message: string, type: string) => ({
        refused: { status, body: { error: { message, type, param: null, code: null } } },
      });
      if (!model) return refuse(404, `model '${asked.model}' not found`, 'not_found_error');
      // It is asked to sign in at ollama.com, which nobody did here.
      if (model.remote) return refuse(401, 'unauthorized', 'authentication_error');
      if (model.embedding) return refuse(400, `"${model.id}" does not support chat`, 'invalid_request_error');
      if (asked.tools.length > 0 && !model.tools)
        return refuse(400, `registry.ollama.ai/library/${model.id} does not support tools`, 'invalid_request_error');
      loaded.add(model.id);
      return cutTo(model.context, asked, requestTokens);
    },
  };
}

const detailsOf = (model: PosedModel) => ({
  parent_model: '',
  format: model.remote ? '' : 'gguf',
  family: ARCHITECTURE,
  families: [ARCHITECTURE],
  parameter_size: '8.2B',
  quantization_level: 'Q4_K_M',
});

const capabilitiesOf = (model: PosedModel): string[] =>
  model.embedding ? ['embedding'] : ['completion', ...(model.tools ? ['tools'] : [])];
