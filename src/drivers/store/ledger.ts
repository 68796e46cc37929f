/**
 * `ledger.db`: an index over `receipts.jsonl`. It remembers how far it has read; `catchUp` takes in what came since,
 * so a crash between the two files mends itself and a rebuild is a catch-up from byte 0.
 */
import fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { CostKey, CostRow } from '../../core/costs.ts';
import { EXIT, PanError } from '../../protocol/error.ts';
import type { Amendment, Receipt } from '../../protocol/receipt.ts';
import {
  appendToChain,
  type ChainLine,
  isAmendment,
  isReceipt,
  type LinePlace,
  mendTail,
  readLine,
  walkChain,
} from './receipts.ts';
import { createRollUp, readSpending, SPENDING_SCHEMA } from './spending.ts';

/** Grows with every change of the tables: an index of another version is made anew. */
const VERSION = 2;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS receipts (id TEXT PRIMARY KEY, ended TEXT, project TEXT, agent TEXT, worker TEXT, model TEXT, status TEXT, session TEXT,
    usd REAL, billing TEXT, at INTEGER NOT NULL, length INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS receipts_ended ON receipts (ended);
  CREATE INDEX IF NOT EXISTS receipts_agent ON receipts (agent, ended);
  CREATE INDEX IF NOT EXISTS receipts_worker ON receipts (worker, ended);
  CREATE INDEX IF NOT EXISTS receipts_status ON receipts (status, ended);
  CREATE TABLE IF NOT EXISTS amendments (receipt TEXT NOT NULL, at INTEGER PRIMARY KEY, length INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS amendments_receipt ON amendments (receipt);
  CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL, last TEXT) STRICT;
  INSERT OR IGNORE INTO progress VALUES (1, 0, NULL);
  ${SPENDING_SCHEMA}
  PRAGMA user_version = ${VERSION};
`;

const TABLES = ['receipts', 'amendments', 'spending', 'progress'];

/** SQLite's result codes for files that are damaged, or no database at all. */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
/** How long somebody else, such as a backup, may hold the index. */
const BUSY_MS = 5_000;
/** Endings of the files SQLite keeps for one database in WAL mode. */
const INDEX_FILES = ['', '-wal', '-shm'];
/** Receipts whose sums are held before they are written, so that the sums of a million do not fill the memory. */
const ROLL_UP = 20_000;

export interface ReceiptFilter {
  agent?: string;
  worker?: string;
  status?: string;
  /** ISO-8601; receipts that ended at or after it. */
  since?: string;
  limit: number;
}

/** What the chain holds, in lines; `unreadable` ones are in the file and not in the index. */
export interface Counted {
  lines: number;
  receipts: number;
  amendments: number;
  unreadable: number;
}

export interface Ledger {
  has(id: string): boolean;
  get(id: string): { receipt: Receipt; amendments: Amendment[] } | null;
  /** Newest first. */
  list(filter: ReceiptFilter): Receipt[];
  ids(prefix: string): string[];
  /** Every agent, or every worker, that has a receipt. */
  names(of: 'agent' | 'worker'): string[];
  /** `since`: ms since 1970, null = all. `zone`: where days begin. Throws RangeError on an unknown zone. */
  costs(question: { by: CostKey; since: number | null; zone: string }): CostRow[];
  /** Roots of all projects that have receipts. */
  projects(): string[];
  /** Seals and appends a receipt; one that is there already is returned unchanged. */
  addReceipt(receipt: Omit<Receipt, 'integrity'>): Receipt;
  addAmendment(amendment: Omit<Amendment, 'integrity'>): Amendment;
  /** Appends records of another home, in their order, as links of this chain; those it has are left out. */
  addImported(records: Omit<ChainLine, 'integrity'>[]): ChainLine[];
  /** Re-creates the index from the file. */
  rebuild(): Counted;
  close(): void;
}

/** Opens the index, mends a torn tail of the chain and takes in lines the index has not seen. */
export function openLedger(places: { receipts: string; ledger: string }): Ledger {
  let db = openIndex(places.ledger);
  const progress = () => db.prepare('SELECT bytes, last FROM progress').get() as { bytes: number; last: string | null };
  const catchUp = (): Counted => {
    const seen = progress();
    let last = seen.last;
    const counted = { lines: 0, receipts: 0, amendments: 0, unreadable: 0 };
    const receipts = db.prepare('INSERT OR IGNORE INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    const amendments = db.prepare('INSERT OR IGNORE INTO amendments VALUES (?, ?, ?)');
    const rollUp = createRollUp(db);
    const take = (record: Receipt, { offset, length }: LinePlace) => {
      const { id, time, project, agent, worker, outcome, session, cost } = record;
      const facts = [id, new Date(time.ended).toISOString(), project, agent.name, worker.id, worker.model];
      const more = [outcome.status, session, cost.usd, cost.billing, offset, length];
      if (receipts.run(...facts, ...more).changes === 0) return;
      rollUp.add(record);
      if (counted.receipts % ROLL_UP === 0) rollUp.write();
    };
    db.exec('BEGIN');
    try {
      const whole = walkChain(places.receipts, seen.bytes, (record, place) => {
        counted.lines += 1;
        last = record?.integrity?.self ?? last;
        if (isReceipt(record)) {
          counted.receipts += 1;
          take(record, place);
        } else if (isAmendment(record)) {
          counted.amendments += 1;
          amendments.run(record.id, place.offset, place.length);
        } else counted.unreadable += 1; // `receipts verify` names it; the index leaves it out.
      });
      rollUp.write();
      db.prepare('UPDATE progress SET bytes = ?, last = ?').run(whole, last);
      db.exec('COMMIT');
    } catch (cause) {
      db.exec('ROLLBACK');
      throw cause;
    }
    return counted;
  };
  const reset = () =>
    db.exec(
      'DELETE FROM receipts; DELETE FROM amendments; DELETE FROM spending; UPDATE progress SET bytes = 0, last = NULL;',
    );
  /** Whether the line the index read last is still where it was: a file that was replaced or edited is read anew. */
  const fits = (): boolean => {
    const row = ['receipts ORDER BY rowid', 'amendments ORDER BY at']
      .map((table) => db.prepare(`SELECT at, length FROM ${table} DESC LIMIT 1`).get() as Row | undefined)
      .filter((found) => found !== undefined)
      .sort((a, b) => b.at - a.at)[0];
    if (!row) return true;
    try {
      const line = readLine(places.receipts, { offset: row.at, length: row.length });
      return !line.integrity || line.integrity.self === progress().last;
    } catch {
      return false; // what is there now is no line
    }
  };

  const whole = walkChain(places.receipts, Math.min(progress().bytes, sizeOf(places.receipts)), () => {});
  if (whole < progress().bytes || !fits()) reset();
  mendTail(places.receipts, whole);
  catchUp();

  const add = <T extends object>(records: T[]) => {
    // What an earlier try appended and could not index.
    catchUp();
    const sealed = appendToChain(places.receipts, records, progress().last);
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
    list(filter) {
      const wanted = (['agent', 'worker', 'status'] as const).filter((key) => filter[key] !== undefined);
      const where = [...wanted.map((key) => `${key} = ?`), ...(filter.since ? ['ended >= ?'] : [])];
      const values = [...wanted.map((key) => filter[key] as string), ...(filter.since ? [filter.since] : [])];
      const sql = `SELECT at, length FROM receipts ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY ended DESC, rowid DESC LIMIT ?`;
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
    projects: () =>
      db
        .prepare('SELECT DISTINCT project FROM receipts')
        .all()
        .map((row) => (row as { project: string }).project),
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

/** Where a line lies, as the index has it. */
interface Row {
  at: number;
  length: number;
}

/** What makes a record the same one: a receipt's id, an amendment's id, time and type. */
function nameOf(record: Omit<ChainLine, 'integrity'>): string {
  const { id, at, type } = record as Amendment;
  return JSON.stringify(isReceipt(record) ? [id] : [id, at, type]);
}

/** An index that cannot be read is set aside and made anew: it holds nothing that `receipts.jsonl` does not. */
function openIndex(file: string): DatabaseSync {
  const open = () => {
    const db = new DatabaseSync(file, { timeout: BUSY_MS });
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
      if (version !== VERSION) db.exec(TABLES.map((table) => `DROP TABLE IF EXISTS ${table};`).join(' '));
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
