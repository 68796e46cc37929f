/**
 * `ledger.db`: an index over `receipts.jsonl`. It remembers how far it has read; `catchUp` takes in what came since,
 * so a crash between the two files mends itself and a rebuild is a catch-up from byte 0.
 */
import fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Amendment, Receipt } from '../../protocol/receipt.ts';
import { appendToChain, type ChainLine, type LinePlace, mendTail, readLine, walkChain } from './receipts.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS receipts (id TEXT PRIMARY KEY, ended TEXT, project TEXT, agent TEXT, worker TEXT, model TEXT, status TEXT, session TEXT,
    usd REAL, billing TEXT, at INTEGER NOT NULL, length INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS receipts_ended ON receipts (ended);
  CREATE TABLE IF NOT EXISTS amendments (receipt TEXT NOT NULL, at INTEGER PRIMARY KEY, length INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS amendments_receipt ON amendments (receipt);
  CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL, last TEXT) STRICT;
  INSERT OR IGNORE INTO progress VALUES (1, 0, NULL);
`;

/** SQLite's result codes for files that are damaged, or no database at all. */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
/** How long somebody else, such as a backup, may hold the index. */
const BUSY_MS = 5_000;
/** Endings of the files SQLite keeps for one database in WAL mode. */
const INDEX_FILES = ['', '-wal', '-shm'];

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
  /** Newest first. */
  list(filter: ReceiptFilter): Receipt[];
  ids(prefix: string): string[];
  /** Seals and appends a receipt; one that is there already is returned unchanged. */
  addReceipt(receipt: Omit<Receipt, 'integrity'>): Receipt;
  addAmendment(amendment: Omit<Amendment, 'integrity'>): Amendment;
  /** Re-creates the index from the file; returns the number of lines. */
  rebuild(): number;
  close(): void;
}

/** Opens the index, mends a torn tail of the chain and takes in lines the index has not seen. */
export function openLedger(places: { receipts: string; ledger: string }): Ledger {
  let db = openIndex(places.ledger);
  const progress = () => db.prepare('SELECT bytes, last FROM progress').get() as { bytes: number; last: string | null };
  const insert = () => ({
    receipt: db.prepare('INSERT OR IGNORE INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    amendment: db.prepare('INSERT OR IGNORE INTO amendments VALUES (?, ?, ?)'),
  });
  const take = (into: ReturnType<typeof insert>, record: ChainLine, place: LinePlace) => {
    if ('schema' in record)
      into.receipt.run(
        record.id,
        record.time.ended,
        record.project,
        record.agent.name,
        record.worker.id,
        record.worker.model,
        record.outcome.status,
        record.session,
        record.cost.usd,
        record.cost.billing,
        place.offset,
        place.length,
      );
    else into.amendment.run(record.id, place.offset, place.length);
  };
  const catchUp = (): number => {
    const seen = progress();
    let last = seen.last;
    let lines = 0;
    const into = insert();
    db.exec('BEGIN');
    try {
      const whole = walkChain(places.receipts, seen.bytes, (record, place) => {
        lines += 1;
        if (!record) return; // `receipts verify` names it; the index leaves it out.
        take(into, record, place);
        last = record.integrity?.self ?? last;
      });
      db.prepare('UPDATE progress SET bytes = ?, last = ?').run(whole, last);
      db.exec('COMMIT');
    } catch (cause) {
      db.exec('ROLLBACK');
      throw cause;
    }
    return lines;
  };
  const reset = () =>
    db.exec('DELETE FROM receipts; DELETE FROM amendments; UPDATE progress SET bytes = 0, last = NULL;');

  const whole = walkChain(places.receipts, Math.min(progress().bytes, sizeOf(places.receipts)), () => {});
  if (whole < progress().bytes) reset(); // the file was replaced by a shorter one: read it anew
  mendTail(places.receipts, whole);
  catchUp();

  const add = <T extends object>(record: T) => {
    // What an earlier try appended and could not index.
    catchUp();
    const sealed = appendToChain(places.receipts, record, progress().last);
    catchUp();
    return sealed;
  };
  const read = (row: unknown) => {
    const { at, length } = row as { at: number; length: number };
    return readLine(places.receipts, { offset: at, length });
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
    list(filter) {
      const wanted = (['agent', 'worker', 'status'] as const).filter((key) => filter[key] !== undefined);
      const where = [...wanted.map((key) => `${key} = ?`), ...(filter.since ? ['ended >= ?'] : [])];
      const values = [...wanted.map((key) => filter[key] as string), ...(filter.since ? [filter.since] : [])];
      const sql = `SELECT at, length FROM receipts ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY ended DESC LIMIT ?`;
      return db
        .prepare(sql)
        .all(...values, filter.limit)
        .map((row) => read(row) as Receipt);
    },
    ids: (prefix) =>
      db
        .prepare('SELECT id FROM receipts WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 20')
        .all(prefix, `${prefix}\uffff`)
        .map((row) => (row as { id: string }).id),
    addReceipt(receipt) {
      catchUp();
      return get(receipt.id)?.receipt ?? add(receipt);
    },
    addAmendment: (amendment) => add(amendment),
    rebuild() {
      // A new file, not emptied tables: the index may be rebuilt because it is damaged.
      db.close();
      for (const ending of INDEX_FILES) fs.rmSync(`${places.ledger}${ending}`, { force: true });
      db = openIndex(places.ledger);
      return catchUp();
    },
    close: () => db.close(),
  };
}

/** An index that cannot be read is set aside and made anew: it holds nothing that `receipts.jsonl` does not. */
function openIndex(file: string): DatabaseSync {
  const open = () => {
    const db = new DatabaseSync(file, { timeout: BUSY_MS });
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      db.exec(SCHEMA);
      return db;
    } catch (cause) {
      db.close();
      throw cause;
    }
  };
  try {
    return open();
  } catch (error) {
    if (![CORRUPT, NOT_A_DATABASE].includes(((error as { errcode?: number }).errcode ?? 0) & 0xff)) throw error;
    for (const ending of INDEX_FILES)
      if (fs.existsSync(`${file}${ending}`)) fs.renameSync(`${file}${ending}`, `${file}.damaged${ending}`);
    return open();
  }
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
