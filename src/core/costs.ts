/** What receipts cost, grouped. Every number says how many receipts it stands on: unknown is never 0. Pure. */
import type { Cost } from '../protocol/usage.ts';

export const COST_KEYS = ['agent', 'worker', 'model', 'day', 'project'] as const;
export type CostKey = (typeof COST_KEYS)[number];

type Billing = Cost['billing'];

/** Receipts of one key and one billing, added up. `usd` is the sum of the known ones. */
export interface CostRow {
  /** null: the receipts do not say, such as the model of a refused dispatch. */
  key: string | null;
  billing: Billing;
  usd: number;
  known: number;
  unknown: number;
}

/** `usd` is the sum of the known, USD, and null where nothing is known but something was used; the counts are numbers of receipts. */
export interface Sum {
  usd: number | null;
  known: number;
  unknown: number;
}

export interface CostSum extends Sum {
  /** Only `api` is money spent: a subscription is paid otherwise, a local or simulated model by nobody. */
  spentUsd: number | null;
  billing: Partial<Record<Billing, Sum>>;
}

export interface Costs {
  by: CostKey;
  total: CostSum;
  groups: (CostSum & { key: string | null })[];
}

/** Dearest first; days newest first. */
export function groupCosts(by: CostKey, rows: readonly CostRow[]): Costs {
  const keys = new Map<string | null, CostRow[]>();
  for (const row of rows) keys.set(row.key, [...(keys.get(row.key) ?? []), row]);
  const groups = [...keys].map(([key, own]) => ({ key, ...sumOf(own) }));
  groups.sort((a, b) => {
    const byName = (a.key ?? '') < (b.key ?? '') ? -1 : 1;
    return by === 'day' ? -byName : (b.usd ?? -1) - (a.usd ?? -1) || byName;
  });
  return { by, total: sumOf(rows), groups };
}

function sumOf(rows: readonly CostRow[]): CostSum {
  const billing: Partial<Record<Billing, Sum>> = {};
  for (const name of new Set(rows.map((row) => row.billing)))
    billing[name] = added(rows.filter((row) => row.billing === name));
  return { ...added(rows), spentUsd: (billing.api ?? added([])).usd, billing };
}

function added(rows: readonly CostRow[]): Sum {
  const known = total(rows.map((row) => row.known));
  const unknown = total(rows.map((row) => row.unknown));
  // Sums of binary fractions: what is beyond a thousandth of a micro-dollar is noise.
  const usd = Math.round(total(rows.map((row) => row.usd)) * 1e9) / 1e9;
  return { usd: known === 0 && unknown > 0 ? null : usd, known, unknown };
}

const total = (values: number[]): number => values.reduce((sum, value) => sum + value, 0);
