/** Forwards one admitted request and meters its answer while it passes. */
import type http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { serviceUrl } from '../../core/base-url.ts';
import type { GatewayRoute } from '../../core/gateway-route.ts';
import { meterAnswer } from '../../core/meter/answer.ts';
import { countedFrom, NOT_COUNTED, unanswered } from '../../core/meter/counted.ts';
import { bodyErrorText } from '../../core/meter/error-text.ts';
import { askForUsage, type PromptFacts, promptBytes, readPrompt } from '../../core/meter/prompt.ts';
import { retryAfter, retryAfterSaid } from '../../core/retry-after.ts';
import type { Upstream } from '../../protocol/job.ts';
import type { MeteredRequest } from '../../protocol/usage.ts';
import { readBody } from './bounded-body.ts';
import { downstreamHeaders, redact, upstreamHeaders } from './headers.ts';
import { hideKey } from './hide-key.ts';
import { refuse } from './refusal.ts';
import { askUpstream, plainBody, upstreamFault } from './upstream.ts';

/** Error answers are read whole before they are passed on, so that a key in them can be taken out. */
const MAX_ERROR_BYTES = 1024 * 1024;
const MAX_ERROR_MS = 5_000;
const REDIRECTS = [301, 302, 303, 307, 308];

export interface Door {
  upstream: Upstream;
  apiKey: string | null;
  token: string;
  /** What a request is counted under where neither it nor its answer names a model. */
  model: string | null;
  agent: http.Agent;
  /** False once the service refused a request for usage it was not asked for by the client. */
  asksUsage: boolean;
}

export interface Exchange {
  n: number;
  route: Extract<GatewayRoute, { kind: 'forward' }>;
  request: IncomingMessage;
  response: ServerResponse;
  body: Buffer;
  /** Aborted when the agent has gone or the gateway closes; its reason is a sentence. */
  signal: AbortSignal;
}

/** Never rejects for anything the agent or the service does. */
export async function forward(door: Door, exchange: Exchange): Promise<MeteredRequest> {
  const { route, response, signal } = exchange;
  const began = performance.now();
  const elapsed = () => Math.round(performance.now() - began);
  const text = route.generates ? exchange.body.toString('utf8') : '';
  const prompt = readPrompt(text);
  const metered: MeteredRequest = {
    n: exchange.n,
    path: pathOf(route),
    model: route.model ?? prompt.model ?? (route.generates ? door.model : null),
    status: null,
    ...NOT_COUNTED,
    complete: false,
    simulated: false,
    ms: 0,
    firstTokenMs: null,
    retryAfterMs: null,
    error: null,
    brokenBy: null,
  };
  try {
    const { answer, errorBody } = await answerOf(door, exchange, text, prompt);
    metered.status = answer.statusCode ?? null;
    metered.simulated = 'x-pancode-simulated' in answer.headers;
    if (errorBody) {
      metered.retryAfterMs = retryAfter(answer.headers, Date.now()) ?? retryAfterSaid(errorBody.text);
      metered.complete = errorBody.whole;
      metered.error = bodyErrorText(errorBody.text) ?? `The model server answered ${metered.status} without a word.`;
      passError(door, exchange, answer, errorBody.text);
    } else if (REDIRECTS.includes(metered.status ?? 0)) {
      answer.destroy();
      metered.error = `The model server redirects to another address (${metered.status}), which is not followed: its URL must be configured as it is.`;
      refuse(response, door.upstream.wire, 400, metered.error);
    } else Object.assign(metered, await passAnswer(door, exchange, answer, { text, prompt, elapsed }));
  } catch (error) {
    metered.error = signal.aborted ? String(signal.reason) : upstreamFault(error);
    metered.brokenBy = signal.aborted ? 'here' : 'service';
    if (signal.aborted && route.generates) Object.assign(metered, unanswered(promptBytes(text)));
    refuse(response, door.upstream.wire, 502, metered.error);
  }
  metered.error &&= redact(metered.error, door.apiKey);
  return { ...metered, ms: elapsed() };
}

/** As it is recorded: without query. */
export const pathOf = (route: Exchange['route']): string => route.path.split('?')[0]!;

type ErrorBody = { text: string; whole: boolean };

/** The service's answer; its body is read already where it is an error. A stream is asked for its usage where the client did not. */
async function answerOf(
  door: Door,
  exchange: Exchange,
  text: string,
  prompt: PromptFacts,
): Promise<{ answer: IncomingMessage; errorBody: ErrorBody | null }> {
  const asks = door.upstream.wire === 'openai-chat' && exchange.route.generates && door.asksUsage;
  const asking = asks ? askForUsage(text, prompt) : null;
  const first = await ask(door, exchange, asking === null ? exchange.body : Buffer.from(asking));
  if (asking === null || !first.errorBody || !refusesUsage(first)) return first;
  door.asksUsage = false;
  return ask(door, exchange, exchange.body);
}

/** Older servers refuse a field they do not know: 400, or 422 from those that check a schema. */
function refusesUsage({ answer, errorBody }: { answer: IncomingMessage; errorBody: ErrorBody | null }): boolean {
  const strict = answer.statusCode === 400 || answer.statusCode === 422;
  return strict && /stream_options|include_usage/.test(errorBody?.text ?? '');
}

async function ask(
  door: Door,
  { request, route, signal }: Exchange,
  body: Buffer,
): Promise<{ answer: IncomingMessage; errorBody: ErrorBody | null }> {
  const sends = request.method === 'POST';
  const answer = await askUpstream({
    url: serviceUrl(door.upstream.wire, door.upstream.baseUrl, route.path),
    method: request.method ?? 'POST',
    headers: upstreamHeaders(request.headers, {
      wire: door.upstream.wire,
      apiKey: door.apiKey,
      token: door.token,
      body: sends ? body.length : null,
    }),
    body: sends ? body : null,
    agent: door.agent,
    signal,
  });
  if ((answer.statusCode ?? 0) < 400) return { answer, errorBody: null };
  const enough = AbortSignal.any([signal, AbortSignal.timeout(MAX_ERROR_MS)]);
  const read = await readBody(plainBody(answer).body, MAX_ERROR_BYTES, enough);
  if (!read.whole) answer.destroy();
  return { answer, errorBody: { text: read.bytes.toString('utf8'), whole: read.whole } };
}

function passError(door: Door, { response }: Exchange, answer: IncomingMessage, text: string): void {
  if (response.destroyed) return;
  const body = Buffer.from(redact(text, door.apiKey));
  response.writeHead(answer.statusCode ?? 502, {
    ...downstreamHeaders(answer.headers, { apiKey: door.apiKey, decoded: true }),
    'content-length': body.length,
  });
  response.end(body);
}

type Passed = Partial<MeteredRequest> & Pick<MeteredRequest, 'complete' | 'error' | 'brokenBy'>;

const WHOLE = { error: null, brokenBy: null };

/** Passes a good answer on, chunk by chunk at the agent's pace. An answer that breaks off breaks off for the agent too. */
async function passAnswer(
  door: Door,
  { route, response, signal }: Exchange,
  answer: IncomingMessage,
  asked: { text: string; prompt: PromptFacts; elapsed: () => number },
): Promise<Passed> {
  const { wire } = door.upstream;
  const streams = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '');
  const meter = meterAnswer(wire, streams ? 'stream' : null);
  const { body, decoded } = plainBody(answer);
  const hide = hideKey(door.apiKey);
  let firstTokenMs: number | null = null;
  let cut: Pick<MeteredRequest, 'error' | 'brokenBy'> | null = null;
  body.once('error', (error: NodeJS.ErrnoException) => {
    if (signal.aborted) return;
    cut = { error: `The model server broke off its answer (${error.code ?? error.message}).`, brokenBy: 'service' };
  });
  response.writeHead(answer.statusCode ?? 200, downstreamHeaders(answer.headers, { apiKey: door.apiKey, decoded }));
  response.flushHeaders();
  try {
    await pipeline(
      body,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          if (route.generates) meter.add(chunk);
          if (meter.kind === 'stream' && meter.reading.answerBytes > 0) firstTokenMs ??= asked.elapsed();
          yield hide(chunk);
        }
        yield hide(null);
      },
      response,
      { signal },
    );
  } catch (error) {
    const here = signal.aborted
      ? String(signal.reason)
      : `The answer could not be passed on (${(error as Error).message}).`;
    cut ??= { error: here, brokenBy: 'here' };
  }
  if (!route.generates) return { complete: cut === null, ...(cut ?? WHOLE) };
  meter.end();
  const { reading } = meter;
  const strange = 'The model server answered with something that is no answer of this kind of service.';
  const silent = reading.understood ? 'The answer of the model server ended without its end marker.' : strange;
  // Servers of the other wires answer under names of their own (a file, an alias, a date): there the name that was asked for holds.
  const named = route.model ?? asked.prompt.model;
  const names = reading.model !== null && (wire === 'anthropic-messages' || named === null);
  return {
    ...countedFrom(reading, () => promptBytes(asked.text)),
    ...(names && { model: reading.model }),
    firstTokenMs,
    complete: reading.complete,
    // What the service says of itself in its answer may be about what it was asked.
    ...(reading.error !== null
      ? { error: reading.error, brokenBy: null }
      : (cut ?? (reading.complete ? WHOLE : { error: silent, brokenBy: 'service' }))),
  };
}
