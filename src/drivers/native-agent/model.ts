/** The SDK's model for a wire. Each provider package is evaluated only where its wire is spoken. */

import { httpFetch } from './http-fetch.ts';
import type { NativeInput } from './lines.ts';
import type { LanguageModelV4 } from './sdk.ts';

/** `endpoint.baseUrl` has no version segment; both wires live under `/v1`. */
export async function makeModel(endpoint: NativeInput['endpoint'], model: string): Promise<LanguageModelV4> {
  const settings = { baseURL: `${endpoint.baseUrl}/v1`, apiKey: endpoint.token, fetch: httpFetch };
  if (endpoint.wire === 'anthropic-messages') {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return createAnthropic(settings).languageModel(model);
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return createOpenAICompatible({ ...settings, name: 'endpoint', includeUsage: true }).chatModel(model);
}
