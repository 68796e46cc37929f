/**
 * The one loop that sees a dispatch through, for a fresh one and after any crash alike:
 * result there → done; shim alive → follow it; never started → give it back to the queue; else it is broken → clean up and harvest.
 */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { journalFacts } from '../core/journal-facts.ts';
import type { DispatchPlaces } from '../core/places.ts';
import { takeLock } from '../drivers/lock.ts';
import { killProcess, type ProcessIdentity, processAlive } from '../drivers/sandbox/identity.ts';
import { followShim } from '../drivers/shim-process.ts';
import { readJournal } from '../drivers/store/journal.ts';
import type { JournalEvent } from '../protocol/event.ts';
import { type Job, RunResult } from '../protocol/job.ts';

/** How long a shim may take to end after its result, ms; then it is killed. */
const ENDING_MS = 3_000;

export type Supervised = { kind: 'result'; result: RunResult } | { kind: 'never-started' } | { kind: 'broken' };

/**
 * Follows one dispatch until its shim is through. `deliver` gets every journal event exactly once and in order, starting after
 * `seen`. Returns what is there then; the caller settles, queues or repairs.
 */
export async function supervise(
  job: Job,
  places: DispatchPlaces,
  seen: number,
  deliver: (event: JournalEvent) => void,
): Promise<Supervised> {
  let last = seen;
  const take = (event: JournalEvent) => {
    if (event.seq <= last) return;
    last = event.seq;
    deliver(event);
  };
  for (;;) {
    const { events } = readJournal(places.journal);
    const result = readResult(job.id, places);
    events.forEach(take);
    const { shim } = journalFacts(events);
    if (result) {
      await ended(shim);
      return { kind: 'result', result };
    }
    if (!shim) {
      // Its journal may be still to come, or damaged: only where nobody holds the dispatch and nothing of it is there was it never started.
      const lock = takeLock(places.lock);
      if (lock) {
        lock.release();
        return [places.copy, places.home, places.scratch].some((dir) => fs.existsSync(dir))
          ? { kind: 'broken' }
          : { kind: 'never-started' };
      }
      await delay(100);
      continue;
    }
    if (!processAlive(shim)) {
      // It may have written its result between our look at the file and its death.
      const late = readResult(job.id, places);
      return late ? { kind: 'result', result: late } : { kind: 'broken' };
    }
    try {
      await followShim(places, last + 1, take);
    } catch {
      // Alive but not reachable: just starting, just ending, or stopped by a signal. Look again shortly.
      await delay(100);
    }
  }
}

/** A shim has nothing to do once its result is written: what outlives its dispatch would be it. */
async function ended(shim: ProcessIdentity | null): Promise<void> {
  const deadline = performance.now() + ENDING_MS;
  while (shim && processAlive(shim)) {
    if (performance.now() > deadline) killProcess(shim);
    await delay(5);
  }
}

function readResult(id: string, places: DispatchPlaces): RunResult | null {
  if (!fs.existsSync(places.result)) return null;
  const parsed = RunResult.safeParse(JSON.parse(fs.readFileSync(places.result, 'utf8')));
  if (!parsed.success) throw new Error(`the result of ${id} is damaged: ${parsed.error.message}`);
  return parsed.data;
}
