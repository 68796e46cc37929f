/** The result of a run that has brought nothing yet. Pure. */
import type { Job, RunResult } from '../protocol/job.ts';

/** What is known of a run before anything of it is: every fact is unknown. `ended`: ISO-8601 UTC. */
export function emptyResult(
  job: Pick<Job, 'id' | 'enforcement'>,
  how: Pick<RunResult, 'status' | 'reason' | 'harvested' | 'ended'>,
): RunResult {
  return {
    schema: 1,
    id: job.id,
    answer: null,
    claimed: null,
    clean: null,
    base: null,
    resultCommit: null,
    ignored: [],
    enforcement: job.enforcement,
    verify: null,
    ...how,
  };
}
