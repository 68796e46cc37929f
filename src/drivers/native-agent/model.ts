/** The SDK's model for a wire. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { httpFetch } from './http-fetch.ts';
import type { NativeInput } from './lines.ts';
import type { LanguageModelV4 } from './sdk.ts';

/** `endpoint.baseUrl` has no version segment; both wires live under `/v1`. */
export function makeModel(endpoint: NativeInput['endpoint'], model: string): LanguageModelV4 {
  const settings = { baseURL: `${endpoint.baseUrl}/v1`, apiKey: endpoint.token, fetch: httpFetch };
  if (endpoint.wire === 'anthropic-messages') {
    return createAnthropic(settings).languageModel(model);
  }
  return createOpenAICompatible({ ...settings, name: 'endpoint', includeUsage: true }).chatModel(model);
}
