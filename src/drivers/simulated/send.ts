/** Puts an answer on the wire, whole or going wrong as the script wants. */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Tokens } from './answer.ts';
import type { Ending, ScriptFailure } from './script.ts';
import type { StreamEvent, Whole, WireFormat } from './wire.ts';

/** Every answer says that it is no real model's; the gateway passes this on into the receipt. */
export const LABEL = { 'x-pancode-simulated': '1' };

/** Broken JSON, a line that is no event, bytes that are no UTF-8. */
const GARBAGE = Buffer.concat([
  Buffer.from('data: {"choices": [{"delta": \n\nevent\n<html>'),
  Buffer.from([0, 0xff, 0xfe]),
  Buffer.from('\n\ndata: [1]\n\n'),
]);

export interface SendOptions {
  then: Ending | null;
  delayMs: number;
  betweenMs: number;
  /** Text of the wire's error event, for the ending `error`. */
  streamError: string;
  /** Called when tokens went out; cumulative within this answer. */
  onReported(tokens: Tokens): void;
}

/** Resolves when the answer is out, or the client has gone. */
export async function sendStream(response: ServerResponse, events: StreamEvent[], options: SendOptions): Promise<void> {
  const line = new Line(response);
  if (!(await line.rest(options.delayMs))) return;
  if (options.then === 'drop') return line.drop();
  response.writeHead(200, { ...LABEL, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const chosen = upTo(events, options.then);
  for (const [n, event] of chosen.entries()) {
    if (n > 0 && !(await line.rest(options.betweenMs))) return;
    if (!(await line.write(event.text))) return;
    if (event.reports) options.onReported(event.reports);
  }
  if (options.then === 'garbage') await line.write(GARBAGE);
  if (options.then === 'error') await line.write(options.streamError);
  await line.end(options.then);
}

export function sendFailure(
  response: ServerResponse,
  format: WireFormat,
  failure: ScriptFailure,
  status: number,
): void {
  const headers: Record<string, string> = {};
  if (failure.retryAfter !== undefined) headers['retry-after'] = String(failure.retryAfter);
  if (failure.body !== undefined)
    response.writeHead(status, { ...LABEL, 'content-type': 'text/html', ...headers }).end(failure.body);
  else {
    const seconds = typeof failure.retryAfter === 'number' ? failure.retryAfter : undefined;
    sendJson(response, status, format.error(status, failure.message ?? `scripted failure ${status}`, seconds), headers);
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { ...LABEL, 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** The events that are sent: all, all but the end marker, or the first half of what the model says. */
function upTo(events: StreamEvent[], then: Ending | null): StreamEvent[] {
  if (then === null || then === 'end-without-usage') return events;
  const begun = events.filter((event) => event.kind !== 'end');
  if (then === 'unfinished') return begun;
  const start = begun.filter((event) => event.kind === 'start').length;
  return begun.slice(0, start + Math.ceil((begun.length - start) / 2));
}

export async function sendWhole(
  response: ServerResponse,
  { body, reports }: Whole,
  options: SendOptions,
): Promise<void> {
  const line = new Line(response);
  const { then } = options;
  if (!(await line.rest(options.delayMs))) return;
  if (then === 'drop') return line.drop();
  const text = Buffer.from(JSON.stringify(body));
  const half = text.subarray(0, text.length >> 1);
  const sent = then === null || then === 'end-without-usage' ? text : then === 'garbage' ? GARBAGE : half;
  // A connection that breaks off has promised more than it brings.
  const length = then === 'garbage' || then === 'unfinished' ? sent.length : text.length;
  response.writeHead(200, { ...LABEL, 'content-type': 'application/json', 'content-length': length });
  if (!(await line.write(sent))) return;
  if (sent === text && reports) options.onReported(reports);
  await line.end(then);
}

/** One answer's connection: writing with back-pressure, waiting, and every way to stop. */
class Line {
  readonly #response: ServerResponse;
  readonly #gone = new AbortController();

  constructor(response: ServerResponse) {
    this.#response = response;
    response.once('close', () => this.#gone.abort());
    if (response.destroyed) this.#gone.abort();
  }

  /** False: the client has gone. */
  async rest(ms: number): Promise<boolean> {
    // A rejection is the client's going, which is what is asked here.
    if (ms > 0) await wait(ms, undefined, { signal: this.#gone.signal }).catch(() => {});
    return !this.#gone.signal.aborted;
  }

  /** Resolves when the bytes were handed to the system. False: the client has gone. */
  write(data: string | Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#gone.signal.aborted) return resolve(false);
      const gone = () => resolve(false);
      this.#gone.signal.addEventListener('abort', gone, { once: true });
      this.#response.write(data, (error) => {
        this.#gone.signal.removeEventListener('abort', gone);
        resolve(!error);
      });
    });
  }

  drop(): void {
    this.#response.destroy();
  }

  async end(then: Ending | null): Promise<void> {
    const { socket } = this.#response;
    if (then === 'cut') socket?.end();
    else if (then === 'reset') socket?.resetAndDestroy();
    else if (then !== 'hang') this.#response.end();
    // `hang` lasts until the client gives up or the server is closed.
    if (!this.#gone.signal.aborted)
      await new Promise<void>((resolve) =>
        this.#gone.signal.addEventListener('abort', () => resolve(), { once: true }),
      );
  }
}
