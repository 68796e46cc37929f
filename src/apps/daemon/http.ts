/**
 * HTTP on the daemon's socket: routes, JSON in and out, event streams, one form for errors. On Node's own server: a framework would load
 * the web classes for requests and streams, 30 ms of a cold start that may take 200 (measured).
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { diskFault } from '../../core/disk-fault.ts';
import { EXIT, PanError } from '../../protocol/error.ts';
import { VERSION } from '../version.ts';

export interface Call {
  /** What stands for `:id` in the route; empty where the route has none. */
  id: string;
  query: Record<string, string>;
  /** Parsed JSON; null where there is none, or it is none. */
  body(): Promise<unknown>;
  /** Aborted when the client goes. */
  signal: AbortSignal;
}

/** Gives the document to answer with, or `EventStream`. Throws PanError for a refusal. */
export type Handler = (call: Call) => unknown;

/** An answer that goes on: server-sent events, with `seq` as their id. */
export class EventStream {
  readonly events: AsyncIterable<object>;
  constructor(events: AsyncIterable<object>) {
    this.events = events;
  }
}

const MAX_BODY = 16 * 1024 * 1024;

/** `routes` by method and path, such as `POST /v1/things/:id/do`. `log` gets what is a fault of ours. `otherwise`: why no other is answered. */
export function createListener(
  routes: Record<string, Handler>,
  log: (line: string) => void,
  otherwise: (asked: string) => PanError = noRoute,
): RequestListener {
  const table = Object.entries(routes).map(([route, handler]) => ({ parts: route.split(/[ /]/), handler }));
  return (request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    void answer(table, otherwise, request, response, gone.signal).catch((error: unknown) => {
      if (!gone.signal.aborted) refuse(response, error, log);
    });
  };
}

const noRoute = (asked: string): PanError =>
  new PanError(
    'no-route',
    `The daemon knows no ${asked}.`,
    'Use the pancode command of the same version as the daemon.',
  );

async function answer(
  table: { parts: string[]; handler: Handler }[],
  otherwise: (asked: string) => PanError,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://daemon');
  const wanted = [request.method ?? '', ...url.pathname.split('/')];
  const fits = (parts: string[]) =>
    parts.length === wanted.length && parts.every((part, n) => part === ':id' || part === wanted[n]);
  const route = table.find(({ parts }) => fits(parts));
  if (!route) throw otherwise(`${request.method} ${url.pathname}`);
  // A client of another version replaces this daemon and asks its successor: nothing is done for it here but to say who we are, and to end.
  const theirs = request.headers['x-pancode-version'];
  if (theirs !== VERSION && !['/v1/hello', '/v1/stop'].includes(url.pathname)) {
    send(response, 409, {});
    return;
  }
  const result = await route.handler({
    id: decodeURIComponent(wanted[route.parts.indexOf(':id')] ?? ''),
    query: Object.fromEntries(url.searchParams),
    body: () => readJson(request),
    signal,
  });
  if (!(result instanceof EventStream)) {
    send(response, 200, result);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-pancode-version': VERSION });
  response.flushHeaders();
  for await (const event of result.events) {
    const id = 'seq' in event ? `id: ${event.seq}\n` : '';
    const room = response.write(`${id}data: ${JSON.stringify(event)}\n\n`);
    if (!room && !signal.aborted) await drained(response, signal);
    if (signal.aborted) return;
  }
  response.end();
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY)
      throw new PanError('too-large', 'The request is larger than 16 MB.', 'Put long texts into files of the project.');
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return null; // the schema of the route says what is missing
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-pancode-version': VERSION });
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, error: unknown, log: (line: string) => void): void {
  const known = error instanceof PanError ? error : diskFault(error);
  if (known && !response.headersSent) {
    send(response, 422, { error: { ...known.body(), exit: known.exit } });
    return;
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  log(`bug: ${fault.stack ?? fault.message}`);
  if (response.headersSent) {
    // The client asks again from where the stream broke off.
    response.destroy();
    return;
  }
  const body = {
    code: 'bug',
    what: `PanCode failed: ${fault.message}.`,
    do: 'Run the command again; if it stays, report it with the daemon log.',
    exit: EXIT.failed,
  };
  send(response, 500, { error: body });
}
