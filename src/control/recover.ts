/**
 * What a daemon that was killed in the middle of an apply or undo left behind: the working tree is made whole, one way or the other, before
 * anybody builds on it, and a person's apply or undo that was done but not recorded is recorded.
 */
import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isApplied } from '../core/applied.ts';
import { type DispatchPlaces, dispatchPlaces, statePlaces } from '../core/places.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { filesOf, recoverApply } from '../drivers/workspace/apply.ts';
import { isUndone, readJournal } from '../drivers/workspace/apply-journal.ts';
import { Job, RunResult } from '../protocol/job.ts';
import { cleanUp } from './clean-up.ts';

export interface RecoverParts {
  state: string;
  ledger: Ledger;
  now(): Date;
  log(line: string): void;
}

/** Of settled dispatches; the others are looked at when they settle. Never rejects: what cannot be put right is logged, and refused by name when it is asked for. */
export async function recoverApplies(parts: RecoverParts): Promise<void> {
  const { dispatches } = statePlaces(parts.state);
  if (!fs.existsSync(dispatches)) return;
  for (const id of fs.readdirSync(dispatches)) {
    const places = dispatchPlaces(parts.state, id);
    await nextTurn(); // there may be thousands, and clients are served meanwhile
    try {
      await tidy(id, places, parts);
      if (!fs.existsSync(places.apply)) continue;
      await recoverOne(id, parts);
    } catch (error) {
      parts.log(`${id}: an apply could not be put right: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** What a daemon that died while it cleaned up left beside a receipt. */
async function tidy(id: string, places: DispatchPlaces, parts: RecoverParts): Promise<void> {
  if (![places.home, places.copy, places.harvest, places.check, places.socketDir].some((dir) => fs.existsSync(dir)))
    return;
  const known = parts.ledger.get(id);
  if (!known) return;
  const result = fs.existsSync(places.result)
    ? RunResult.safeParse(JSON.parse(fs.readFileSync(places.result, 'utf8')))
    : null;
  await cleanUp(places, known.receipt, result?.data?.harvested ?? false, parts.log);
}

async function recoverOne(id: string, parts: RecoverParts): Promise<void> {
  const places = dispatchPlaces(parts.state, id);
  const known = parts.ledger.get(id);
  if (!known) return;
  const unfinished = [places.apply, places.undo].filter((dir) => readJournal(dir).state === 'unfinished');
  if (unfinished.length > 0) {
    const { env } = Job.parse(JSON.parse(fs.readFileSync(places.job, 'utf8')));
    const host = { ...env, state: parts.state };
    for (const dir of unfinished) parts.log(`${id}: ${await recoverApply(dir, host)} after the end of another daemon`);
  }
  const [apply, undo] = [readJournal(places.apply), readJournal(places.undo)];
  const recorded = isApplied(known.receipt, known.amendments);
  const undone = isUndone(apply, undo);
  const done = undone ? undo : apply.state === 'applied' ? apply : null;
  if (done === null || done.plan === null || recorded !== undone) return;
  parts.ledger.addAmendment({
    id,
    at: parts.now().toISOString(),
    type: undone ? 'undo' : 'apply',
    by: 'user',
    files: filesOf(done.plan),
    patchSha256: known.receipt.changes.patchSha256,
    commit: null,
  });
}
