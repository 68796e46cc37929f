/** A first guess of a model's tier from its name. Receipts correct it later; `any` = the name says nothing. */
import type { Tier } from '../protocol/words.ts';

/**
 * First match wins. Families by list price at the time of writing: the dearest generation of each vendor is `frontier`, its
 * middle `mid`, its cheapest `small`.
 */
const FAMILIES: readonly (readonly [RegExp, Tier])[] = [
  [/claude.*haiku|haiku/, 'mid'],
  [/claude-(?:opus|sonnet|fable|mythos)|(?:^|[/-])(?:opus|sonnet)(?:$|[-[\d])/, 'frontier'],
  [/(?:gpt|o\d|codex).*nano|flash-lite|gpt-oss|gemma|phi-?\d|smollm|tinyllama/, 'small'],
  [/(?:gpt|o\d|codex).*mini|gemini.*flash/, 'mid'],
  [/gpt-(?:[5-9]|\d{2})|^o[13](?:$|-)|gemini.*pro/, 'frontier'],
  [
    /gpt-4|deepseek-(?:chat|reasoner|v3|r1$)|kimi-k2|glm-[4-9]|qwen3-(?:max|coder-480b)|grok|devstral-medium|mistral-(?:large|medium)/,
    'mid',
  ],
];

/** Parameters in billions from names such as `qwen3:8b`, `llama-3.3-70b`, `mixtral:8x7b`; null where there is none. */
function billions(name: string): number | null {
  const match = /(?:^|[^a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?:$|[^a-z0-9])/.exec(name);
  return match ? Number(match[1] ?? 1) * Number(match[2]) : null;
}

export function tierOfModel(model: string): Tier {
  const name = model.toLowerCase();
  const size = billions(name);
  if (size !== null) return size >= 200 ? 'mid' : 'small';
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? 'any';
}
