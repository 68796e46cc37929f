/** Several dispatches on one repository at once. */
import { afterEach, expect, it } from 'vitest';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { receiptsOf, treeState } from '../fixtures/pancode.ts';
import { type Bench, CLAUDE, createBench, NATIVE_CHAT, NATIVE_MESSAGES } from '../fixtures/workers.ts';

const WRITERS = [CLAUDE, NATIVE_CHAT, NATIVE_MESSAGES, NATIVE_CHAT].map((worker, n) => ({ worker, name: `part-${n}` }));

const SCRIPT = {
  conversations: WRITERS.map(({ name }) => ({
    when: `Write ${name}`,
    turns: [
      { calls: [{ write: { path: `${name}.txt`, content: `${name}\n` } }], delayMs: 200 },
      { calls: [{ run: `git add -A && git commit -qm ${name} && ls part-*.txt` }] },
      { text: 'files: {lastResult}' },
    ],
  })),
};

let bench: Bench;
afterEach(() => bench.close());

it('four writers leave four receipts and four results, and see nothing of one another', async () => {
  bench = await createBench(SCRIPT, { limits: { concurrency: 4 } });
  const { user } = bench;
  const before = treeState(user.project);
  const done = await Promise.all(
    WRITERS.map(({ worker, name }) =>
      user.json<Receipt>(['dispatch', 'builder', `Write ${name}`, '--worker', worker, '--no-apply']),
    ),
  );
  for (const [n, { code, value: receipt }] of done.entries()) {
    const { name, worker } = WRITERS[n] as (typeof WRITERS)[number];
    expect([receipt.outcome.status, receipt.outcome.reason, code]).toEqual(['succeeded', expect.any(String), 0]);
    expect(receipt.worker.id).toBe(worker);
    expect(receipt.changes.files.map((file) => file.path)).toEqual([`${name}.txt`]);
    expect(user.git('show', `${receipt.changes.ref}:${name}.txt`)).toBe(`${name}\n`);
    expect(receipt.result).toContain(`${name}.txt`);
    for (const other of WRITERS) if (other.name !== name) expect(receipt.result).not.toContain(other.name);
  }
  expect(receiptsOf(user)).toHaveLength(4);
  expect(new Set(receiptsOf(user).map((receipt) => receipt.changes.ref)).size).toBe(4);
  expect(treeState(user.project)).toEqual(before);
  expect((await user.json<{ faults: unknown[] }>(['receipts', 'verify'])).value.faults).toEqual([]);
});

it('four writers that apply all land, one at a time', async () => {
  bench = await createBench(SCRIPT, { limits: { concurrency: 4 } });
  const { user } = bench;
  const done = await Promise.all(
    WRITERS.map(({ worker, name }) => user.json<Receipt>(['dispatch', 'builder', `Write ${name}`, '--worker', worker])),
  );
  expect(done.map(({ value }) => [value.outcome.status, value.changes.applied])).toEqual(
    WRITERS.map(() => ['succeeded', true]),
  );
  expect(
    user
      .git('status', '--porcelain')
      .split('\n')
      .filter((line) => line.includes('part-'))
      .sort(),
  ).toEqual(WRITERS.map(({ name }) => `?? ${name}.txt`));
});

it('holds back what is beyond the limit, and runs it when there is room', async () => {
  bench = await createBench(SCRIPT, { limits: { concurrency: 1 } });
  const { user } = bench;
  const ids = await Promise.all(
    [1, 3].map(
      async (n) =>
        (
          await user.json<{ id: string }>([
            'dispatch',
            'builder',
            `Write part-${n}`,
            '--worker',
            NATIVE_CHAT,
            '--no-apply',
            '--detach',
          ])
        ).value.id,
    ),
  );
  const receipts = await Promise.all(ids.map(async (id) => (await user.json<Receipt>(['wait', id])).value));
  expect(receipts.map((receipt) => receipt.outcome.status)).toEqual(['succeeded', 'succeeded']);
  const [first, second] = receipts.sort((a, b) => ((a.time.started ?? '') < (b.time.started ?? '') ? -1 : 1));
  expect(Date.parse(second?.time.started ?? '')).toBeGreaterThanOrEqual(Date.parse(first?.time.ended ?? '') - 5);
});
