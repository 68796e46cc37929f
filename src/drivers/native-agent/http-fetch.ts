/**
 * `fetch` for the model SDK over node:http. Node's own costs about 20 ms more before the first request, and gives up after 300 s
 * without a header, which a large prompt on a local model needs; silence is bounded by the caller's signal instead.
 */
import http from 'node:http';
import { Readable } from 'node:stream';

export const httpFetch: typeof fetch = (input, init) =>
  new Promise((resolve, reject) => {
    const request = http.request(String(input), {
      method: init?.method ?? 'GET',
      headers: plainHeaders(init?.headers),
      signal: init?.signal ?? undefined,
    });
    request.on('error', reject);
    request.on('response', (message) => {
      const headers = Object.entries(message.headers).map(([name, value]): [string, string] => [name, String(value)]);
      const status = message.statusCode ?? 0;
      // A status without a body may not be given one; the SDK asks for none of those.
      const body = status === 204 || status === 304 ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>);
      resolve(new Response(body, { status, headers }));
    });
    request.end(init?.body as string | undefined);
  });

function plainHeaders(headers: RequestInit['headers']): Record<string, string> {
  if (!headers) return {};
  if (headers instanceof Headers || Array.isArray(headers)) return Object.fromEntries(headers);
  return { ...(headers as Record<string, string>) };
}
