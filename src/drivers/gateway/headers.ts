/** The headers that cross the gateway, in both directions. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Wire } from '../../protocol/words.ts';

/** RFC 9110 §7.6.1: they concern one connection. Those a `Connection` header names are added to them. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];
/** Credentials of any service: the agent has none, and what it sends is not passed for one. */
const CREDENTIALS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie'];
/** Set by this hop, or about where the agent is. `if-*`: an answer must be one that can be metered, never "unchanged". */
const OWN = /^(host|content-length|expect|accept-encoding|range|via|forwarded|x-forwarded-.*|x-real-ip|if-.*)$/;

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
/** Where the clients of each wire put their key. */
const KEY_HEADER: Record<Wire, (key: string) => OutgoingHttpHeaders> = {
  'anthropic-messages': (key) => ({ 'x-api-key': key }),
  'openai-responses': bearer,
  'openai-chat': bearer,
  gemini: (key) => ({ 'x-goog-api-key': key }),
};

/** `body`: its length in bytes; null = none is sent. */
export function upstreamHeaders(
  incoming: IncomingHttpHeaders,
  facts: { wire: Wire; apiKey: string | null; token: string; body: number | null },
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of passing(incoming)) {
    const hidden = CREDENTIALS.includes(name) || OWN.test(name) || String(value).includes(facts.token);
    if (!hidden) headers[name] = value;
  }
  // What cannot be read cannot be metered.
  headers['accept-encoding'] = 'identity';
  if (facts.body !== null) headers['content-length'] = facts.body;
  if (facts.apiKey !== null) Object.assign(headers, KEY_HEADER[facts.wire](facts.apiKey));
  return headers;
}

/** `decoded`: the body is passed on in another encoding than it came in, so length and encoding no longer hold. */
export function downstreamHeaders(
  incoming: IncomingHttpHeaders,
  facts: { apiKey: string | null; decoded: boolean },
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of passing(incoming)) {
    if (name === 'set-cookie' || name === 'alt-svc') continue;
    if (facts.decoded && (name === 'content-encoding' || name === 'content-length')) continue;
    headers[name] = redact(String(value), facts.apiKey);
  }
  return headers;
}

/** As much of a key as tells something of it, characters. */
const TELLING = 6;

/** A service that repeats the key it was sent must not tell it to the agent, nor to the journal; nor its beginning, where `text` was cut. */
export function redact(text: string, apiKey: string | null): string {
  if (!apiKey) return text;
  const whole = text.replaceAll(apiKey, '[key]');
  for (let length = apiKey.length - 1; length >= TELLING; length--)
    if (whole.endsWith(apiKey.slice(0, length))) return `${whole.slice(0, -length)}[key]`;
  return whole;
}

function passing(headers: IncomingHttpHeaders): [string, string | string[]][] {
  const named = String(headers.connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || HOP_BY_HOP.includes(name) || named.includes(name) ? [] : [[name, value]],
  );
}
