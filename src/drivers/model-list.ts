/** `GET …/models`, which nearly every model service has: is it there, does it take the key, what does it list. */
import { tierOfModel } from '../core/tiers.ts';
import type { ModelEntry } from '../protocol/fleet.ts';
import { askJson } from './http-json.ts';
import { list, text } from './json-fields.ts';

/** `listed`: it answered; `ids` is empty where it does not list anything this understands. */
export type ModelList =
  | { kind: 'absent' }
  | { kind: 'silent' }
  /** Something is there that cannot be spoken with. */
  | { kind: 'broken'; reason: string }
  | { kind: 'refused'; status: number }
  | { kind: 'listed'; ids: string[] };

export async function askModels(
  url: string,
  question: { timeoutMs: number; headers: Record<string, string> },
): Promise<ModelList> {
  const answer = await askJson(url, question);
  if (answer.kind !== 'answer') return answer;
  if (answer.status === 401 || answer.status === 403) return { kind: 'refused', status: answer.status };
  const body = (answer.body ?? {}) as { data?: unknown; models?: unknown };
  // Google lists `models/NAME` under `models`, everybody else under `data`.
  const ids = [
    ...list(body.data).map((model) => text(model.id)),
    ...list(body.models).map((model) => text(model.name)?.replace(/^models\//, '') ?? null),
  ].filter((id) => id !== null);
  return { kind: 'listed', ids: [...new Set(ids)] };
}

/** A model of which only the name is known. */
export const named = (id: string): ModelEntry => ({
  id,
  context: null,
  trainedContext: null,
  loaded: null,
  tools: null,
  tier: tierOfModel(id),
});

/** The header most services take a key in. */
export const bearer = (apiKey: string | null): Record<string, string> =>
  apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
