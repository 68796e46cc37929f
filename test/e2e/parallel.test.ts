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

interface Listed {
  dispatches: { id: string; state: string; reason: string | null }[];
}
const start = async (task: string, worker = NATIVE_CHAT): Promise<string> => {
  const args = ['dispatch', 'builder', task, '--worker', worker, '--no-apply', '--detach'];
  return (await bench.user.json<{ id: string }>(args)).value.id;
};
const HANGS = { when: 'Write for ever', turns: [{ text: 'never', delayMs: 600_000 }] };

it('holds back what is beyond the limit, says what it waits for, and runs it when there is room', async () => {
  bench = await createBench({ conversations: [HANGS, ...SCRIPT.conversations] }, { limits: { concurrency: 1 } });
  const { user } = bench;
  const first = await start('Write for ever');
  const second = await start('Write part-1');
  const { dispatches } = (await user.json<Listed>(['ps'])).value;
  expect(dispatches.find(({ id }) => id === second)).toMatchObject({
    state: 'queued',
    reason: 'this machine (1 of 1 in use)',
  });
  expect((await user.pancode(['ps'])).stdout).toContain('queued: waits for this machine (1 of 1 in use)');
  await user.pancode(['cancel', first]);
  expect((await user.json<Receipt>(['wait', second])).value.outcome.status).toBe('succeeded');
});

it('an endpoint with a limit of its own lets others pass', async () => {
  bench = await createBench({ conversations: [HANGS, ...SCRIPT.conversations] });
  const { user, model } = bench;
  const lab = { provider: 'openai-compatible', url: model.url, models: [{ id: 'm1', tier: 'frontier' }] };
  user.configure({
    discover: false,
    endpoints: [
      { id: 'slow', ...lab, concurrency: 1 },
      { id: 'other', ...lab },
    ],
  });
  const first = await start('Write for ever', 'native/slow/m1');
  const second = await start('Write part-1', 'native/slow/m1');
  const third = await start('Write part-3', 'native/other/m1');
  expect((await user.json<Receipt>(['wait', third])).value.outcome.status).toBe('succeeded');
  const { dispatches } = (await user.json<Listed>(['ps'])).value;
  expect(dispatches.find(({ id }) => id === second)?.reason).toBe('endpoint slow (1 of 1 in use)');
  await user.pancode(['cancel', first]);
  expect((await user.json<Receipt>(['wait', second])).value.outcome.status).toBe('succeeded');
});
