/**
 * LM Studio (REST API v1 of 0.4, v0 of 0.3.6; OpenAI compatibility). It answers a route it does not know with 200 and an error. A model
 * that is not loaded is loaded by the request for it. Earlier versions: the v1 list has only `id` and `name`, or there is no REST API at all.
 */
import { CREATED, type Engine, type EngineAnswer, modelsOf, type Pose, type PosedModel } from '../pose.ts';

export function lmstudio(pose: Pose): Engine {
  const all = modelsOf(pose, 'qwen/qwen3-8b');
  const loaded = new Set(all.filter((model) => model.loaded).map((model) => model.id));
  const v1 = pose.engine === 'lmstudio';
  const v0 = v1 || !pose.old;

  const entryV1 = (model: PosedModel) =>
    pose.old
      ? { id: model.id, name: model.id }
      : {
          type: model.embedding ? 'embedding' : 'llm',
          publisher: 'qwen',
          key: model.id,
          display_name: model.id,
          ...(model.embedding ? {} : { architecture: 'qwen3' }),
          quantization: { name: 'Q4_K_M', bits_per_weight: 4 },
          size_bytes: 5_027_783_872,
          params_string: '8B',
          loaded_instances: loaded.has(model.id) ? [{ id: model.id, config: { context_length: model.context } }] : [],
          max_context_length: model.trainedContext,
          format: 'gguf',
          ...(model.embedding ? {} : { capabilities: { vision: false, trained_for_tool_use: model.tools } }),
        };
  const entryV0 = (model: PosedModel) => ({
    id: model.id,
    object: 'model',
    type: model.embedding ? 'embeddings' : 'llm',
    publisher: 'qwen',
    arch: 'qwen3',
    compatibility_type: 'gguf',
    quantization: 'Q4_K_M',
    state: loaded.has(model.id) ? 'loaded' : 'not-loaded',
    max_context_length: model.trainedContext,
    ...(loaded.has(model.id) ? { loaded_context_length: model.context } : {}),
  });
  const listed = (model: PosedModel) => ({
    id: model.id,
    object: 'model',
    created: CREATED,
    owned_by: 'organization_owner',
  });

  return {
    wires: pose.old ? ['openai-chat'] : ['openai-chat', 'openai-responses'],
    dialect: { cached: false, reasoning: false, thinking: 'reasoning_content' },
    answer({ method, path }) {
      const ok = (body: object): EngineAnswer => ({ status: 200, body });
      const route = `${method} ${path}`;
      if (route === 'GET /api/v1/models' && v1) return ok({ models: all.map(entryV1) });
      if (route === 'GET /api/v0/models' && v0) return ok({ object: 'list', data: all.map(entryV0) });
      if (route === 'GET /v1/models') return ok({ object: 'list', data: all.map(listed) });
      return ok({ error: `Unexpected endpoint or method. (${route})` });
    },
    admit(asked, requestTokens) {
      const refuse = (status: number, message: string) => ({ refused: { status, body: { error: { message } } } });
      const model = all.find((one) => one.id === asked.model && !one.embedding);
      if (!model) return refuse(404, `Model "${asked.model}" not found. Please specify a valid model.`);
      loaded.add(model.id);
      if (requestTokens > model.context)
        return refuse(
          400,
          `Trying to keep the first ${requestTokens} tokens when context the overflows. However, the model is loaded with context length of only ${model.context} tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input.`,
        );
      return { asked, prompt: requestTokens, cut: false };
    },
  };
}
