/** A dispatch whose shim died: nothing of it may stay alive, and its work goes into a ref before anything else happens. */
import fs from 'node:fs';
import { journalFacts } from '../core/journal-facts.ts';
import { outcomeOf } from '../core/outcome.ts';
import type { DispatchPlaces } from '../core/places.ts';
import { sweepDispatch } from '../drivers/sandbox/identity.ts';
import { readJournal } from '../drivers/store/journal.ts';
import { commitOf } from '../drivers/workspace/diff.ts';
import { inspectProject } from '../drivers/workspace/inspect.ts';
import { baseRef } from '../drivers/workspace/refs.ts';
import type { Job, RunResult } from '../protocol/job.ts';
import type { BoxParts } from './box.ts';
import { harvestWork } from './harvest.ts';

/** Kills what is left, harvests, and gives the result a live shim would have written: `crashed`, or `lost` with where the work is. */
export async function repair(
  job: Job,
  places: DispatchPlaces,
  parts: BoxParts & { now(): Date },
  cancelled: boolean,
): Promise<RunResult> {
  const leftoversKilled = await sweepDispatch(job.id);
  const facts = journalFacts(readJournal(places.journal).events);
  let resultCommit: string | null = null;
  let ignored: string[] = [];
  let harvestFault: string | null = null;
  const copied = job.profile === 'W' && fs.existsSync(places.copy);
  if (copied) {
    try {
      const git = { home: job.env.home, path: job.env.path, state: places.state };
      // The directory the agent started in may be gone by now.
      const project = await inspectProject(job.project.root, git);
      // A journal that lost its beginning does not name the snapshot; its ref does.
      const base = facts.snapshot?.commit ?? (await commitOf(project, git, baseRef(job.id)));
      const work = await harvestWork({ job, places, project, git, base }, parts);
      resultCommit = work.commit;
      ignored = work.ignored;
    } catch (error) {
      const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
      harvestFault = `The process that ran this dispatch died and its work could not be brought into git (${why}); it is kept in ${places.copy}: bring it back with \`pancode salvage ${job.id}\`.`;
    }
  }
  const stopped = facts.cancel ?? (cancelled ? 'user' : null);
  const outcome = outcomeOf({
    end: facts.end,
    stopped,
    crashed: stopped === null,
    readonly: job.stance.readonly,
    changed: resultCommit !== null,
    harvestFault,
    verify: null,
  });
  return {
    schema: 1,
    id: job.id,
    ...outcome,
    answer: facts.end?.answer ?? null,
    claimed: facts.end ? facts.end.ok : null,
    clean: false,
    base: facts.snapshot && {
      commit: facts.snapshot.commit,
      head: facts.snapshot.head,
      dirty: facts.snapshot.dirty,
      omitted: facts.snapshot.omitted,
    },
    resultCommit,
    harvested: !copied || harvestFault === null,
    ignored,
    enforcement: { ...job.enforcement, leftoversKilled },
    verify: null,
    ended: parts.now().toISOString(),
  };
}
