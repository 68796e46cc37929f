/**
 * llama-server (tools/server/README.md). One model answers under any name; several are a router, in which a request for a model loads it,
 * and so does `/props?model=` unless `autoload=false`. A single model that is not loaded is still loading. Earlier versions: no
 * `build_info` and `chat_template_caps` in `/props`, no `architecture` of a model, only Chat Completions.
 */
import { CREATED, type Engine, type EngineAnswer, modelsOf, type Pose, type PosedModel } from '../pose.ts';

export function llamacpp(pose: Pose): Engine {
  const all = modelsOf(pose, 'qwen3-8b-Q4_K_M.gguf');
  const loaded = new Set(all.filter((model) => model.loaded).map((model) => model.id));
  const router = all.length > 1;
  const fault = (code: number, type: string, message: string, more: object = {}): EngineAnswer => ({
    status: code,
    body: { error: { code, message, type, ...more } },
  });
  const loading = fault(503, 'unavailable_error', 'Loading model');
  const missing = fault(404, 'not_found_error', 'File Not Found');

  const listed = (model: PosedModel) => ({
    id: model.id,
    object: 'model',
    created: CREATED,
    owned_by: 'llamacpp',
    ...(pose.old ? {} : { architecture: { input_modalities: ['text'], output_modalities: ['text'] } }),
    ...(router ? { status: { value: loaded.has(model.id) ? 'loaded' : 'unloaded' } } : {}),
    meta: loaded.has(model.id)
      ? {
          vocab_type: 2,
          n_vocab: 151_936,
          n_ctx_train: model.trainedContext,
          n_embd: 4_096,
          n_params: 8_190_735_360,
          size: 5_027_783_872,
        }
      : null,
  });
  const props = (query: URLSearchParams): EngineAnswer => {
    if (router && query.get('model') === null) return { status: 200, body: { role: 'router', models_autoload: true } };
    const model = router ? all.find((one) => one.id === query.get('model')) : all[0];
    if (!model) return fault(404, 'not_found_error', 'model not found');
    if (!loaded.has(model.id)) {
      if (!router) return loading;
      if (query.get('autoload') === 'false') return fault(400, 'invalid_request_error', 'model is not loaded');
      loaded.add(model.id);
    }
    return {
      status: 200,
      body: {
        default_generation_settings: { n_ctx: model.context },
        total_slots: 1,
        model_path: `/models/${model.id}`,
        chat_template: '',
        ...(pose.old
          ? {}
          : {
              chat_template_caps: { supports_tools: model.tools, supports_tool_calls: model.tools },
              modalities: { vision: false, audio: false },
              build_info: pose.version ?? 'b6900-0123456',
              is_sleeping: false,
            }),
      },
    };
  };

  return {
    wires: pose.old ? ['openai-chat'] : ['openai-chat', 'openai-responses', 'anthropic-messages'],
    dialect: { cached: true, reasoning: false, thinking: 'reasoning_content' },
    answer({ method, path, query }) {
      if (method !== 'GET') return missing;
      const stillLoading = !router && !loaded.has(all[0]!.id);
      switch (path) {
        case '/health':
        case '/v1/health':
          return stillLoading ? loading : { status: 200, body: { status: 'ok' } };
        case '/props':
          return props(query);
        case '/models':
        case '/v1/models':
          return { status: 200, body: { object: 'list', data: all.map(listed) } };
        case '/slots':
          if (stillLoading) return loading;
          return router ? missing : { status: 200, body: [{ id: 0, n_ctx: all[0]!.context, is_processing: false }] };
        default:
          return missing;
      }
    },
    admit(asked, requestTokens) {
      const model = router ? all.find((one) => one.id === asked.model) : all[0]!;
      if (!model) return { refused: fault(400, 'invalid_request_error', `model '${asked.model}' not found`) };
      if (router) loaded.add(model.id);
      else if (!loaded.has(model.id)) return { refused: loading };
      if (asked.tools.length > 0 && !model.tools)
        return { refused: fault(500, 'server_error', 'tools param requires --jinja flag') };
      const { context } = model;
      if (requestTokens > context)
        return {
          refused: fault(
            400,
            'exceed_context_size_error',
            `request (${requestTokens} tokens) exceeds the available context size (${context} tokens), try increasing it`,
            { n_prompt_tokens: requestTokens, n_ctx: context },
          ),
        };
      return { asked, prompt: requestTokens, cut: false };
    },
  };
}
