/** What the gateway itself answers when it does not forward: an error in the form the wire's clients read. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Wire } from '../../protocol/words.ts';

/** Error types as Anthropic's and OpenAI's APIs name them, which use the same words for these; and Google's (google.rpc.Code). */
const TYPES: Record<number, { type: string; status: string }> = {
  400: { type: 'invalid_request_error', status: 'INVALID_ARGUMENT' },
  401: { type: 'authentication_error', status: 'UNAUTHENTICATED' },
  403: { type: 'permission_error', status: 'PERMISSION_DENIED' },
  413: { type: 'request_too_large', status: 'INVALID_ARGUMENT' },
  429: { type: 'rate_limit_error', status: 'RESOURCE_EXHAUSTED' },
  502: { type: 'api_error', status: 'UNAVAILABLE' },
};

function body(wire: Wire, code: number, message: string): string {
  const { type, status } = TYPES[code] ?? { type: 'api_error', status: 'UNKNOWN' };
  const documents: Record<Wire, object> = {
    'anthropic-messages': { type: 'error', error: { type, message } },
    'openai-responses': { error: { message, type, param: null, code: null } },
    'openai-chat': { error: { message, type, param: null, code: null } },
    gemini: { error: { code, message, status } },
  };
  return JSON.stringify(documents[wire]);
}

export function refuse(
  response: ServerResponse,
  wire: Wire,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  // The agent may have gone: then there is nobody to tell.
  if (response.destroyed || response.headersSent) return;
  const text = body(wire, status, message);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    // Asking again helps only where the service or the number of requests is the trouble.
    'x-should-retry': String(status === 429 || status === 502),
    ...headers,
  });
  response.end(text);
}

/** For CONNECT and upgrades, which Node hands over as a bare connection. */
export function refuseConnection(socket: Duplex, wire: Wire): void {
  const text = body(wire, 403, 'The gateway is no proxy and changes no protocol.');
  // The other side may go before it has read this.
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
