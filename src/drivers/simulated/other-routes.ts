/** What a model service answers besides models' answers: that it is there, and which models it has. */
import type { ServerResponse } from 'node:http';
import { chatWire } from './chat-wire.ts';
import { messagesWire } from './messages-wire.ts';
import { LABEL, sendJson } from './send.ts';

/** `route`: method and path without version segment and query. `anthropic`: the client names a version of that API. */
export function answerOther(
  route: string,
  models: readonly string[],
  anthropic: boolean,
  response: ServerResponse,
): void {
  const one = /^GET \/models\/(.+)$/.exec(route)?.[1];
  if (route === 'HEAD /' || route === 'GET /') response.writeHead(200, LABEL).end();
  else if (route === 'GET /models') sendJson(response, 200, list(models, anthropic));
  else if (one !== undefined) sendJson(response, 200, describe(decoded(one), anthropic));
  else {
    const format = anthropic ? messagesWire : chatWire;
    sendJson(response, 404, format.error(404, `the simulated model does not know ${route}`));
  }
}

/** An id with a slash comes encoded. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // A lone `%` encodes nothing: it is part of the id.
    return id;
  }
}

function list(models: readonly string[], anthropic: boolean): object {
  const data = models.map((id) => describe(id, anthropic));
  return anthropic ? { data, has_more: false, first_id: models[0], last_id: models.at(-1) } : { object: 'list', data };
}

/** The owner is how discovery knows the simulated model (drivers/providers/simulated.ts). */
const describe = (id: string, anthropic: boolean): object =>
  anthropic
    ? { type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' }
    : { id, object: 'model', created: 1_700_000_000, owned_by: 'pancode-simulated' };
