import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedger } from '../../../src/drivers/store/ledger.ts';
import { endOfLines, mendTail, verifyChain } from '../../../src/drivers/store/receipts.ts';
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
  it('keeps receipts and amendments in one chain and gives them back', async () => {
    const ledger = await openLedger(places);
    const first = ledger.addReceipt(testReceipt('A'));
    ledger.addReceipt(testReceipt('BB', { task: 'ümlaut\n☃' }));
    ledger.addAmendment(undo('A'));
    expect(Receipt.parse(first)).toEqual(first);
    expect(ledger.get('A')).toMatchObject({ receipt: { id: 'A' }, amendments: [{ type: 'undo' }] });
    expect(ledger.get('BB')?.receipt.task).toBe('ümlaut\n☃');
    expect([...ledger.list({ limit: 1 })].map((receipt) => receipt.id)).toEqual(['BB']);
    expect([...ledger.list({ limit: 9, agent: 'nobody' })]).toEqual([]);
    expect(verifyChain(places.receipts)).toEqual({ lines: 3, faults: [] });
    ledger.close();
  });

  it('writes exactly one receipt for one dispatch', async () => {
    const ledger = await openLedger(places);
    const first = ledger.addReceipt(testReceipt('A'));
    expect(ledger.addReceipt(testReceipt('A', { task: 'another' }))).toEqual(first);
    expect(verifyChain(places.receipts).lines).toBe(1);
    ledger.close();
  });

  it('takes in what its index missed, and re-creates a deleted one', async () => {
    const ledger = await openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.addAmendment(undo('A'));
    ledger.close();
    for (const name of fs.readdirSync(dir)) if (name.startsWith('ledger.db')) fs.rmSync(path.join(dir, name));
    const again = await openLedger(places);
    expect(again.get('A')?.amendments).toHaveLength(1);
    expect(await again.rebuild()).toEqual({ lines: 2, receipts: 1, amendments: 1, unreadable: 0 });
    again.addReceipt(testReceipt('BB'));
    expect(verifyChain(places.receipts)).toEqual({ lines: 3, faults: [] });
    again.close();
  });

  it('cuts a torn last line off, keeps its bytes, and goes on with a whole chain', async () => {
    const ledger = await openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.close();
    fs.appendFileSync(places.receipts, '{"schema":1,"id":"tor');
    const again = await openLedger(places);
    again.addReceipt(testReceipt('BB'));
    expect(verifyChain(places.receipts)).toEqual({ lines: 2, faults: [] });
    expect(fs.readFileSync(`${places.receipts}.torn`, 'utf8')).toContain('"tor');
    again.close();
  });

  it('sets a damaged index aside and makes it anew', async () => {
    const ledger = await openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.close();
    for (const ending of ['-wal', '-shm']) fs.rmSync(`${places.ledger}${ending}`, { force: true });
    fs.writeFileSync(places.ledger, 'this is no database, '.repeat(500));
    const again = await openLedger(places);
    expect(again.get('A')?.receipt.id).toBe('A');
    expect(fs.readFileSync(`${places.ledger}.damaged`, 'utf8')).toContain('no database');
    again.close();
  });

  it('writes one line although the index could not be written the first time', async () => {
    const ledger = await openLedger(places);
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

  it('lives with lines that are anything, and says how many it left out', async () => {
    const ledger = await openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.close();
    fs.appendFileSync(places.receipts, 'not json\n42\nnull\n{"schema":1}\n[]\n');
    const again = await openLedger(places);
    again.addReceipt(testReceipt('BB'));
    expect([...again.list({ limit: 9 })].map((receipt) => receipt.id)).toEqual(['BB', 'A']);
    expect(await again.rebuild()).toEqual({ lines: 7, receipts: 2, amendments: 0, unreadable: 5 });
    expect(verifyChain(places.receipts).faults.map((fault) => fault.line)).toEqual([2, 3, 4, 5, 6]);
    again.close();
  });

  it('lives with receipts whose model or session are missing, or are none', async () => {
    const line = (id: string, more: object) => {
      const made = testReceipt(id) as object;
      return `${JSON.stringify({ ...made, ...more })}\n`;
    };
    const worker = { ...testReceipt('A').worker, model: undefined };
    fs.writeFileSync(
      places.receipts,
      line('A', { session: undefined, worker }) +
        line('BB', { session: {} }) +
        line('CCC', { worker: { ...worker, model: ['m'] } }),
    );
    const ledger = await openLedger(places);
    expect([...ledger.list({ limit: 9 })].map((receipt) => receipt.id)).toEqual(['A']);
    expect(await ledger.rebuild()).toMatchObject({ receipts: 1, unreadable: 2 });
    ledger.close();
  });

  it('reads a file anew that was replaced or edited while nobody looked', async () => {
    const ledger = await openLedger(places);
    for (const id of ['A', 'BB', 'CCC']) ledger.addReceipt(testReceipt(id));
    ledger.close();
    const lines = fs.readFileSync(places.receipts, 'utf8').split('\n');
    fs.writeFileSync(places.receipts, [lines[0], ' '.repeat((lines[1] ?? '').length + 20), lines[2], ''].join('\n'));
    const again = await openLedger(places);
    expect([...again.list({ limit: 9 })].map((receipt) => receipt.id)).toEqual(['CCC', 'A']);
    again.close();
  });

  it('makes an index of an older version anew', async () => {
    const ledger = await openLedger(places);
    ledger.addReceipt(testReceipt('A', { cost: { usd: 1, grade: 'priced', billing: 'api', priceTable: null } }));
    ledger.close();
    const old = new DatabaseSync(places.ledger);
    old.exec('DROP TABLE spending; ALTER TABLE receipts DROP COLUMN session; PRAGMA user_version = 0;');
    old.close();
    const again = await openLedger(places);
    expect(again.costs({ by: 'agent', since: null, zone: 'UTC' })).toEqual([
      { key: 'builder', billing: 'api', usd: 1, known: 1, unknown: 0 },
    ]);
    again.close();
  });

  it('answers, and takes receipts, while its index is made anew', async () => {
    const ledger = await openLedger(places);
    const all = Array.from({ length: 600 }, (_, n) => testReceipt(`R${n}`, { task: 'x'.repeat(2_000) }));
    ledger.addImported(all);
    let turns = 0;
    let over = false;
    const rebuilt = Promise.all([ledger.rebuild(), ledger.rebuild()]).finally(() => {
      over = true;
    });
    for (; !over; turns++) {
      expect(ledger.get('R599')?.receipt.id).toBe('R599');
      if (turns === 1) ledger.addReceipt(testReceipt('LATE'));
      await setImmediate();
    }
    expect(turns).toBeGreaterThan(2);
    expect((await rebuilt)[0]).toEqual({ lines: 601, receipts: 601, amendments: 0, unreadable: 0 });
    expect(ledger.get('LATE')?.receipt.id).toBe('LATE');
    expect(ledger.costs({ by: 'agent', since: null, zone: 'UTC' })[0]).toMatchObject({ unknown: 601 });
    ledger.close();
    expect(fs.readdirSync(dir).filter((name) => name.includes('.new'))).toEqual([]);
  });

  it('opens in steps, says how far it is, and goes on there after a stop', async () => {
    const ledger = await openLedger(places);
    ledger.addImported(Array.from({ length: 600 }, (_, n) => testReceipt(`R${n}`, { task: 'x'.repeat(2_000) })));
    ledger.close();
    for (const name of fs.readdirSync(dir)) if (name.startsWith('ledger.db')) fs.rmSync(path.join(dir, name));
    const stop = new AbortController();
    const told: number[] = [];
    const opening = openLedger(places, stop.signal, (share) => {
      told.push(share);
      if (told.length === 2) stop.abort();
    });
    await expect(opening).rejects.toThrow();
    const again = await openLedger(places, undefined, (share) => told.push(share));
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.length).toBeGreaterThan(3);
    expect(told.at(-1)).toBe(1);
    expect(await again.rebuild()).toMatchObject({ receipts: 600 });
    expect(again.get('R0')?.receipt.id).toBe('R0');
    again.close();
  });

  it('reads nothing twice because of a last line it does not know', async () => {
    const ledger = await openLedger(places);
    ledger.addReceipt(testReceipt('A'));
    ledger.close();
    fs.appendFileSync(places.receipts, '{"schema":2,"id":"of a later version","integrity":{"prev":null,"self":"x"}}\n');
    (await openLedger(places)).close();
    let read = 0;
    (await openLedger(places, undefined, () => read++)).close();
    expect(read).toBe(0);
  });

  it('cuts the torn end of a chain of more than 2 GiB', () => {
    fs.writeFileSync(places.receipts, '');
    fs.truncateSync(places.receipts, 2 ** 31 + 10); // a hole, which takes no space
    const fd = fs.openSync(places.receipts, 'r+');
    fs.writeSync(fd, '{}\n{"torn"', 2 ** 31);
    fs.ftruncateSync(fd, 2 ** 31 + 10);
    fs.closeSync(fd);
    const whole = endOfLines(places.receipts);
    expect(whole).toBe(2 ** 31 + 3);
    expect(mendTail(places.receipts, whole)).toBe(7);
    expect(fs.readFileSync(`${places.receipts}.torn`, 'utf8')).toBe('{"torn"\n');
    expect(fs.statSync(places.receipts).size).toBe(whole);
  });

  it('knows a last line without an end', () => {
    fs.writeFileSync(places.receipts, '{"schema":1');
    expect(verifyChain(places.receipts).faults).toEqual([{ line: 1, what: expect.stringContaining('no end') }]);
  });

  it('names the lines somebody changed', async () => {
    const ledger = await openLedger(places);
    for (const id of ['A', 'BB', 'CCC']) ledger.addReceipt(testReceipt(id));
    ledger.close();
    const lines = fs.readFileSync(places.receipts, 'utf8').trim().split('\n');
    fs.writeFileSync(places.receipts, `${lines[0]}\n${lines[1]?.replace('Do it.', 'Did it.')}\nnot json\n`);
    expect(verifyChain(places.receipts).faults.map((fault) => fault.line)).toEqual([2, 3]);
  });
});
