/** The SDK's model for a wire. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { httpFetch } from './http-fetch.ts';
import type { NativeInput } from './lines.ts';
import type { LanguageModelV4, ProviderOptions } from './sdk.ts';

/** `endpoint.baseUrl` has no version segment; Gemini lives under `/v1beta`, all others under `/v1`. */
export function makeModel({ baseUrl, token, wire }: NativeInput['endpoint'], model: string): LanguageModelV4 {
  const settings = { baseURL: `${baseUrl}/${wire === 'gemini' ? 'v1beta' : 'v1'}`, apiKey: token, fetch: httpFetch };
  switch (wire) {
    case 'anthropic-messages':
      return createAnthropic(settings).languageModel(model);
    case 'openai-responses':
      return createOpenAI(settings).responses(model);
    case 'openai-chat':
      return createOpenAICompatible({ ...settings, name: 'endpoint', includeUsage: true }).chatModel(model);
    case 'gemini':
      return createGoogleGenerativeAI(settings).languageModel(model);
  }
}

/**
 * Goes with every request; each SDK reads its own part. The conversation is sent whole every time, reasoning encrypted, so OpenAI need not
 * keep it: nothing of the user's code stays there, and it works where keeping is forbidden.
 */
export const PROVIDER_OPTIONS: ProviderOptions = { openai: { store: false } };
