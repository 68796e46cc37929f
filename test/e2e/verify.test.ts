/** The check command: ours to run, on the result and, when it fails there, on the base. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { processesOf, treeState } from '../fixtures/pancode.ts';
import { type Bench, createBench, NATIVE_CHAT } from '../fixtures/workers.ts';

const SCRIPT = {
  conversations: [{ turns: [{ calls: [{ write: { path: 'new.txt', content: 'new\n' } }] }, { text: 'Done.' }] }],
};

let bench: Bench;
afterEach(() => bench.close());

async function run(...args: string[]): Promise<{ receipt: Receipt; code: number | null; applied: boolean }> {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const { value, code } = await user.json<Receipt>(['dispatch', 'builder', 'Write', '--worker', NATIVE_CHAT, ...args]);
  expect(processesOf(value.id)).toEqual([]);
  return { receipt: value, code, applied: fs.existsSync(path.join(user.project, 'new.txt')) };
}

it('a check that passes lets the change through', async () => {
  const { receipt, code, applied } = await run('--verify', 'grep -q new new.txt && test ! -e .env');
  expect([receipt.outcome.status, code, applied]).toEqual(['succeeded', 0, true]);
  expect(receipt.verify).toMatchObject({ exitCode: 0, base: null });
  expect(receipt.outcome.evidence.verified).toBe(true);
});

it('a check that fails holds the change back, and says whether it failed before', async () => {
  const first = await run('--verify', 'test ! -e new.txt');
  expect([first.receipt.outcome.status, first.code, first.applied]).toEqual(['verify-failed', 1, false]);
  expect(first.receipt.verify).toMatchObject({ exitCode: 1, base: 'pass' });
  expect(first.receipt.changes.ref).toBe(`refs/pancode/${first.receipt.id}/result`);
  await bench.close();
  const second = await run('--verify', 'exit 7');
  expect(second.receipt.verify).toMatchObject({ exitCode: 7, base: 'fail' });
  expect(second.receipt.outcome.reason).toContain('before');
});

it('a check that does not end is stopped within the time of the dispatch, and has no exit status', async () => {
  const { receipt, applied } = await run('--verify', "trap '' TERM; sleep 300", '--timeout', '5');
  expect([receipt.outcome.status, applied]).toEqual(['verify-failed', false]);
  expect(receipt.verify).toMatchObject({ exitCode: null, base: null });
  expect(receipt.time.wallMs).toBeLessThan(300_000);
});

it('a check can do nothing to the project, whatever it tries', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const before = treeState(user.project);
  const evil = 'echo evil > README.md; git config core.pager evil; git branch evil; touch "$HOME/evil" ../evil; true';
  const { value } = await user.json<Receipt>([
    'dispatch',
    'builder',
    'Write',
    '--worker',
    NATIVE_CHAT,
    '--no-apply',
    '--verify',
    evil,
  ]);
  expect(value.outcome.status).toBe('succeeded');
  expect(treeState(user.project)).toEqual(before);
  expect(fs.existsSync(path.join(user.home, 'evil'))).toBe(false);
});
