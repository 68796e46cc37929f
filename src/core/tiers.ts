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
  if (size !== null) return tierOfSize(size * 1e9);
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? 'any';
}

/** By the number of a model's parameters, where its service says it: `qwen3:latest` tells nothing by its name. */
export const tierOfSize = (parameters: number): Tier => (parameters >= 200e9 ? 'mid' : 'small');

/** Parameters from how model services write a size: `7B`, `8.2B`, `270M`, `8x7B`; null where it is none of these. */
export function sizeOf(text: string): number | null {
  const match = /^(?:(\d+)x)?(\d+(?:\.\d+)?)\s*([KMBT])$/i.exec(text.trim());
  if (!match) return null;
  const unit = { K: 1e3, M: 1e6, B: 1e9, T: 1e12 }[match[3]!.toUpperCase() as 'K' | 'M' | 'B' | 'T'];
  return Number(match[1] ?? 1) * Number(match[2]) * unit;
}
