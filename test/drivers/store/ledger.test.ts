import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedger } from '../../../src/drivers/store/ledger.ts';
import { verifyChain } from '../../../src/drivers/store/receipts.ts';
import { Receipt } from '../../../src/protocol/receipt.ts';
import { testReceipt } from '../../fixtures/receipt.ts';

let dir: string;
let places: { receipts: string; ledger: string };
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pancode ledger-'));
  places = { receipts: path.join(dir, 'receipts.jsonl'), ledger: path.join(dir, 'ledger.db') };
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

const undo = (id: string) => ({
  id,
  at: '2026-01-02T00:00:00.000Z',
  type: 'undo' as const,
  by: 'user' as const,
  files: ['a'],
  patchSha256: null,
  commit: null,
});

describe('the ledger', () => {
  it('keeps receipts and amendments in one chain and gives them back', () => {
    const ledger = openLedger(places);
    const first = ledger.addReceipt(testReceipt('A'));
    ledger.addReceipt(testReceipt('BB', { task: 'ümlaut\n☃' }));
    ledger.addAmendment(undo('A'));
    expect(Receipt.parse(first)).toEqual(first);
    expect(ledger.get('A')).toMatchObject({ receipt: { id: 'A' }, amendments: [{ type: 'undo' }] });
    expect(ledger.get('BB')?.receipt.task).toBe('ümlaut\n☃');
    expect(ledger.list({ limit: 1 }).map((receipt) => receipt.id)).toEqual(['BB']);
    expect(ledger.list({ limit: 9, agent: 'nobody' })).toEqual([]);
    expect(verifyChain(places.receipts)).toEqual({ lines: 3, faults: [] });
    ledger.close();
  });

  it('writes exactly one receipt for one dispatch', () => {
    const ledger = openLedger(places);
    const first = ledger.addReceipt(testReceipt('A'));
    expect(ledger.addReceipt(testReceipt('A', { task: 'another' }))).toEqual(first);
    expect(verifyChain(places.receipts).lines).toBe(1);
    ledger.close();
  });

  it('takes in what its index missed, and re-creates a deleted one', () => {
    const ledger = openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.addAmendment(undo('A'));
    ledger.close();
    for (const name of fs.readdirSync(dir)) if (name.startsWith('ledger.db')) fs.rmSync(path.join(dir, name));
    const again = openLedger(places);
    expect(again.get('A')?.amendments).toHaveLength(1);
    expect(again.rebuild()).toEqual({ lines: 2, receipts: 1, amendments: 1, unreadable: 0 });
    again.addReceipt(testReceipt('BB'));
    expect(verifyChain(places.receipts)).toEqual({ lines: 3, faults: [] });
    again.close();
  });

  it('cuts a torn last line off, keeps its bytes, and goes on with a whole chain', () => {
    const ledger = openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.close();
    fs.appendFileSync(places.receipts, '{"schema":1,"id":"tor');
    const again = openLedger(places);
    again.addReceipt(testReceipt('BB'));
    expect(verifyChain(places.receipts)).toEqual({ lines: 2, faults: [] });
    expect(fs.readFileSync(`${places.receipts}.torn`, 'utf8')).toContain('"tor');
    again.close();
  });

  it('sets a damaged index aside and makes it anew', () => {
    const ledger = openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.close();
    for (const ending of ['-wal', '-shm']) fs.rmSync(`${places.ledger}${ending}`, { force: true });
    fs.writeFileSync(places.ledger, 'this is no database, '.repeat(500));
    const again = openLedger(places);
    expect(again.get('A')?.receipt.id).toBe('A');
    expect(fs.readFileSync(`${places.ledger}.damaged`, 'utf8')).toContain('no database');
    again.close();
  });

  it('writes one line although the index could not be written the first time', () => {
    const ledger = openLedger(places);
    const other = new DatabaseSync(places.ledger);
    other.exec('BEGIN IMMEDIATE');
    expect(() => ledger.addReceipt(testReceipt('A'))).toThrow(/locked/);
    other.exec('ROLLBACK');
    other.close();
    expect(ledger.addReceipt(testReceipt('A')).id).toBe('A');
    ledger.addAmendment(undo('A'));
    expect(verifyChain(places.receipts)).toEqual({ lines: 2, faults: [] });
    ledger.close();
  });

  it('lives with lines that are anything, and says how many it left out', () => {
    const ledger = openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.close();
    fs.appendFileSync(places.receipts, 'not json\n42\nnull\n{"schema":1}\n[]\n');
    const again = openLedger(places);
    again.addReceipt(testReceipt('BB'));
    expect(again.list({ limit: 9 }).map((receipt) => receipt.id)).toEqual(['BB', 'A']);
    expect(again.rebuild()).toEqual({ lines: 7, receipts: 2, amendments: 0, unreadable: 5 });
    expect(verifyChain(places.receipts).faults.map((fault) => fault.line)).toEqual([2, 3, 4, 5, 6]);
    again.close();
  });

  it('reads a file anew that was replaced or edited while nobody looked', () => {
    const ledger = openLedger(places);
    for (const id of ['A', 'BB', 'CCC']) ledger.addReceipt(testReceipt(id));
    ledger.close();
    const lines = fs.readFileSync(places.receipts, 'utf8').split('\n');
    fs.writeFileSync(places.receipts, [lines[0], ' '.repeat((lines[1] ?? '').length + 20), lines[2], ''].join('\n'));
    const again = openLedger(places);
    expect(again.list({ limit: 9 }).map((receipt) => receipt.id)).toEqual(['CCC', 'A']);
    again.close();
  });

  it('makes an index of an older version anew', () => {
    const ledger = openLedger(places);
    ledger.addReceipt(testReceipt('A', { cost: { usd: 1, grade: 'priced', billing: 'api', priceTable: null } }));
    ledger.close();
    const old = new DatabaseSync(places.ledger);
    old.exec('DROP TABLE spending; ALTER TABLE receipts DROP COLUMN session; PRAGMA user_version = 0;');
    old.close();
    const again = openLedger(places);
    expect(again.costs({ by: 'agent', since: null, zone: 'UTC' })).toEqual([
      { key: 'builder', billing: 'api', usd: 1, known: 1, unknown: 0 },
    ]);
    again.close();
  });

  it('knows a last line without an end', () => {
    fs.writeFileSync(places.receipts, '{"schema":1');
    expect(verifyChain(places.receipts).faults).toEqual([{ line: 1, what: expect.stringContaining('no end') }]);
  });

  it('names the lines somebody changed', () => {
    const ledger = openLedger(places);
    for (const id of ['A', 'BB', 'CCC']) ledger.addReceipt(testReceipt(id));
    ledger.close();
    const lines = fs.readFileSync(places.receipts, 'utf8').trim().split('\n');
    fs.writeFileSync(places.receipts, `${lines[0]}\n${lines[1]?.replace('Do it.', 'Did it.')}\nnot json\n`);
    expect(verifyChain(places.receipts).faults.map((fault) => fault.line)).toEqual([2, 3]);
  });
});
