/**
 * A model that follows a script, on a loopback port: Messages and Chat Completions, as a stream or whole. It keeps no conversation:
 * which turn it answers with follows from the request alone, so parallel dispatches and retries do not disturb one another.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Wire } from '../../protocol/words.ts';
import { type Answer, answerTo, type Tokens } from './answer.ts';
import { chatWire } from './chat-wire.ts';
import { type Asked, BadRequest, taskOf } from './conversation.ts';
import { countTokens, messagesWire } from './messages-wire.ts';
import { answerOther } from './other-routes.ts';
import { parseScript, type ScriptFailure, type ScriptInput } from './script.ts';
import { sendFailure, sendJson, sendStream, sendWhole } from './send.ts';
import { Sent } from './sent.ts';
import type { WireFormat } from './wire.ts';

/** One request of any kind, as it came. */
interface SimulatedRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingHttpHeaders;
  /** The key it came with, by `x-api-key` or as a bearer token. */
  key: string | null;
  /** null: no model request. */
  wire: Wire | null;
  model: string | null;
  /** Parsed JSON; undefined or null where there was none. */
  body: unknown;
  /** Places in the script, counted from 0; null where the script did not answer. */
  conversation: number | null;
  turn: number | null;
  /** The how-manieth try of this turn, from 1; null where the script did not answer. */
  attempt: number | null;
  /** Milliseconds on a monotonic clock. */
  at: number;
}

export interface Simulated {
  /** Without version segment. */
  url: string;
  /** Newest last. */
  requests: SimulatedRequest[];
  /** Tokens really written to the wire so far. */
  sent: Sent;
  close(): Promise<void>;
}

export interface SimulatedOptions {
  script: ScriptInput | object;
  /** 0 or not given: any free one. */
  port?: number;
  /** How many requests are remembered; all if not given. */
  remember?: number;
}

/** Size the real Messages service accepts (32 MB). */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Rejects with a PanError where the script is wrong, with the system's error where the port is taken. */
export async function startSimulated(options: SimulatedOptions): Promise<Simulated> {
  const script = parseScript(options.script, 'the script');
  const requests: SimulatedRequest[] = [];
  const sent = new Sent();
  /** Failed tries of a turn that has not been answered yet, by the answer's key. */
  const failed = new Map<string, number>();
  let answers = 0;

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A fault of ours must be seen by whoever drives the script, not look like a slow model.
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { message: `the simulated model failed: ${String(error)}` } });
    });
  });
  // A client that reuses an idle connection must not meet one that is just being closed.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen: SimulatedRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      key: keyOf(request.headers),
      wire: null,
      model: null,
      body: null,
      conversation: null,
      turn: null,
      attempt: null,
      at: performance.now(),
    };
    requests.push(seen);
    if (requests.length > (options.remember ?? Number.POSITIVE_INFINITY)) requests.shift();
    const route = `${seen.method} ${seen.path.replace(/\?.*$/s, '').replace(/^\/v1(?=\/)/, '')}`;
    const format = { 'POST /messages': messagesWire, 'POST /chat/completions': chatWire }[route];
    const counting = route === 'POST /messages/count_tokens';
    if (!format && !counting) {
      request.resume();
      return answerOther(route, script.models, request.headers['anthropic-version'] !== undefined, response);
    }
    const text = await readBody(request);
    seen.wire = format?.wire ?? null;
    seen.body = text === null ? null : parseJson(text);
    seen.model = modelIn(seen.body);
    const report = format ? sent.request(seen.model ?? 'unknown') : null;
    const refuse = (status: number, message: string) =>
      sendJson(response, status, (format ?? messagesWire).error(status, message));
    if (text === null) return refuse(413, 'the request is larger than 32 MB');
    try {
      if (!format || !report) return sendJson(response, 200, countTokens(seen.body, text.length));
      const asked = format.read(seen.body);
      await answerModel({ format, asked, seen, report, requestChars: text.length }, response);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      refuse(400, error.message);
    }
  }

  async function answerModel(request: ModelRequest, response: ServerResponse): Promise<void> {
    const { format, asked, seen, report, requestChars } = request;
    const client = String(seen.headers['x-claude-code-session-id'] ?? '');
    const answer = answerTo(script, asked, { requestChars, client });
    if (!answer) throw new BadRequest(`no conversation of the script fits the task "${taskOf(asked).slice(0, 200)}"`);
    const failure = nextFailure(answer);
    seen.conversation = answer.conversation;
    seen.turn = answer.turn;
    seen.attempt = (failed.get(answer.key) ?? 0) + 1;
    if (failure) failed.set(answer.key, seen.attempt);
    else failed.delete(answer.key);
    if (failure?.status !== undefined) return sendFailure(response, format, failure, failure.status);

    const then = failure?.then ?? answer.script.then ?? null;
    answers += 1;
    const answered = {
      n: answers,
      model: asked.model,
      usage: then !== 'end-without-usage' && (asked.wantsUsage || !asked.stream),
    };
    const sending = {
      then,
      delayMs: answer.script.delayMs ?? 0,
      betweenMs: answer.script.betweenMs ?? 0,
      streamError: format.streamError('the script breaks off here'),
      onReported: report,
    };
    if (asked.stream) return sendStream(response, format.stream(answer, answered), sending);
    // Outside a stream the error comes instead of the answer.
    if (then === 'error') return sendJson(response, 500, format.error(500, 'the script breaks off here'));
    return sendWhole(response, format.whole(answer, answered), sending);
  }

  /** The failure of this try; null once the turn is answered. A turn that was answered fails again when it is asked again. */
  function nextFailure(answer: Answer): ScriptFailure | null {
    let tries = failed.get(answer.key) ?? 0;
    for (const failure of answer.script.fail ?? []) {
      if (tries < failure.times) return failure;
      tries -= failure.times;
    }
    return null;
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface ModelRequest {
  format: WireFormat;
  asked: Asked;
  seen: SimulatedRequest;
  report(tokens: Tokens): void;
  requestChars: number;
}

/** null: larger than a real service takes. It is read to its end all the same, because a client that still sends reads no answer. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? null : Buffer.concat(chunks).toString('utf8');
}

function keyOf(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  return headers['x-api-key'] === undefined ? (bearer ?? null) : String(headers['x-api-key']);
}

/** undefined: no JSON; the wire then says what is wrong with it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function modelIn(body: unknown): string | null {
  const model = (body as { model?: unknown } | null | undefined)?.model;
  return typeof model === 'string' ? model : null;
}
