/** Plain HTTP to a simulated model: bodies for every wire, and what came back as bytes, events and the way it ended. */
import http from 'node:http';
import { createParser } from 'eventsource-parser';
import { afterEach } from 'vitest';
import type { ScriptInput } from '../../../src/drivers/simulated/script.ts';
import { type Simulated, startSimulated } from '../../../src/drivers/simulated/server.ts';
import type { Wire } from '../../../src/protocol/words.ts';
import { FORMS } from './forms.ts';

export const pathOf = (wire: Wire, stream = true) => FORMS[wire].path(stream);

const open = new Set<Simulated>();
afterEach(async () => {
  await Promise.all([...open].map((model) => model.close()));
  open.clear();
});

/** Closed after the test. */
export async function simulated(script: ScriptInput | object): Promise<Simulated> {
  const model = await startSimulated({ script });
  open.add(model);
  return model;
}
/** A model with one conversation for everything. */
export const saying = (...turns: object[]) => simulated({ conversations: [{ turns }] });

/** A request with one user message; `change` overrides any field. */
export const body = (wire: Wire, task: string, stream: boolean, change: object = {}): object => ({
  ...FORMS[wire].body([FORMS[wire].user(task)], stream),
  ...change,
});

export interface Reply {
  /** null: the connection ended before an answer. */
  status: number | null;
  headers: http.IncomingHttpHeaders;
  bytes: Buffer;
  /** Code of the connection's error; null where the answer came to its end. */
  broke: string | null;
}

/** Resolves when the answer is over, whole or not. */
export function ask(
  url: string,
  options: {
    method?: string;
    body?: object | string;
    headers?: Record<string, string>;
    agent?: http.Agent;
    onData?: (so: Buffer, request: http.ClientRequest) => void;
  } = {},
): Promise<Reply> {
  return new Promise((resolve) => {
    const method = options.method ?? (options.body === undefined ? 'GET' : 'POST');
    const request = http.request(url, { method, headers: options.headers, agent: options.agent ?? false });
    const reply: Reply = { status: null, headers: {}, bytes: Buffer.alloc(0), broke: null };
    const broken = (error: NodeJS.ErrnoException) => resolve({ ...reply, broke: error.code ?? error.message });
    request.on('error', broken);
    request.on('response', (response) => {
      reply.status = response.statusCode ?? null;
      reply.headers = response.headers;
      response.on('data', (chunk: Buffer) => {
        reply.bytes = Buffer.concat([reply.bytes, chunk]);
        options.onData?.(reply.bytes, request);
      });
      response.on('error', broken);
      response.on('end', () => resolve(reply));
    });
    request.end(typeof options.body === 'object' ? JSON.stringify(options.body) : options.body);
  });
}

export const json = (reply: Reply) => JSON.parse(reply.bytes.toString());

/** The data of each event; a part that is no JSON stays text. */
// biome-ignore lint/suspicious/noExplicitAny: answers of all wires, looked at by tests.
export function events(reply: Reply): any[] {
  const found: unknown[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      try {
        found.push(JSON.parse(data));
      } catch {
        found.push(data);
      }
    },
  });
  parser.feed(reply.bytes.toString());
  return found;
}

/** What the model said in a stream, put together again. */
export function said(reply: Reply): { thinking: string; text: string; calls: { name: string; args: string }[] } {
  const whole = { thinking: '', text: '', calls: [] as { name: string; args: string }[] };
  for (const event of events(reply)) {
    const { delta, content_block: block } = event;
    if (block?.type === 'tool_use') whole.calls.push({ name: block.name, args: '' });
    if (delta?.type === 'text_delta') whole.text += delta.text;
    if (delta?.type === 'thinking_delta') whole.thinking += delta.thinking;
    if (delta?.type === 'input_json_delta') whole.calls.at(-1)!.args += delta.partial_json;
    const chat = event.choices?.[0]?.delta;
    whole.text += chat?.content ?? '';
    whole.thinking += chat?.reasoning_content ?? chat?.reasoning ?? '';
    for (const call of chat?.tool_calls ?? []) {
      whole.calls[call.index] ??= { name: call.function.name, args: '' };
      whole.calls[call.index]!.args += call.function.arguments;
    }
    if (event.type === 'response.output_item.added' && event.item.type === 'function_call')
      whole.calls.push({ name: event.item.name, args: '' });
    if (event.type === 'response.output_text.delta') whole.text += delta;
    if (event.type === 'response.reasoning_summary_text.delta') whole.thinking += delta;
    if (event.type === 'response.function_call_arguments.delta') whole.calls.at(-1)!.args += delta;
    for (const part of event.candidates?.[0]?.content.parts ?? []) {
      whole[part.thought ? 'thinking' : 'text'] += part.text ?? '';
      const args = part.functionCall?.args;
      if (part.functionCall)
        whole.calls.push({
          name: part.functionCall.name,
          args: typeof args === 'string' ? args : JSON.stringify(args),
        });
    }
  }
  return whole;
}
