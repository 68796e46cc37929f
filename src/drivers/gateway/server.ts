/**
 * The gateway of one dispatch: the only way its agent reaches a model. It holds the key, forwards to exactly one service, lets nothing
 * else through, and meters every model request from the bytes that pass. It is not a proxy.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gatewayRoute } from '../../core/gateway-route.ts';
import { SOCKET_NAME } from '../../core/places.ts';
import { PanError } from '../../protocol/error.ts';
import type { Upstream } from '../../protocol/job.ts';
import type { MeteredRequest } from '../../protocol/usage.ts';
import { listenInDirectory } from '../socket.ts';
import { readBody } from './bounded-body.ts';
import { type Door, forward, pathOf } from './forward.ts';
import { refuse, refuseConnection } from './refusal.ts';
import { upstreamAgent } from './upstream.ts';

/** Anthropic's own limit of a request; longer ones would be refused there. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Requests at once, sub-agents included. */
const MAX_OPEN = 64;

export interface GatewayOptions {
  /** Private directory that gets the socket `sock`; not used with `listenTcp`. */
  socketDir: string;
  /** Listen on 127.0.0.1 instead: for a dispatch without sandbox, which has no relay. */
  listenTcp: boolean;
  upstream: Upstream;
  /** null: the service wants none. */
  apiKey: string | null;
  /** What the agent sends in the key's place. */
  token: string;
  /** The worker's model: what a request is counted under where neither it nor its answer names one. */
  model: string | null;
  /** Asked before every request: a sentence = nothing is forwarded any more, and why. */
  refuse(): string | null;
  /** A request is about to be forwarded; `n` counts from 1, `path` is without query. */
  onRequest(n: number, path: string): void;
  /** It is over, whatever came of it: called exactly once for every `onRequest`, and never after `close` has resolved. */
  onFinished(request: MeteredRequest): void;
}

export interface Gateway {
  /** null where it listens on the socket. */
  port: number | null;
  /** Cuts what is open, waits until all of it is reported, and frees port and socket. */
  close(): Promise<void>;
}

/**
 * Throws a PanError for an upstream that is no HTTP service; errors of binding are the system's own. An error that a callback of `options`
 * throws is a fault of this process and is left unhandled.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { upstream, token } = options;
  const { wire } = upstream;
  if (!/^https?:\/\//.test(upstream.baseUrl) || !URL.canParse(upstream.baseUrl))
    throw new PanError(
      'bad-upstream',
      `"${upstream.baseUrl}" is not the URL of a model service.`,
      'Give an http:// or https:// URL.',
    );
  if (token === '') throw new TypeError('a gateway needs a token');
  const door: Door = { ...options, agent: upstreamAgent(upstream.baseUrl), asksUsage: true };
  const closing = new AbortController();
  const open = new Set<Promise<void>>();
  let n = 0;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A broken connection is seen as a close.
    request.on('error', () => {});
    response.on('error', () => {});
    const route = gatewayRoute(wire, request.method ?? '', request.url ?? '');
    if (route.kind === 'refused') {
      request.resume();
      return refuse(response, wire, 403, `PanCode's gateway: ${route.reason}.`);
    }
    if (route.kind === 'here') {
      response.writeHead(200).end();
      return;
    }
    if (!hasToken(request.headers, route.key, token)) {
      request.resume();
      return refuse(response, wire, 401, "PanCode's gateway: this token is not known.");
    }
    if (route.path.includes(token)) {
      request.resume();
      return refuse(response, wire, 400, "PanCode's gateway: the token belongs where a key does, nowhere else.");
    }
    if (open.size >= MAX_OPEN) {
      request.resume();
      return refuse(response, wire, 429, `PanCode's gateway: ${MAX_OPEN} requests are under way already.`, {
        'retry-after': '1',
      });
    }
    const gone = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) gone.abort('The agent closed the connection before the answer ended.');
    });
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    const done = (async () => {
      const { bytes: body, whole } = await readBody(request, MAX_BODY_BYTES, signal);
      if (signal.aborted || (!whole && request.destroyed)) return;
      if (!whole) {
        request.resume();
        return refuse(response, wire, 413, "PanCode's gateway: the request is larger than 32 MiB.");
      }
      const refusal = options.refuse();
      if (refusal !== null) return refuse(response, wire, 400, refusal);
      n += 1;
      const exchange = { n, route, request, response, body, signal };
      options.onRequest(n, pathOf(route));
      options.onFinished(await forward(door, exchange));
    })();
    open.add(done);
    try {
      await done;
    } finally {
      open.delete(done);
    }
  };

  // A kept connection is never closed from here: a client that re-uses one at that moment would fail a model request.
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => void serve(request, response));
  server.on('connect', (_request, socket) => refuseConnection(socket, wire));
  server.on('upgrade', (_request, socket) => refuseConnection(socket, wire));
  if (options.listenTcp)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
  else await listenInDirectory(server, options.socketDir);

  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    const listening = new Promise<void>((resolve) => server.close(() => resolve()));
    closing.abort('The dispatch ended before the answer did.');
    await Promise.allSettled(open);
    server.closeAllConnections();
    await listening;
    door.agent.destroy();
    if (!options.listenTcp) fs.rmSync(path.join(options.socketDir, SOCKET_NAME), { force: true });
  };
  return {
    port: options.listenTcp ? (server.address() as AddressInfo).port : null,
    close: () => (closed ??= close()),
  };
}

/** The token where any wire's clients send a key: three headers, or Google's `?key=`; compared in constant time. */
function hasToken(headers: IncomingHttpHeaders, queryKey: string | null, token: string): boolean {
  const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return [headers['x-api-key'], bearer, headers['x-goog-api-key'], queryKey].some(
    (sent) => typeof sent === 'string' && timingSafeEqual(digest(sent), digest(token)),
  );
}
