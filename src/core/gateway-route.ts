/** Which requests a gateway carries: a fixed list of paths per wire, nothing that would make it a proxy. Pure. */
import type { Wire } from '../protocol/words.ts';

export type GatewayRoute =
  /** `path`: as the upstream gets it, with version segment and query. `generates`: a model writes an answer, which costs. */
  | { kind: 'forward'; path: string; generates: boolean }
  /** Clients ask whether anybody is there; that is answered here. */
  | { kind: 'here' }
  | { kind: 'refused'; reason: string };

const ALLOWED: Record<Wire, { method: string; path: RegExp; generates: boolean }[]> = {
  'anthropic-messages': [
    { method: 'POST', path: /^\/messages$/, generates: true },
    { method: 'POST', path: /^\/messages\/count_tokens$/, generates: false },
    { method: 'GET', path: /^\/models(\/[^/]+)?$/, generates: false },
  ],
  'openai-chat': [
    { method: 'POST', path: /^\/chat\/completions$/, generates: true },
    { method: 'GET', path: /^\/models(\/[^/]+)?$/, generates: false },
  ],
};

/** `target`: the request target as it came on the wire. */
export function gatewayRoute(wire: Wire, method: string, target: string): GatewayRoute {
  if (!target.startsWith('/') || target.startsWith('//'))
    return { kind: 'refused', reason: 'this is a gateway to one model service, not a proxy' };
  const cut = target.indexOf('?');
  const [path, query] = cut < 0 ? [target, ''] : [target.slice(0, cut), target.slice(cut)];
  if (path === '/' && (method === 'HEAD' || method === 'GET')) return { kind: 'here' };
  const plain = path.replace(/^\/v1(?=\/)/, '');
  // Names of models may be encoded; anything that could change which path is meant may not.
  const safe = !/%2e|%2f|%5c|\\|\.\.|[^\x21-\x7e]/i.test(path);
  const rule = ALLOWED[wire].find((one) => one.method === method && one.path.test(plain));
  if (!rule || !safe)
    return { kind: 'refused', reason: `${method} ${path.slice(0, 100)} is no request this gateway carries` };
  return { kind: 'forward', path: `/v1${plain}${query}`, generates: rule.generates };
}
