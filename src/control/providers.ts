/** The kinds of model service that discovery knows. */
import type { Provider } from '../core/contracts.ts';
import anthropic from '../drivers/providers/anthropic.ts';
import google from '../drivers/providers/google.ts';
import llamacpp from '../drivers/providers/llamacpp.ts';
import lmstudio from '../drivers/providers/lmstudio.ts';
import ollama from '../drivers/providers/ollama.ts';
import openai from '../drivers/providers/openai.ts';
import openaiCompatible from '../drivers/providers/openai-compatible.ts';
import simulated from '../drivers/providers/simulated.ts';

export const PROVIDERS: readonly Provider[] = [
  ollama,
  lmstudio,
  llamacpp,
  openaiCompatible,
  anthropic,
  openai,
  google,
  simulated,
];
