/** The roll-ups say what a sum over all receipts would say, whatever the question. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { COST_KEYS, groupCosts } from '../../../src/core/costs.ts';
import { openLedger } from '../../../src/drivers/store/ledger.ts';
import type { Receipt } from '../../../src/protocol/receipt.ts';
import { testReceipt } from '../../fixtures/receipt.ts';
import { tempDir } from '../../fixtures/temp.ts';

const START = Date.UTC(2026, 2, 27);
const DAYS = 4; // over the change to summer time in Berlin
const made = fc.record({
  at: fc.integer({ min: 0, max: DAYS * 86_400_000 }),
  agent: fc.constantFrom('builder', 'scout'),
  worker: fc.constantFrom('native/lab/m1', 'codex/m2'),
  model: fc.constantFrom('m1', 'm2', null),
  project: fc.constantFrom('/a', '/b c'),
  billing: fc.constantFrom('api', 'subscription', 'simulated'),
  usd: fc.option(
    fc.integer({ min: 0, max: 5_000_000 }).map((micro) => micro / 1e6),
    { nil: null },
  ),
});

type Made = typeof made extends fc.Arbitrary<infer T> ? T : never;

const receiptOf = (one: Made, n: number): Omit<Receipt, 'integrity'> => {
  const base = testReceipt(`R${n}`);
  return {
    ...base,
    project: one.project,
    agent: { ...base.agent, name: one.agent },
    worker: { ...base.worker, id: one.worker, model: one.model },
    cost: { usd: one.usd, grade: one.usd === null ? 'unknown' : 'priced', billing: one.billing, priceTable: null },
    time: { ...base.time, ended: new Date(START + one.at).toISOString() },
  };
};

it('for every grouping, since and time zone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(made, { maxLength: 30 }),
      fc.option(fc.integer({ min: -1, max: DAYS * 86_400_000 }), { nil: null }),
      fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/Los_Angeles'),
      async (all, offset, zone) => {
        const dir = tempDir();
        const ledger = await openLedger({ receipts: join(dir, 'r.jsonl'), ledger: join(dir, 'l.db') });
        try {
          const receipts = all.map(receiptOf);
          ledger.addImported(receipts);
          const since = offset === null ? null : START + offset;
          const day = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
          for (const by of COST_KEYS) {
            const keyOf = (one: Omit<Receipt, 'integrity'>) =>
              ({
                agent: one.agent.name,
                worker: one.worker.id,
                model: one.worker.model,
                project: one.project,
                day: day.format(Date.parse(one.time.ended)),
              })[by];
            const wanted = receipts
              .filter((one) => since === null || Date.parse(one.time.ended) >= since)
              .map((one) => ({
                key: keyOf(one),
                billing: one.cost.billing,
                usd: one.cost.usd ?? 0,
                known: one.cost.usd === null ? 0 : 1,
                unknown: one.cost.usd === null ? 1 : 0,
              }));
            expect([by, plain(groupCosts(by, ledger.costs({ by, since, zone })))]).toEqual([
              by,
              plain(groupCosts(by, wanted)),
            ]);
          }
        } finally {
          ledger.close();
        }
      },
    ),
    { numRuns: 40 },
  );
});

const plain = (value: object) => JSON.parse(JSON.stringify(value), (_, member) => (Object.is(member, -0) ? 0 : member));
