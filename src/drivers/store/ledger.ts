/**
 * Receipts and amendments: the chain in `receipts.jsonl`, and what is asked of it by way of the index `ledger.db`. A crash between the two
 * files mends itself, and a rebuild is a catch-up from byte 0.
 */
import fs from 'node:fs';
import type { CostKey, CostRow } from '../../core/costs.ts';
import { EXIT, PanError } from '../../protocol/error.ts';
import type { Amendment, Receipt } from '../../protocol/receipt.ts';
import {
  type Counted,
  type IndexPlaces,
  openIndex,
  progressOf,
  type Row,
  readyIndex,
  removeIndex,
  takeAllIn,
  takeIn,
} from './receipt-index.ts';
import { appendToChain, type ChainLine, isReceipt, readLine } from './receipts.ts';
import { readSpending } from './spending.ts';

export interface ReceiptFilter {
  agent?: string;
  worker?: string;
  status?: string;
  /** ISO-8601; receipts that ended at or after it. */
  since?: string;
  limit: number;
}

export interface Ledger {
  has(id: string): boolean;
  get(id: string): { receipt: Receipt; amendments: Amendment[] } | null;
  /** Newest first, each read as it is asked for. */
  list(filter: ReceiptFilter): Generator<Receipt>;
  ids(prefix: string): string[];
  /** Every agent, every worker, or the root of every project, that has a receipt. */
  names(of: 'agent' | 'worker' | 'project'): string[];
  /** `since`: ms since 1970, null = all. `zone`: where days begin. Throws RangeError on an unknown zone. */
  costs(question: { by: CostKey; since: number | null; zone: string }): CostRow[];
  /** Seals and appends a receipt; one that is there already is returned unchanged. */
  addReceipt(receipt: Omit<Receipt, 'integrity'>): Receipt;
  addAmendment(amendment: Omit<Amendment, 'integrity'>): Amendment;
  /** Appends records of another home, in their order, as links of this chain; those it has are left out. */
  addImported(records: Omit<ChainLine, 'integrity'>[]): ChainLine[];
  /** Re-creates the index from the file. The ledger answers meanwhile. */
  rebuild(): Promise<Counted>;
  close(): void;
}

/**
 * Opens the index, mends a torn tail of the chain and takes in lines the index has not seen. `told`: how much of them is read, 0 to 1, where
 * that takes more than one step. Rejects where `signal` is aborted before all of them are.
 */
export async function openLedger(
  places: IndexPlaces,
  signal: AbortSignal = new AbortController().signal,
  told?: (share: number) => void,
): Promise<Ledger> {
  let db = readyIndex(places);
  const closed = new AbortController();
  let rebuilding: Promise<Counted> | null = null;
  const catchUp = () => takeIn(db, places.receipts);
  try {
    await takeAllIn(db, places.receipts, signal, told);
  } catch (cause) {
    db.close();
    throw cause;
  }

  /** Beside the index that is there, which serves meanwhile, and in its place once it knows all lines. */
  const rebuild = async (): Promise<Counted> => {
    const beside = `${places.ledger}.new`;
    removeIndex(beside);
    const made = openIndex(beside);
    try {
      const counted = await takeAllIn(made, places.receipts, closed.signal);
      made.close();
      db.close();
      removeIndex(places.ledger);
      fs.renameSync(beside, places.ledger);
      db = openIndex(places.ledger);
      catchUp();
      return counted;
    } catch (cause) {
      if (made.isOpen) made.close();
      removeIndex(beside);
      throw cause;
    }
  };

  const add = <T extends object>(records: T[]) => {
    // What an earlier try appended and could not index.
    catchUp();
    const sealed = appendToChain(places.receipts, records, progressOf(db).last);
    catchUp();
    return sealed;
  };
  const read = (row: unknown) => {
    const { at, length } = row as Row;
    try {
      return readLine(places.receipts, { offset: at, length });
    } catch (cause) {
      throw new PanError(
        'ledger-stale',
        `${places.receipts} does not hold a receipt where the index says: it was changed by hand.`,
        'Run `pancode receipts verify` to see which lines, then `pancode receipts rebuild`.',
        EXIT.failed,
        cause,
      );
    }
  };
  const get = (id: string) => {
    const row = db.prepare('SELECT at, length FROM receipts WHERE id = ?').get(id);
    if (!row) return null;
    const amendments = db.prepare('SELECT at, length FROM amendments WHERE receipt = ? ORDER BY at').all(id);
    return { receipt: read(row) as Receipt, amendments: amendments.map((line) => read(line) as Amendment) };
  };
  return {
    has: (id) => db.prepare('SELECT 1 FROM receipts WHERE id = ?').get(id) !== undefined,
    get,
    *list(filter) {
      const wanted = (['agent', 'worker', 'status'] as const).filter((key) => filter[key] !== undefined);
      const where = [...wanted.map((key) => `${key} = ?`), ...(filter.since ? ['ended >= ?'] : [])];
      const values = [...wanted.map((key) => filter[key] as string), ...(filter.since ? [filter.since] : [])];
      const sql = `SELECT at, length FROM receipts ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY ended DESC, rowid DESC LIMIT ?`;
      for (const row of db.prepare(sql).all(...values, filter.limit)) yield read(row) as Receipt;
    },
    ids: (prefix) =>
      db
        .prepare('SELECT id FROM receipts WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 20')
        .all(prefix, `${prefix}\uffff`)
        .map((row) => (row as { id: string }).id),
    // From the roll-up: the receipts themselves may be a million.
    names: (of) =>
      db
        .prepare('SELECT DISTINCT key FROM spending WHERE by = ? ORDER BY key')
        .all(of)
        .map((row) => (row as { key: string }).key),
    costs: (question) => readSpending(db, question),
    addReceipt(receipt) {
      catchUp();
      return get(receipt.id)?.receipt ?? (add([receipt])[0] as Receipt);
    },
    addAmendment: (amendment) => add([amendment])[0] as Amendment,
    addImported(records) {
      const fresh = new Map<string, Omit<ChainLine, 'integrity'>>();
      for (const record of records) {
        const known = get(record.id);
        const there = known ? [known.receipt, ...known.amendments].map(nameOf) : [];
        if (!there.includes(nameOf(record))) fresh.set(nameOf(record), record);
      }
      return fresh.size === 0 ? [] : (add([...fresh.values()]) as ChainLine[]);
    },
    rebuild: () => (rebuilding ??= rebuild().finally(() => (rebuilding = null))),
    close() {
      closed.abort();
      db.close();
    },
  };
}

/** What makes a record the same one: a receipt's id, an amendment's id, time and type. */
function nameOf(record: Omit<ChainLine, 'integrity'>): string {
  const { id, at, type } = record as Amendment;
  return JSON.stringify(isReceipt(record) ? [id] : [id, at, type]);
}
