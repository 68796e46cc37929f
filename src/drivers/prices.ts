/**
 * What a model costs: the user's own prices first, then the bundled table of genai-prices, which is data and asks nobody.
 *
 * That table matches names by prefix (0.1.8: `claude-sonnet-5-turbo` and `claude-opus-4-8x` get the price of `claude-sonnet-5` and
 * `claude-opus-4-8`), so a match only counts here where the whole name, without date and `[1m]`, is one the table names. A price that rises
 * with the length of the prompt is no flat price: it is taken where the prompt cannot become that long, and is unknown with `[1m]`.
 */
import type { MatchLogic, ModelPrice } from '@pydantic/genai-prices';
import { plainModel } from '../core/model-name.ts';
import type { Price } from '../protocol/usage.ts';

/** Version of the bundled table; a test holds it to the installed package. */
const TABLE_VERSION = '0.1.8';
/** Providers of this house that have a public price list, by the table's own names. */
const CATALOGUES: Record<string, string> = { anthropic: 'anthropic', openai: 'openai', google: 'google' };

export interface PriceQuestion {
  workerId: string;
  /** null: the runtime's own service. */
  endpoint: string | null;
  /** null: the runtime chooses; only a price for the worker itself can hold. */
  model: string | null;
  /** Provider of the endpoint; null where there is none: the runtime's own service is its vendor's. */
  provider: string | null;
  overrides: Record<string, Price>;
  /** The day whose prices hold; default now. */
  at?: Date;
}

/** null = unknown. Overrides are looked up by worker id, `endpoint/model`, model, each as written first and then without date and `[1m]`. */
export async function priceOf(question: PriceQuestion): Promise<(Price & { table: string }) | null> {
  const { workerId, endpoint, model, provider, overrides } = question;
  const names = model === null ? [] : [model, plainModel(model)];
  const keys = [workerId, ...(endpoint === null ? [] : names.map((name) => `${endpoint}/${name}`)), ...names];
  const key = keys.find((one) => Object.hasOwn(overrides, one));
  if (key !== undefined) return { ...overrides[key]!, table: 'config' };
  if (model === null) return null;
  const catalogues = provider !== null ? [provider] : endpoint === null ? Object.keys(CATALOGUES) : [];
  for (const name of catalogues) {
    const catalogue = Object.hasOwn(CATALOGUES, name) ? CATALOGUES[name] : undefined;
    const found = catalogue === undefined ? null : await listed(catalogue, model, question.at ?? new Date());
    if (found) return found;
  }
  return null;
}

async function listed(catalogue: string, model: string, at: Date): Promise<(Price & { table: string }) | null> {
  // 800 kB of data: read when the first price is asked for, not when a program starts.
  const { calcPrice } = await import('@pydantic/genai-prices');
  const name = plainModel(model);
  const found = calcPrice({}, name, { providerId: catalogue, timestamp: at });
  if (!found || ![found.model.id, ...namesIn(found.model.match)].some((known) => plainModel(known) === name))
    return null;
  // The others' models take a prompt of any length without being asked for it.
  const long = catalogue !== 'anthropic' || /\[1m\]$/i.test(model.trim());
  const flat = flatPrice(found.model_price, long);
  return flat && { ...flat, table: `genai-prices ${TABLE_VERSION}` };
}

function flatPrice(price: ModelPrice, long: boolean): Price | null {
  const rate = (key: string): number | undefined => {
    const value = price[key];
    if (value === undefined || typeof value === 'number') return value;
    return long ? undefined : value.base;
  };
  const [input, output] = [rate('input_mtok'), rate('output_mtok')];
  if (input === undefined || output === undefined) return null;
  return { input, output, cacheRead: rate('cache_read_mtok'), cacheWrite: rate('cache_write_mtok') };
}

/** The names a rule of the table spells out; parts of names (`contains`) and patterns are none. */
function namesIn(match: MatchLogic): string[] {
  if ('or' in match) return match.or.flatMap(namesIn);
  if ('equals' in match) return [match.equals];
  return 'starts_with' in match ? [match.starts_with] : [];
}
