/** A clock that is set while a dispatch runs does not make its durations wrong. */
import { expect, it } from 'vitest';
import { journalFacts } from '../../src/core/journal-facts.ts';
import { assembleReceipt } from '../../src/core/receipt.ts';
import { emptyResult } from '../../src/core/run-result.ts';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { Job } from '../../src/protocol/job.ts';
import { testReceipt } from '../fixtures/receipt.ts';

const PUT_BACK: JournalEvent[] = [
  { seq: 1, at: '2026-01-02T00:00:00.000Z', type: 'agent-process', pid: 2, startTime: '3' },
  { seq: 2, at: '2026-01-01T00:00:00.000Z', type: 'phase', phase: 'harvest' },
];

it('the time of the agent is measured; without a measurement it is never negative', () => {
  const [start, end] = PUT_BACK as [JournalEvent, JournalEvent];
  expect(journalFacts(PUT_BACK).agentMs).toBe(0);
  expect(journalFacts([start, { ...end, agentMs: 1_234 } as JournalEvent]).agentMs).toBe(1_234);
});

it('so is that of the whole dispatch', () => {
  const { agent, worker, stance, enforcement, prompt, route } = testReceipt('A');
  const job = {
    ...{ schema: 1, id: 'A', queued: '2026-01-02T00:00:00.000Z', project: { root: '/p' }, price: null },
    ...{ agent, worker, stance, enforcement, prompt: { record: prompt }, route, upstream: { billing: 'local' } },
  } as unknown as Job;
  const ended = '2026-01-01T00:00:00.000Z';
  const result = emptyResult(job, { status: 'succeeded', reason: 'r', harvested: true, ended });
  const changes = { files: [], patchSha256: null, ref: null, applied: false, ignored: [] };
  const wall = (wallMs: number | null) =>
    assembleReceipt(job, result, journalFacts([]), {
      ...{ status: 'succeeded', reason: 'r', changes, appliedBy: null, questions: [], ended, wallMs },
    } as Parameters<typeof assembleReceipt>[3]).time.wallMs;
  expect([wall(5_000), wall(null)]).toEqual([5_000, 0]);
});
