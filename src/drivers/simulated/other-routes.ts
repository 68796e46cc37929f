/** What a model service answers besides models' answers: that it is there, and which models it has. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { chatWire } from './chat-wire.ts';
import { geminiWire } from './gemini-wire.ts';
import { messagesWire } from './messages-wire.ts';
import { decoded, withoutVersion } from './model-routes.ts';
import { LABEL, sendJson } from './send.ts';
import type { WireFormat } from './wire.ts';

/** How one API writes its models. */
interface Api {
  format: WireFormat;
  list(models: readonly string[]): object;
  describe(id: string): object;
}

/** The owner is how discovery knows the simulated model (drivers/providers/simulated.ts). */
const openai: Api = {
  format: chatWire,
  list: (models) => ({ object: 'list', data: models.map(openai.describe) }),
  describe: (id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'pancode-simulated' }),
};
const anthropic: Api = {
  format: messagesWire,
  list: (models) => ({
    data: models.map(anthropic.describe),
    has_more: false,
    first_id: models[0],
    last_id: models.at(-1),
  }),
  describe: (id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' }),
};
const google: Api = {
  format: geminiWire,
  list: (models) => ({ models: models.map(google.describe) }),
  describe: (id) => ({
    name: `models/${id}`,
    displayName: id,
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
  }),
};

/** The API of a client that names a version or a key as only this API's clients do. */
function apiOf(path: string, headers: IncomingHttpHeaders): Api {
  if (headers['anthropic-version'] !== undefined) return anthropic;
  return path.startsWith('/v1beta/') || headers['x-goog-api-key'] !== undefined ? google : openai;
}

export function answerOther(
  request: { method: string; path: string; headers: IncomingHttpHeaders },
  models: readonly string[],
  response: ServerResponse,
): void {
  const path = request.path.replace(/\?.*$/s, '');
  const route = `${request.method} ${withoutVersion(path)}`;
  const api = apiOf(path, request.headers);
  const one = /^GET \/models\/(.+)$/.exec(route)?.[1];
  if (route === 'HEAD /' || route === 'GET /') response.writeHead(200, LABEL).end();
  else if (route === 'GET /models') sendJson(response, 200, api.list(models));
  else if (one !== undefined) sendJson(response, 200, api.describe(decoded(one)));
  else sendJson(response, 404, api.format.error(404, `the simulated model does not know ${route}`));
}
