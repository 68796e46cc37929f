/**
 * Roll-ups of what receipts cost, in the ledger's database: a question about a million receipts reads some ten thousand rows.
 * A row holds the receipts of one key in one UTC day; for local days, which begin at any quarter of an hour, one of all keys in one quarter.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { CostKey, CostRow } from '../../core/costs.ts';
import { offsetSpans } from '../../core/time-zone.ts';
import type { Receipt } from '../../protocol/receipt.ts';

export const SPENDING_SCHEMA = `
  CREATE TABLE IF NOT EXISTS spending (by TEXT NOT NULL, slot INTEGER NOT NULL, key TEXT NOT NULL, billing TEXT NOT NULL,
    usd REAL NOT NULL, known INTEGER NOT NULL, unknown INTEGER NOT NULL, PRIMARY KEY (by, slot, key, billing)) STRICT, WITHOUT ROWID;
`;

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const COLUMNS = ['agent', 'worker', 'model', 'project'] as const;

/** Adds up receipts; `write` puts what was added into the table and starts anew. */
export function createRollUp(db: DatabaseSync) {
  const upsert = db.prepare(
    `INSERT INTO spending VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
      SET usd = usd + excluded.usd, known = known + excluded.known, unknown = unknown + excluded.unknown`,
  );
  const rows = new Map<string, { at: [string, number, string, string]; usd: number; known: number; unknown: number }>();
  const add = (at: [string, number, string, string], usd: number | null) => {
    const name = JSON.stringify(at);
    const row = rows.get(name) ?? { at, usd: 0, known: 0, unknown: 0 };
    row.usd += usd ?? 0;
    row.known += usd === null ? 0 : 1;
    row.unknown += usd === null ? 1 : 0;
    rows.set(name, row);
  };
  return {
    add({ agent, worker, project, cost, time }: Pick<Receipt, 'agent' | 'worker' | 'project' | 'cost' | 'time'>) {
      const ended = Date.parse(time.ended);
      const keys = { agent: agent.name, worker: worker.id, model: worker.model ?? '', project };
      for (const by of COLUMNS) add([by, Math.floor(ended / DAY_MS), keys[by], cost.billing], cost.usd);
      add(['day', Math.floor(ended / QUARTER_MS), '', cost.billing], cost.usd);
    },
    write() {
      for (const { at, usd, known, unknown } of rows.values()) upsert.run(...at, usd, known, unknown);
      rows.clear();
    },
  };
}

/** `since`: ms since 1970, null = all. `zone`: the time zone in which days are counted. */
export function readSpending(
  db: DatabaseSync,
  { by, since, zone }: { by: CostKey; since: number | null; zone: string },
): CostRow[] {
  if (by === 'day') return spendingByDay(db, since, zone);
  const first = since === null ? null : Math.ceil(since / DAY_MS);
  const whole = db
    .prepare(
      `SELECT key, billing, SUM(usd) AS usd, SUM(known) AS known, SUM(unknown) AS unknown FROM spending
        WHERE by = ? AND slot >= ? GROUP BY key, billing`,
    )
    .all(by, first ?? Number.MIN_SAFE_INTEGER);
  const begun = since === null || first === null ? [] : singly(db, `COALESCE(${by}, '')`, since, first * DAY_MS);
  return [...whole, ...begun].map(asRow);
}

function spendingByDay(db: DatabaseSync, since: number | null, zone: string): CostRow[] {
  // One of the two alone is read off the index; both in one query would walk all of it.
  const end = (which: 'MIN' | 'MAX') =>
    (db.prepare(`SELECT ${which}(slot) AS slot FROM spending WHERE by = 'day'`).get() as { slot: number | null }).slot;
  const range = { first: end('MIN'), last: end('MAX') };
  if (range.first === null || range.last === null) return [];
  const from = Math.max(range.first * QUARTER_MS, since ?? Number.MIN_SAFE_INTEGER);
  const to = Math.max((range.last + 1) * QUARTER_MS, from);
  const firstWhole = Math.ceil(from / QUARTER_MS);
  const read = db.prepare(
    `SELECT (slot * ${QUARTER_MS} + CAST(? AS INTEGER)) / ${DAY_MS} AS key, billing, SUM(usd) AS usd, SUM(known) AS known, SUM(unknown) AS unknown
      FROM spending WHERE by = 'day' AND slot >= ? AND slot < ? GROUP BY 1, 2`,
  );
  const spans = offsetSpans(zone, from, to, QUARTER_MS);
  const whole = spans.flatMap((span) =>
    read.all(span.offsetMs, Math.max(firstWhole, span.from / QUARTER_MS), span.to / QUARTER_MS),
  );
  const localDay = String(Math.floor((from + (spans[0]?.offsetMs ?? 0)) / DAY_MS));
  const begun = firstWhole * QUARTER_MS > from ? singly(db, localDay, from, firstWhole * QUARTER_MS) : [];
  return [...whole, ...begun].map(asRow).map((row) => ({ ...row, key: dateOf(Number(row.key)) }));
}

/** From the receipts themselves: the part of a slot that a `since` in its middle leaves. `key` is SQL of ours. */
function singly(db: DatabaseSync, key: string, from: number, to: number): unknown[] {
  return db
    .prepare(
      `SELECT ${key} AS key, billing, COALESCE(SUM(usd), 0) AS usd, COUNT(usd) AS known, COUNT(*) - COUNT(usd) AS unknown
        FROM receipts WHERE ended >= ? AND ended < ? GROUP BY 1, 2`,
    )
    .all(new Date(from).toISOString(), new Date(to).toISOString());
}

/** '' is the name of what receipts do not say: a key of the table cannot be NULL. */
const asRow = (row: unknown): CostRow => {
  const read = row as CostRow;
  return { ...read, key: read.key === '' ? null : read.key };
};

const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);
