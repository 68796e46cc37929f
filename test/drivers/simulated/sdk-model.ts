/** The real SDK of each wire, as a client. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import type { Wire } from '../../../src/protocol/words.ts';

/** `url`: without version segment. `usage`: whether a Chat Completions stream is asked for its usage. */
export function sdkModel(
  wire: Wire,
  { url, key, model, usage = true }: { url: string; key: string; model: string; usage?: boolean },
): LanguageModel {
  const settings = { baseURL: `${url}/${wire === 'gemini' ? 'v1beta' : 'v1'}`, apiKey: key };
  const models: Record<Wire, () => LanguageModel> = {
    'anthropic-messages': () => createAnthropic(settings).languageModel(model),
    'openai-responses': () => createOpenAI(settings).responses(model),
    'openai-chat': () => createOpenAICompatible({ ...settings, name: 'test', includeUsage: usage }).chatModel(model),
    gemini: () => createGoogleGenerativeAI(settings).languageModel(model),
  };
  return models[wire]();
}
