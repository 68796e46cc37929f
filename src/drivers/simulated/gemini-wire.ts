/**
 * Gemini's generateContent (API reference v1beta: GenerateContentResponse, function calling, thought signatures; errors as google.rpc.Status).
 * The path names the model and says whether the answer is a stream.
 */
import * as z from 'zod';
import type { Answer, Tokens } from './answer.ts';
import { type Asked, type AskedMessage, BadRequest, checkCalls, checked } from './conversation.ts';
import { type AnswerOptions, asJson, pieces, type StreamEvent, type Target, type WireFormat } from './wire.ts';

const Part = z.looseObject({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  thoughtSignature: z.string().optional(),
  functionCall: z.looseObject({ id: z.string().optional(), name: z.string().min(1) }).optional(),
  functionResponse: z
    .looseObject({ id: z.string().optional(), name: z.string().min(1), response: z.looseObject({}) })
    .optional(),
});
type Part = z.infer<typeof Part>;
const Content = z.looseObject({ role: z.enum(['user', 'model', 'function']).optional(), parts: z.array(Part).min(1) });
const Tool = z.looseObject({
  functionDeclarations: z.array(z.looseObject({ name: z.string() })).optional(),
  function_declarations: z.array(z.looseObject({ name: z.string() })).optional(),
});

/** Google takes its fields in both spellings. */
const Body = z.looseObject({
  contents: z.array(Content).min(1),
  systemInstruction: z.looseObject({ parts: z.array(Part) }).optional(),
  system_instruction: z.looseObject({ parts: z.array(Part) }).optional(),
  tools: z.array(Tool).optional(),
});

function read(data: unknown, target: Target): Asked {
  const body = checked(Body, data);
  const model = target.model ?? '';
  const messages = readContents(body.contents, model);
  checkCalls(messages);
  const system = body.systemInstruction ?? body.system_instruction;
  return {
    model,
    stream: target.form === 'stream',
    wantsUsage: true,
    system: texts(system?.parts ?? []).join('\n'),
    messages,
    tools: (body.tools ?? []).flatMap((tool) =>
      (tool.functionDeclarations ?? tool.function_declarations ?? []).map(({ name }) => name),
    ),
  };
}

/** A call without an id is known by its place; a result without one answers the first open call of its name. */
function readContents(contents: z.infer<typeof Content>[], model: string): AskedMessage[] {
  const open: { id: string; name: string }[] = [];
  return contents.map((content, at) => {
    const { parts } = content;
    const role = content.role === 'model' ? 'assistant' : 'user';
    const called = parts.filter((part) => part.functionCall);
    // Gemini 3 refuses a turn of calls whose first one comes back without its signature.
    if (/^gemini-3/.test(model) && called.length > 0 && called[0]!.thoughtSignature === undefined)
      throw new BadRequest(
        `Function call is missing a thought_signature in functionCall parts. Function call \`${called[0]!.functionCall!.name}\`, contents.${at}.`,
      );
    const calls = called.map(({ functionCall: call }, n) => ({ id: call!.id ?? `${at}.${n}`, name: call!.name }));
    open.push(...calls);
    const results = parts.flatMap(({ functionResponse: result }) => {
      if (!result) return [];
      const answered = open.findIndex((call) =>
        result.id === undefined ? call.name === result.name : call.id === result.id,
      );
      const id = open[answered]?.id ?? result.id ?? result.name;
      if (answered >= 0) open.splice(answered, 1);
      return [{ id, text: resultText(result.response) }];
    });
    return { role, text: texts(parts), calls, results, chars: JSON.stringify(content).length };
  });
}

const texts = (parts: Part[]): string[] =>
  parts.flatMap((part) => (part.text === undefined || part.thought ? [] : [part.text]));

/** Clients choose the field: the AI SDK `content`, Gemini CLI `output` or `error`. */
function resultText(response: Record<string, unknown>): string {
  const said = response.content ?? response.output ?? response.result ?? response.error;
  return typeof said === 'string' ? said : JSON.stringify(response);
}

const FINISH: Record<string, string> = {
  stop: 'STOP',
  'tool-calls': 'STOP',
  length: 'MAX_TOKENS',
  'content-filter': 'SAFETY',
};

/** This wire counts the whole prompt, of which it names the cached part, and thoughts beside what was written. */
const usageOf = (tokens: Tokens) => {
  const promptTokenCount = tokens.input + tokens.cacheRead + tokens.cacheWrite;
  const candidatesTokenCount = Math.max(0, tokens.output - tokens.reasoning);
  return {
    promptTokenCount,
    cachedContentTokenCount: tokens.cacheRead,
    candidatesTokenCount,
    thoughtsTokenCount: tokens.reasoning,
    totalTokenCount: promptTokenCount + candidatesTokenCount + tokens.reasoning,
  };
};
/** What a client can read out of it. */
const reported = (tokens: Tokens): Tokens => ({
  ...tokens,
  input: tokens.input + tokens.cacheWrite,
  cacheWrite: 0,
  output: Math.max(tokens.output, tokens.reasoning),
});
/** As long as the answer goes on only the prompt is counted. */
const soFar = (tokens: Tokens): Tokens => ({ ...tokens, output: 0, reasoning: 0 });

/** Opaque to the client, which must send it back. */
const SIGNATURE = 'c2ltdWxhdGVk';

/** The first call of a turn carries the signature of the thinking before it. */
const callParts = (answer: Answer): object[] =>
  answer.calls.map(({ name, args }, n) => ({
    functionCall: { name, args: asJson(args) },
    ...(n === 0 ? { thoughtSignature: SIGNATURE } : {}),
  }));

const document = (answer: Answer, { n, model, usage }: AnswerOptions, parts: object[], last: boolean) => ({
  candidates: [
    {
      content: { parts, role: 'model' },
      ...(last && answer.finish !== null ? { finishReason: FINISH[answer.finish] ?? answer.finish } : {}),
      index: 0,
    },
  ],
  ...(usage ? { usageMetadata: usageOf(last ? answer.usage : soFar(answer.usage)) } : {}),
  modelVersion: model,
  responseId: `simulated-${n}`,
});

function stream(answer: Answer, options: AnswerOptions): StreamEvent[] {
  const said = [
    ...pieces(answer.thinking).map((text) => ({ text, thought: true })),
    ...pieces(answer.text).map((text) => ({ text })),
    ...callParts(answer),
  ];
  const event = (kind: StreamEvent['kind'], parts: object[]): StreamEvent => ({
    kind,
    text: `data: ${JSON.stringify(document(answer, options, parts, kind === 'end'))}\n\n`,
    reports: options.usage ? reported(kind === 'end' ? answer.usage : soFar(answer.usage)) : undefined,
  });
  return [...said.map((part) => event('content', [part])), event('end', [{ text: '' }])];
}

function whole(answer: Answer, options: AnswerOptions) {
  const parts = [
    ...(answer.thinking === '' ? [] : [{ text: answer.thinking, thought: true }]),
    ...(answer.text === '' ? [] : [{ text: answer.text }]),
    ...callParts(answer),
  ];
  return {
    body: document(answer, options, parts, true),
    reports: options.usage ? reported(answer.usage) : null,
  };
}

/** google.rpc.Code by HTTP status. */
const CODES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** How long to wait is part of the document. */
const error = (code: number, message: string, retrySeconds?: number) => ({
  error: {
    code,
    message,
    status: CODES[code] ?? (code >= 500 ? 'INTERNAL' : 'FAILED_PRECONDITION'),
    ...(retrySeconds === undefined
      ? {}
      : { details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retrySeconds}s` }] }),
  },
});

export const geminiWire: WireFormat = {
  wire: 'gemini',
  read,
  stream,
  whole,
  /** Counts either the contents of the body, or those of a whole request in it. */
  count(data, target, chars) {
    const { generateContentRequest } = checked(z.looseObject({ generateContentRequest: z.unknown().optional() }), data);
    read(generateContentRequest ?? data, target);
    return { totalTokens: Math.ceil(chars / 4) };
  },
  error,
  streamError: (message) => `data: ${JSON.stringify(error(503, message))}\n\n`,
};
