/** How each wire writes a request and an answer, for tests that hold on all of them. */
import type { Wire } from '../../../src/protocol/words.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of four wires, looked at by tests.
type Any = any;

export interface Form {
  /** Where a request goes that wants a stream, or one document. */
  path(stream: boolean): string;
  /** Whether a stream is wanted is in the body, or in the path. */
  body(messages: object[], stream: boolean): object;
  /** The name of the field the messages are in. */
  messages: string;
  user(text: string): object;
  call(id: string, name: string): object;
  result(id: string, name: string, text: string): object;
  tool(name: string): object;
  /** Out of an answer in one document. */
  text(document: Any): string;
  callId(document: Any): string;
  /** The count a client takes for the answer's tokens, in a document or in the event that has it; undefined where there is none. */
  output(holder: Any): number | undefined;
  errorWord(status: number): string;
  /** What the end of a stream holds and nothing before it. */
  end: string;
}

const OPENAI_ERRORS: Record<number, string> = {
  400: 'invalid_request_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

export const FORMS: Record<Wire, Form> = {
  'anthropic-messages': {
    path: () => '/v1/messages?beta=true',
    body: (messages, stream) => ({ model: 'm1', max_tokens: 100, messages, stream }),
    messages: 'messages',
    user: (content) => ({ role: 'user', content }),
    call: (id, name) => ({ role: 'assistant', content: [{ type: 'tool_use', id, name, input: {} }] }),
    result: (id, _, text) => ({
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text }] }],
    }),
    tool: (name) => ({ name, input_schema: {} }),
    text: (document) => document.content.find((block: Any) => block.type === 'text').text,
    callId: (document) => document.content.find((block: Any) => block.type === 'tool_use').id,
    output: (holder) => holder.usage?.output_tokens,
    errorWord: (status) => OPENAI_ERRORS[status]!,
    end: 'message_stop',
  },
  'openai-responses': {
    path: () => '/v1/responses',
    body: (input, stream) => ({ model: 'm1', input, stream, store: false }),
    messages: 'input',
    user: (text) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }),
    call: (id, name) => ({ type: 'function_call', call_id: id, name, arguments: '{}' }),
    result: (id, _, output) => ({ type: 'function_call_output', call_id: id, output }),
    tool: (name) => ({ type: 'function', name, parameters: {} }),
    text: (document) => document.output.find((item: Any) => item.type === 'message').content[0].text,
    callId: (document) => document.output.find((item: Any) => item.type === 'function_call').call_id,
    output: (holder) => (holder.response ?? holder).usage?.output_tokens,
    errorWord: (status) => OPENAI_ERRORS[status]!,
    end: 'response.completed',
  },
  'openai-chat': {
    path: () => '/v1/chat/completions',
    body: (messages, stream) => ({
      model: 'm1',
      messages,
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
    }),
    messages: 'messages',
    user: (content) => ({ role: 'user', content }),
    call: (id, name) => ({
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name, arguments: '{}' } }],
    }),
    result: (id, _, content) => ({ role: 'tool', tool_call_id: id, content }),
    tool: (name) => ({ type: 'function', function: { name, parameters: {} } }),
    text: (document) => document.choices[0].message.content,
    callId: (document) => document.choices[0].message.tool_calls[0].id,
    output: (holder) => holder.usage?.completion_tokens,
    errorWord: (status) => OPENAI_ERRORS[status]!,
    end: '[DONE]',
  },
  gemini: {
    path: (stream) => `/v1beta/models/m1:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: (contents) => ({ contents }),
    messages: 'contents',
    user: (text) => ({ role: 'user', parts: [{ text }] }),
    call: (id, name) => ({ role: 'model', parts: [{ functionCall: { id, name, args: {} } }] }),
    result: (id, name, text) => ({
      role: 'user',
      parts: [{ functionResponse: { id, name, response: { name, content: text } } }],
    }),
    tool: (name) => ({ functionDeclarations: [{ name, parameters: {} }] }),
    text: (document) =>
      document.candidates[0].content.parts.flatMap((part: Any) => (part.thought ? [] : (part.text ?? []))).join(''),
    // This wire sends none: a call is known by its place.
    callId: () => '1',
    output: (holder) => {
      const usage = holder.usageMetadata;
      return usage && usage.candidatesTokenCount + usage.thoughtsTokenCount;
    },
    errorWord: (status) => ({ 400: 'INVALID_ARGUMENT', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED' })[status]!,
    end: '"finishReason"',
  },
};

/** The word of an error document: Google's status, the others' type. */
export const errorWord = (document: Any): string => document.error.status ?? document.error.type;
