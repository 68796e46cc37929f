/**
 * The AI SDK's model interface, by the names this house uses. The loop calls the model through it directly: `streamText` on top
 * would cost 18 ms more per start and hides the single attempt, which the loop must report.
 */
import type { LanguageModel } from 'ai';

export type LanguageModelV4 = Extract<LanguageModel, { specificationVersion: 'v4' }>;
export type CallOptions = Parameters<LanguageModelV4['doStream']>[0];
export type Message = CallOptions['prompt'][number];
export type AssistantPart = Extract<Message, { role: 'assistant' }>['content'][number];
export type StreamResult = Awaited<ReturnType<LanguageModelV4['doStream']>>;
export type StreamPart = StreamResult['stream'] extends ReadableStream<infer Part> ? Part : never;
export type FunctionTool = Extract<NonNullable<CallOptions['tools']>[number], { type: 'function' }>;
export type ProviderOptions = NonNullable<CallOptions['providerOptions']>;
