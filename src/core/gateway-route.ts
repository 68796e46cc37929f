/** Which requests a gateway carries: a fixed list of paths per wire, nothing that would make it a proxy. Pure. */
import type { Wire } from '../protocol/words.ts';

export type GatewayRoute =
  | {
      kind: 'forward';
      /** As the upstream gets it: with version segment, and with the query but for credentials in it. */
      path: string;
      /** A model writes an answer, which costs. */
      generates: boolean;
      /** The model the path names; null where the body does, or nothing. */
      model: string | null;
      /** What the client sent as its key in the query. */
      key: string | null;
    }
  /** Clients ask whether anybody is there; that is answered here. */
  | { kind: 'here' }
  | { kind: 'refused'; reason: string };

interface Rule {
  method: string;
  /** Without version segment; a group holds the model's name. */
  path: RegExp;
  generates: boolean;
}
const MODELS: Rule = { method: 'GET', path: /^\/models(?:\/[^/]+)?$/, generates: false };

const ALLOWED: Record<Wire, Rule[]> = {
  'anthropic-messages': [
    { method: 'POST', path: /^\/messages$/, generates: true },
    { method: 'POST', path: /^\/messages\/count_tokens$/, generates: false },
    MODELS,
  ],
  'openai-responses': [
    { method: 'POST', path: /^\/responses$/, generates: true },
    { method: 'POST', path: /^\/responses\/input_tokens$/, generates: false },
    MODELS,
  ],
  'openai-chat': [{ method: 'POST', path: /^\/chat\/completions$/, generates: true }, MODELS],
  gemini: [
    { method: 'POST', path: /^\/models\/([^/]+):(?:generateContent|streamGenerateContent)$/, generates: true },
    { method: 'POST', path: /^\/models\/([^/]+):countTokens$/, generates: false },
    MODELS,
  ],
};

/** The version a path has where the client writes none, and those it may write. */
const VERSION: Record<Wire, { own: string; written: RegExp }> = {
  'anthropic-messages': { own: '/v1', written: /^\/v1(?=\/)/ },
  'openai-responses': { own: '/v1', written: /^\/v1(?=\/)/ },
  'openai-chat': { own: '/v1', written: /^\/v1(?=\/)/ },
  gemini: { own: '/v1beta', written: /^\/v1(?:alpha|beta)?(?=\/)/ },
};

/** `target`: the request target as it came on the wire. */
export function gatewayRoute(wire: Wire, method: string, target: string): GatewayRoute {
  if (!target.startsWith('/') || target.startsWith('//'))
    return { kind: 'refused', reason: 'this is a gateway to one model service, not a proxy' };
  const cut = target.indexOf('?');
  const [path, query] = cut < 0 ? [target, ''] : [target.slice(0, cut), target.slice(cut + 1)];
  if (path === '/' && (method === 'HEAD' || method === 'GET')) return { kind: 'here' };
  const { own, written } = VERSION[wire];
  const version = written.exec(path)?.[0] ?? '';
  const plain = path.slice(version.length);
  // Names of models may be encoded; anything that could change which path is meant may not.
  const safe = !/%2e|%2f|%5c|\\|\.\.|[^\x21-\x7e]/i.test(path);
  const rule = ALLOWED[wire].find((one) => one.method === method && one.path.test(plain));
  if (!rule || !safe)
    return { kind: 'refused', reason: `${method} ${path.slice(0, 100)} is no request this gateway carries` };
  const { kept, key } = withoutCredentials(query);
  const model = rule.path.exec(plain)?.[1];
  return {
    kind: 'forward',
    path: `${version || own}${plain}${kept === '' ? '' : `?${kept}`}`,
    generates: rule.generates,
    model: model === undefined ? null : decoded(model),
    key,
  };
}

/** Google's own names for a credential in the query, and the usual ones of others. */
const CREDENTIALS = ['key', 'access_token', 'api_key', 'api-key', 'apikey', 'token'];

/** The other parameters as they were written. */
function withoutCredentials(query: string): { kept: string; key: string | null } {
  const kept: string[] = [];
  let key: string | null = null;
  for (const parameter of query.split('&')) {
    const [name, ...value] = parameter.split('=');
    const plain = decoded(name!).toLowerCase();
    if (!CREDENTIALS.includes(plain)) kept.push(parameter);
    else if (plain === 'key') key = decoded(value.join('='));
  }
  return { kept: kept.join('&'), key };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone `%` encodes nothing: it is meant as it stands.
    return text;
  }
}
