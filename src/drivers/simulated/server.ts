/**
 * A model that follows a script, on a loopback port, on every wire, as a stream or whole. It keeps no conversation: which turn it
 * answers with follows from the request alone, so parallel dispatches and retries do not disturb one another.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Wire } from '../../protocol/words.ts';
import { type Answer, answerTo, type Tokens } from './answer.ts';
import { type Asked, BadRequest, taskOf } from './conversation.ts';
import { startEngine } from './engine.ts';
import { type ModelRoute, modelRoute } from './model-routes.ts';
import { answerOther } from './other-routes.ts';
import type { Admitted, EngineAnswer } from './pose.ts';
import { parseScript, type Script, type ScriptFailure, type ScriptInput } from './script.ts';
import { LABEL, sendFailure, sendJson, sendStream, sendWhole } from './send.ts';
import { Sent } from './sent.ts';
import type { Dialect } from './wire.ts';

/** One request of any kind, as it came. */
interface SimulatedRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingHttpHeaders;
  /** The key it came with, wherever a client of any wire puts it. */
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
/** A Chat Completions server that is no engine in particular tells everything apart. */
const PLAIN: Dialect = { cached: true, reasoning: true, thinking: 'reasoning_content' };
/** What a model says that no longer sees its task. */
const FORGETFUL = 'The beginning of this conversation was cut off: I see no task in what is left of it.';

/** Rejects with a PanError where the script is wrong, with the system's error where the port is taken. */
export async function startSimulated(options: SimulatedOptions): Promise<Simulated> {
  const script = parseScript(options.script, 'the script');
  const engine = script.pose ? startEngine(script.pose) : null;
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
      key: keyOf(request.headers, request.url ?? ''),
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
    const route = routeOf(seen);
    if (!route && !engine) {
      request.resume();
      return answerOther(seen, script.models, response);
    }
    const text = await readBody(request);
    seen.body = text === null ? null : parseJson(text);
    if (!route) return answerEngine(response, engine!.answer(engineRequest(seen)));
    const { format, wants, target } = route;
    const refuse = (status: number, message: string) => sendJson(response, status, format.error(status, message));
    seen.model = target.model ?? modelIn(seen.body);
    if (wants === 'answer') seen.wire = format.wire;
    const report = wants === 'answer' ? sent.request(seen.model ?? 'unknown') : () => {};
    if (text === null) return refuse(413, 'the request is larger than 32 MB');
    try {
      if (wants === 'count') return sendJson(response, 200, format.count!(seen.body, target, text.length));
      const asked = format.read(seen.body, target);
      await answerModel({ route, asked, seen, report, requestChars: text.length }, response);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      refuse(400, error.message);
    }
  }

  /** null: no model request, or on a wire that the engine does not speak. */
  function routeOf({ method, path }: SimulatedRequest): ModelRoute | null {
    const route = modelRoute(method, path);
    return route && engine && !engine.wires.includes(route.format.wire) ? null : route;
  }

  async function answerModel(request: ModelRequest, response: ServerResponse): Promise<void> {
    const { route, asked, seen, report, requestChars } = request;
    const { format, target } = route;
    const admitted: Admitted | null = engine ? engine.admit(asked, Math.ceil(requestChars / 4)) : null;
    if (admitted && 'refused' in admitted) return answerEngine(response, admitted.refused);
    const client = String(seen.headers['x-claude-code-session-id'] ?? '');
    const given = answerTo(scriptFor(admitted), admitted?.asked ?? asked, { requestChars, client });
    if (!given) throw new BadRequest(`no conversation of the script fits the task "${taskOf(asked).slice(0, 200)}"`);
    const answer = admitted ? { ...given, usage: within(admitted, given) } : given;
    const failure = nextFailure(answer);
    seen.conversation = answer.conversation < script.conversations.length ? answer.conversation : null;
    seen.turn = seen.conversation === null ? null : answer.turn;
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
      dialect: engine?.dialect ?? PLAIN,
      freeform: asked.freeform ?? [],
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
    const { body, reports } = format.whole(answer, answered);
    return sendWhole(response, { body: target.form === 'array' ? [body] : body, reports }, sending);
  }

  /** A model that does not see its task any more says something all the same. */
  function scriptFor(admitted: Exclude<Admitted, { refused: unknown }> | null): Script {
    if (!admitted?.cut) return script;
    return { ...script, conversations: [...script.conversations, { turns: [{ text: FORGETFUL }], repeat: false }] };
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
  route: ModelRoute;
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

function keyOf(headers: IncomingHttpHeaders, url: string): string | null {
  const own = headers['x-api-key'] ?? headers['x-goog-api-key'];
  if (own !== undefined) return String(own);
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  return bearer ?? new URLSearchParams(url.split('?', 2)[1]).get('key');
}

function engineRequest({ method, path, body }: SimulatedRequest) {
  const [plain, query] = path.split('?', 2);
  return { method, path: plain!, query: new URLSearchParams(query), body };
}

function answerEngine(response: ServerResponse, { status, body }: EngineAnswer): void {
  if (typeof body === 'object') sendJson(response, status, body);
  else response.writeHead(status, { ...LABEL, 'content-type': 'text/plain; charset=utf-8' }).end(body);
}

/** An engine counts what the model saw, whatever the script says; and never more than fits into the window. */
function within({ prompt, cut }: Exclude<Admitted, { refused: unknown }>, { script, usage }: Answer): Tokens {
  if (!cut) return usage;
  const whole = usage.input + usage.cacheRead + usage.cacheWrite;
  const input = script.usage?.input === undefined ? prompt : Math.min(whole, prompt);
  return { ...usage, input, cacheRead: 0, cacheWrite: 0 };
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
