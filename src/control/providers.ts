/** The kinds of model service that discovery knows. */
import type { Provider } from '../core/contracts.ts';
import anthropic from '../drivers/providers/anthropic.ts';
import ollama from '../drivers/providers/ollama.ts';
import openaiCompatible from '../drivers/providers/openai-compatible.ts';
import simulated from '../drivers/providers/simulated.ts';

export const PROVIDERS: readonly Provider[] = [ollama, openaiCompatible, anthropic, simulated];
