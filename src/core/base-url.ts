/** A base URL as the gateway and the probes use it: without version segment, trailing slash, query or fragment. */

/** Accepts a URL with or without `/v1`, `/v1beta` and trailing slashes (design §10). Throws a TypeError on something that is no URL. */
export function withoutVersion(url: string): string {
  const parsed = new URL(url);
  const path = parsed.pathname
    .replace(/\/+$/, '')
    .replace(/\/v\d+[a-z]*$/, '')
    .replace(/\/+$/, '');
  return `${parsed.protocol}//${parsed.host}${path}`;
}

/** True where the URL's host is this machine's loopback: what goes there does not leave the machine. */
export function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const host = new URL(url).hostname.toLowerCase().replace(/^\[|\]$/g, '');
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
