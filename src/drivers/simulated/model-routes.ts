/** Which wire a request speaks, told by its method and path. */
import { chatWire } from './chat-wire.ts';
import { geminiWire } from './gemini-wire.ts';
import { messagesWire } from './messages-wire.ts';
import { responsesWire } from './responses-wire.ts';
import type { Target, WireFormat } from './wire.ts';

export interface ModelRoute {
  format: WireFormat;
  /** It asks for an answer, or only what the request would count. */
  wants: 'answer' | 'count';
  target: Target;
}

const FIXED: Record<string, { format: WireFormat; wants: ModelRoute['wants'] }> = {
  '/messages': { format: messagesWire, wants: 'answer' },
  '/messages/count_tokens': { format: messagesWire, wants: 'count' },
  '/responses': { format: responsesWire, wants: 'answer' },
  '/responses/input_tokens': { format: responsesWire, wants: 'count' },
  '/chat/completions': { format: chatWire, wants: 'answer' },
};

/** `url`: as it came, with version segment and query. null: no model request. */
export function modelRoute(method: string, url: string): ModelRoute | null {
  if (method !== 'POST') return null;
  const [pathname, query] = url.split('?', 2);
  const path = withoutVersion(pathname!);
  const fixed = Object.hasOwn(FIXED, path) ? FIXED[path] : undefined;
  if (fixed) return { ...fixed, target: { model: null, form: null } };
  const gemini = /^\/models\/([^/]+):(generateContent|streamGenerateContent|countTokens)$/.exec(path);
  if (!gemini) return null;
  const streams = new URLSearchParams(query).get('alt') === 'sse' ? 'stream' : 'array';
  return {
    format: geminiWire,
    wants: gemini[2] === 'countTokens' ? 'count' : 'answer',
    target: { model: decoded(gemini[1]!), form: gemini[2] === 'streamGenerateContent' ? streams : 'whole' },
  };
}

export const withoutVersion = (path: string): string => path.replace(/^\/v1(?:alpha|beta)?(?=\/)/, '');

/** An id with a slash comes encoded. */
export function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // A lone `%` encodes nothing: it is part of the id.
    return id;
  }
}
