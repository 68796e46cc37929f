import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { importReceipts } from '../../../src/control/receipts.ts';
import { selfHash } from '../../../src/core/chain.ts';
import { openLedger } from '../../../src/drivers/store/ledger.ts';
import { verifyChain } from '../../../src/drivers/store/receipts.ts';
import { Receipt } from '../../../src/protocol/receipt.ts';
import { testReceipt } from '../../fixtures/receipt.ts';
import { tempDir } from '../../fixtures/temp.ts';

const NOW = new Date('2026-11-25T10:00:00.000Z');
const amendment = { id: 'A', at: '2026-01-02T00:00:00.000Z', type: 'undo' as const, by: 'user' as const };
const undo = { ...amendment, files: ['a'], patchSha256: null, commit: null };

const home = async () => {
  const dir = tempDir();
  const places = { receipts: join(dir, 'receipts.jsonl'), ledger: join(dir, 'ledger.db') };
  return { ...places, ledger: await openLedger(places), dir };
};
/** The file of a home with three receipts and an amendment. */
async function otherHome(): Promise<string> {
  const { ledger, receipts } = await home();
  for (const id of ['A', 'BB', 'CCC']) ledger.addReceipt(testReceipt(id, { task: `task ${id} ☃` }));
  ledger.addAmendment(undo);
  ledger.close();
  return receipts;
}

it('takes in receipts and amendments once, marked, as links of its own chain', async () => {
  const other = await otherHome();
  const mine = await home();
  mine.ledger.addReceipt(testReceipt('MINE'));
  expect(await importReceipts(mine.ledger, other, NOW)).toEqual({ imported: 3, amendments: 1, known: 0, damaged: 0 });
  expect(await importReceipts(mine.ledger, other, NOW)).toEqual({ imported: 0, amendments: 0, known: 4, damaged: 0 });
  expect(verifyChain(mine.receipts)).toEqual({ lines: 5, faults: [] });
  const came = mine.ledger.get('A');
  expect(came?.amendments).toHaveLength(1);
  const original = JSON.parse(readFileSync(other, 'utf8').split('\n')[0] ?? '');
  expect(came?.receipt.imported).toEqual({ at: NOW.toISOString(), integrity: original.integrity, intact: true });
  // What it was sealed over there can still be checked here.
  const { imported, ...content } = Receipt.parse(came?.receipt);
  expect(selfHash(content)).toBe(imported?.integrity?.self);
  expect(Receipt.parse(came?.receipt)).toEqual(came?.receipt);
  mine.ledger.close();
});

it('keeps the first mark of what has come twice, and takes what was written by hand', async () => {
  const mine = await home();
  const third = await home();
  await importReceipts(mine.ledger, await otherHome(), NOW);
  await importReceipts(third.ledger, mine.receipts, new Date('2027-01-01'));
  expect(third.ledger.get('BB')?.receipt.imported?.at).toBe(NOW.toISOString());
  const file = join(mine.dir, 'by-hand.jsonl');
  const sealed = { ...testReceipt('E'), integrity: { prev: null, self: 'not its hash' } };
  writeFileSync(file, `\uFEFF${JSON.stringify(testReceipt('D'))}\r\n\r\n${JSON.stringify(sealed)}`);
  expect(await importReceipts(mine.ledger, file, NOW)).toMatchObject({ imported: 2, damaged: 1 });
  expect(mine.ledger.get('D')?.receipt.imported).toMatchObject({ integrity: null, intact: false });
  expect(verifyChain(mine.receipts).faults).toEqual([]);
  mine.ledger.close();
  third.ledger.close();
});

it.each([
  ['{"schema":1', 'Line 4 is no receipt or amendment: it is not JSON'],
  ['42', 'Line 4'],
  ['null', 'Line 4'],
  ['[]', 'Line 4'],
  [JSON.stringify({ ...testReceipt('D'), cost: { usd: '1' } }), 'cost.usd is wrong'],
  [JSON.stringify({ ...testReceipt('D'), schema: 2 }), 'schema is wrong'],
  [JSON.stringify({ ...testReceipt('D'), time: { ...testReceipt('D').time, ended: 'soon' } }), 'time.ended'],
  [JSON.stringify({ ...undo, id: 'NOBODY' }), 'adds to the receipt NOBODY'],
])('imports nothing where a line is bad: %s', async (bad, sentence) => {
  const mine = await home();
  const file = join(mine.dir, 'in.jsonl');
  const good = readFileSync(await otherHome(), 'utf8')
    .split('\n')
    .slice(0, 3);
  writeFileSync(file, [...good, bad].join('\n'));
  await expect(importReceipts(mine.ledger, file, NOW)).rejects.toMatchObject({
    exit: 2,
    message: expect.stringContaining(sentence),
  });
  expect([...mine.ledger.list({ limit: 9 })]).toEqual([]);
  expect(verifyChain(mine.receipts).lines).toBe(0);
  mine.ledger.close();
});
