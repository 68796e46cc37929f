/**
 * The index over `receipts.jsonl`: its file, and how lines of the chain get into it. It remembers how far it has read, so what came since is
 * taken in at the next look. A million receipts take a minute, so a large part is read in steps and whoever calls does other things between two.
 */
import fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as breath } from 'node:timers/promises';
import type { Receipt } from '../../protocol/receipt.ts';
import { endOfLines, isAmendment, isReceipt, type LinePlace, mendTail, readLine, walkChain } from './receipts.ts';
import { createRollUp, SPENDING_SCHEMA } from './spending.ts';

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
/** Of the chain at once: some ten milliseconds of work. */
const STEP_BYTES = 1 << 18;

export interface IndexPlaces {
  receipts: string;
  ledger: string;
}

/** What the chain holds, in lines; `unreadable` ones are in the file and not in the index. */
export interface Counted {
  lines: number;
  receipts: number;
  amendments: number;
  unreadable: number;
}

/** Where a line lies, as the index has it. */
export interface Row {
  at: number;
  length: number;
}

export const progressOf = (db: DatabaseSync) =>
  db.prepare('SELECT bytes, last FROM progress').get() as { bytes: number; last: string | null };

/** Takes in all lines that came since, or, with `least`, the next so many bytes of them and the rest of their last line. */
export function takeIn(db: DatabaseSync, file: string, least?: number): Counted {
  const seen = progressOf(db);
  let last = seen.last;
  const counted = { lines: 0, receipts: 0, amendments: 0, unreadable: 0 };
  const receipts = db.prepare('INSERT OR IGNORE INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const amendments = db.prepare('INSERT OR IGNORE INTO amendments VALUES (?, ?, ?)');
  const rollUp = createRollUp(db);
  const take = (record: Receipt, { offset, length }: LinePlace) => {
    const { id, time, project, agent, worker, outcome, session, cost } = record;
    const facts = [id, new Date(time.ended).toISOString(), project, agent.name, worker.id, worker.model ?? null];
    const more = [outcome.status, session ?? null, cost.usd, cost.billing, offset, length];
    if (receipts.run(...facts, ...more).changes > 0) rollUp.add(record);
  };
  db.exec('BEGIN');
  try {
    const visit: Parameters<typeof walkChain>[2] = (record, place) => {
      counted.lines += 1;
      last = record?.integrity?.self ?? last;
      if (isReceipt(record)) {
        counted.receipts += 1;
        take(record, place);
      } else if (isAmendment(record)) {
        counted.amendments += 1;
        amendments.run(record.id, place.offset, place.length);
      } else counted.unreadable += 1; // `receipts verify` names it; the index leaves it out.
    };
    const read = walkChain(file, seen.bytes, visit, least);
    rollUp.write();
    db.prepare('UPDATE progress SET bytes = ?, last = ?').run(read, last);
    db.exec('COMMIT');
  } catch (cause) {
    db.exec('ROLLBACK');
    throw cause;
  }
  return counted;
}

/** The same for everything, in steps. `told`: how much of the chain is read, 0 to 1. Rejects where `signal` is aborted between two. */
export async function takeAllIn(
  db: DatabaseSync,
  file: string,
  signal: AbortSignal,
  told: (share: number) => void = () => {},
): Promise<Counted> {
  const sum: Counted = { lines: 0, receipts: 0, amendments: 0, unreadable: 0 };
  for (;;) {
    const step = takeIn(db, file, STEP_BYTES);
    for (const name of Object.keys(sum) as (keyof Counted)[]) sum[name] += step[name];
    const { bytes } = progressOf(db);
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    // A last line without an end is not read.
    if (step.lines === 0) return sum;
    told(bytes / size);
    if (bytes < size) await breath(undefined, { signal });
  }
}

/** Opens the index and mends the torn tail of a chain. One that is of another version or of another chain is emptied. */
export function readyIndex(places: IndexPlaces): DatabaseSync {
  const db = openIndex(places.ledger);
  const whole = endOfLines(places.receipts);
  if (whole < progressOf(db).bytes || !fits(db, places.receipts))
    db.exec(
      'DELETE FROM receipts; DELETE FROM amendments; DELETE FROM spending; UPDATE progress SET bytes = 0, last = NULL;',
    );
  mendTail(places.receipts, whole);
  return db;
}

/** Whether the line the index took in last is still where it was: a file that was replaced or edited is read anew. */
function fits(db: DatabaseSync, file: string): boolean {
  const { bytes, last } = progressOf(db);
  const row = ['receipts ORDER BY rowid', 'amendments ORDER BY at']
    .map((table) => db.prepare(`SELECT at, length FROM ${table} DESC LIMIT 1`).get() as Row | undefined)
    .filter((found) => found !== undefined)
    .sort((a, b) => b.at - a.at)[0];
  if (!row) return true;
  try {
    const line = readLine(file, { offset: row.at, length: row.length });
    // Behind it there may be lines that the index leaves out.
    const isLast = row.at + row.length + 1 === bytes;
    return !isLast || !line.integrity || line.integrity.self === last;
  } catch {
    return false; // what is there now is no line
  }
}

/** Opens the file; one that cannot be read is set aside and made anew: it holds nothing that `receipts.jsonl` does not. */
export function openIndex(file: string): DatabaseSync {
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

export function removeIndex(file: string): void {
  for (const ending of INDEX_FILES) fs.rmSync(`${file}${ending}`, { force: true });
}
