/** The money of a dispatch from its tokens and the price sealed in its job. Pure. */
import type { Cost, MeteredRequest, Price, Usage } from '../protocol/usage.ts';
import { plainModel } from './model-name.ts';
import { asksModel } from './usage.ts';

/**
 * Models that answered besides the worker's own (side requests, sub-agents, a server that answers with another model than asked):
 * their tokens are in the usage, but the worker's price is not theirs.
 */
export function otherModels(requests: MeteredRequest[], model: string | null): string[] {
  const own = model === null ? null : plainModel(model);
  const counted = requests.filter((request) => asksModel(request.path) && request.grade !== 'unknown');
  const others = counted.flatMap(({ model: name }) => (name === null || plainModel(name) === own ? [] : [name]));
  return [...new Set(others)];
}

/**
 * Price × tokens. A price in USD per million tokens is micro-dollars per token, so the sum is one of micro-dollars and is rounded once, to
 * a whole one. Engines of this machine cost 0 whatever they count. Without a price, without token counts, or where `mixed` says that other
 * models than the priced one took part, the cost is unknown and never a guess.
 */
export function costOf(
  usage: Usage,
  price: (Price & { table: string }) | null,
  facts: { billing: Cost['billing']; simulated: boolean; mixed?: boolean },
): Cost {
  const billing = facts.simulated ? 'simulated' : facts.billing;
  if (billing === 'local') return { usd: 0, grade: 'priced', billing, priceTable: price?.table ?? null };
  if (!price || facts.mixed || usage.input === null || usage.output === null)
    return { usd: null, grade: 'unknown', billing, priceTable: null };
  const micro =
    usage.input * price.input +
    (usage.cacheRead ?? 0) * (price.cacheRead ?? price.input) +
    (usage.cacheWrite ?? 0) * (price.cacheWrite ?? price.input) +
    usage.output * price.output;
  return { usd: Math.round(micro) / 1_000_000, grade: 'priced', billing, priceTable: price.table };
}
