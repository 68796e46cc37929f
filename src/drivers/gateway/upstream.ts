/** One HTTP request to the one place a gateway forwards to, and what is said when it cannot be made. */
import http from 'node:http';
import https from 'node:https';
import { pipeline, type Readable, type Transform } from 'node:stream';
import zlib from 'node:zlib';

/** Longest wait for a connection, ms. A connected server may be silent as long as it likes: the dispatch has its own limit. */
const CONNECT_MS = 30_000;

export interface UpstreamRequest {
  url: string;
  method: string;
  headers: http.OutgoingHttpHeaders;
  body: Buffer | null;
  agent: http.Agent;
  signal: AbortSignal;
}

/** One agent per gateway: a TLS handshake per model request would cost every turn a round trip or two. */
export const upstreamAgent = (baseUrl: string): http.Agent =>
  baseUrl.startsWith('https:') ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });

/** Follows no redirect. Rejects where no answer began; `upstreamFault` says it in a sentence. */
export async function askUpstream(request: UpstreamRequest): Promise<http.IncomingMessage> {
  try {
    return await send(request, request.agent);
  } catch (error) {
    // The server closed a kept connection while this request was on its way: it has not seen it.
    if (!(error instanceof StaleConnection)) throw error;
    return send(request, false);
  }
}

class StaleConnection extends Error {}

function send(request: UpstreamRequest, agent: http.Agent | false): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { url, method, headers, body, signal } = request;
    const open = url.startsWith('https:') ? https.request : http.request;
    const sent = open(url, { method, headers, agent, signal });
    const late = setTimeout(() => sent.destroy(fault('ETIMEDOUT')), CONNECT_MS);
    sent.on('socket', (socket) => {
      // A kept connection is there already; a listener per request would pile up on it.
      if (sent.reusedSocket || !socket.connecting) clearTimeout(late);
      else socket.once(url.startsWith('https:') ? 'secureConnect' : 'connect', () => clearTimeout(late));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      const stale = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE') && !signal.aborted;
      reject(stale ? new StaleConnection() : error);
    });
    sent.on('response', (response) => {
      clearTimeout(late);
      resolve(response);
    });
    // An answer that switches protocols ends in a close without a response.
    sent.on('close', () => {
      clearTimeout(late);
      reject(fault('ECONNRESET'));
    });
    sent.end(body ?? undefined);
  });
}

const fault = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

const FAULTS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens at its address',
  ECONNRESET: 'it closed the connection before it answered',
  EPIPE: 'it closed the connection before it answered',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name could not be looked up',
  ETIMEDOUT: 'no connection came about in time',
  EHOSTUNREACH: 'there is no way to its host',
  ENETUNREACH: 'there is no network to its host',
  ERR_INVALID_CHAR: 'a header holds a character that is not allowed, most likely the key',
};

export function upstreamFault(error: unknown): string {
  // Where every address of a name was tried, the first one's failure speaks for all.
  const one = error instanceof AggregateError ? error.errors[0] : error;
  const { code, message } = one as NodeJS.ErrnoException;
  const tls = code && /^(CERT_|DEPTH_|UNABLE_TO_|SELF_SIGNED|ERR_TLS_CERT|ERR_SSL)/.test(code);
  const why = (code && FAULTS[code]) ?? (tls ? 'its TLS certificate is not accepted' : message.split('\n')[0]);
  return `The model server cannot be reached: ${why}${code ? ` (${code})` : ''}.`;
}

const DECODERS: Record<string, () => Transform> = {
  gzip: zlib.createGunzip,
  'x-gzip': zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  zstd: zlib.createZstdDecompress,
};

/** The answer's body as plain bytes. `decoded: false` where it came plain, or in an encoding that is not known: it is passed on as it is. */
export function plainBody(response: http.IncomingMessage): { body: Readable; decoded: boolean } {
  const encoding = (response.headers['content-encoding'] ?? '').trim().toLowerCase();
  const decoder = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (!decoder) return { body: response, decoded: false };
  // A fault of either stream is an error of the last one, which is the one that is read.
  return { body: pipeline(response, decoder(), () => {}), decoded: true };
}
