/** A base URL as the gateway and the probes use it, and the address of one request below it. */
import type { Wire } from '../protocol/words.ts';

/**
 * Accepts a URL with or without `/v1`, `/v1beta` and trailing slashes (design §10), and gives it without them, query and fragment.
 * Any other version (`/v4`) is part of the address: it stays. Throws a TypeError on something that is no URL.
 */
export function withoutVersion(url: string): string {
  const parsed = new URL(url);
  const path = parsed.pathname
    .replace(/\/+$/, '')
    .replace(/\/v1(?:alpha|beta)?$/, '')
    .replace(/\/+$/, '');
  return `${parsed.protocol}//${parsed.host}${path}`;
}

/**
 * `path` begins with the version its wire has (`/v1/messages`). It goes without where the base URL says a version of its own: at its end
 * (`…/api/paas/v4`), and for OpenAI's formats, whose base URLs always name it, anywhere (`…/v1beta/openai`, `…/v1/account/gateway/openai`).
 */
export function serviceUrl(wire: Wire, baseUrl: string, path: string): string {
  const own = wire.startsWith('openai-') ? /\/v\d+[a-z]*(?:\/|$)/ : /\/v\d+[a-z]*$/;
  return baseUrl + (own.test(new URL(baseUrl).pathname) ? path.replace(/^\/v\d+[a-z]*(?=\/)/, '') : path);
}

/** True where the URL's host is this machine's loopback: what goes there does not leave the machine. */
export function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const host = new URL(url).hostname.toLowerCase().replace(/^\[|\]$/g, '');
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
