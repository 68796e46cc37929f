/** From a result to a receipt: look at the change, decide at the apply gate, apply, write the receipt, clean up. */
import fs from 'node:fs';
import { journalFacts } from '../core/journal-facts.ts';
import type { DispatchPlaces } from '../core/places.ts';
import { decideApply } from '../core/policy/apply.ts';
import { assembleReceipt, type Settlement } from '../core/receipt.ts';
import { readJournal } from '../drivers/store/journal.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { applyChanges, recoverApply } from '../drivers/workspace/apply.ts';
import { changesOf } from '../drivers/workspace/diff.ts';
import { inspectProject } from '../drivers/workspace/inspect.ts';
import { removeTree } from '../drivers/workspace/remove.ts';
import { PanError } from '../protocol/error.ts';
import type { Job, RunResult } from '../protocol/job.ts';
import type { Changes, Receipt } from '../protocol/receipt.ts';

export interface SettleParts {
  ledger: Ledger;
  now(): Date;
}

const NO_CHANGES: Changes = { files: [], patchSha256: null, ref: null, applied: false, ignored: [] };

/** Settles one dispatch; a receipt that is there already is returned unchanged. */
export async function settle(
  job: Job,
  places: DispatchPlaces,
  result: RunResult,
  parts: SettleParts,
): Promise<Receipt> {
  const known = parts.ledger.get(job.id);
  if (known) {
    cleanUp(places, known.receipt, result.harvested);
    return known.receipt;
  }
  const settled = await gate(job, places, result).catch((error: unknown) => lost(job, result, error));
  const facts = journalFacts(readJournal(places.journal).events);
  const receipt = parts.ledger.addReceipt(
    assembleReceipt(job, result, facts, { ...settled, ended: parts.now().toISOString() }),
  );
  cleanUp(places, receipt, result.harvested);
  return receipt;
}

async function gate(job: Job, places: DispatchPlaces, result: RunResult): Promise<Omit<Settlement, 'ended'>> {
  const plain = { status: result.status, reason: result.reason, appliedBy: null, questions: [] };
  if (!result.resultCommit || !result.base) return { ...plain, changes: { ...NO_CHANGES, ignored: result.ignored } };
  const git = { home: job.env.home, path: job.env.path };
  const project = await inspectProject(job.project.cwd, git);
  const found = await changesOf(project, git, result.base.commit, result.resultCommit);
  const changes: Changes = {
    files: found.files,
    patchSha256: found.patchSha256,
    ref: `refs/pancode/${job.id}/result`,
    applied: false,
    ignored: result.ignored,
  };
  if (result.status !== 'succeeded') return { ...plain, changes };
  const decision = decideApply(job.stance, found, job.apply);
  if (decision.decision === 'never') return { ...plain, reason: `${result.reason} ${decision.reason}`, changes };
  if (decision.decision === 'ask')
    return {
      ...plain,
      status: 'needs-approval',
      reason: `${decision.reason} Look with \`pancode diff ${job.id}\`, say yes with \`pancode apply ${job.id}\`.`,
      changes,
      questions: [{ kind: 'apply', subject: decision.asking.join(', '), decision: 'none', by: 'nobody', waitedMs: 0 }],
    };
  // A daemon killed in the middle of an apply left its journal: finish or roll back before deciding anew.
  const before = await recoverApply(places.apply, git);
  const applied =
    before === 'applied'
      ? { outcome: 'applied' as const }
      : await applyChanges(project, git, {
          id: job.id,
          base: result.base.commit,
          result: result.resultCommit,
          journalDir: places.apply,
        });
  if (applied.outcome === 'applied')
    return {
      ...plain,
      reason: `${result.reason} ${decision.reason}`,
      changes: { ...changes, applied: true },
      appliedBy: 'policy',
    };
  return {
    ...plain,
    status: 'conflict',
    reason: `${applied.reason} Nothing was touched; the work is in ${changes.ref}.`,
    changes,
  };
}

/** The change cannot be looked at (the project is gone, its repository is damaged): the receipt says what is left and where. */
function lost(job: Job, result: RunResult, error: unknown): Omit<Settlement, 'ended'> {
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
  const half = error instanceof PanError && error.code === 'half-applied';
  return {
    status: 'lost',
    reason: half
      ? `${error.message} ${error.do}`
      : `The result cannot be read (${why}); it was ${result.resultCommit} in refs/pancode/${job.id}/result of ${job.project.root}.`,
    changes: { ...NO_CHANGES, ref: `refs/pancode/${job.id}/result`, ignored: result.ignored },
    appliedBy: null,
    questions: [],
  };
}

/** A copy goes only when its content is known to be in a ref; new ignored files are kept in the trash. Idempotent. */
export function cleanUp(places: DispatchPlaces, receipt: Receipt, harvested: boolean): void {
  for (const dir of [places.home, places.harvest, places.check, places.scratch, places.gatewayDir, places.socketDir])
    removeTree(dir);
  if (!harvested || receipt.outcome.status === 'lost' || !fs.existsSync(places.copy)) return;
  if (receipt.changes.ignored.length === 0) {
    removeTree(places.copy);
    return;
  }
  // Without its git directory: a person who looks into the trash with git would run what the agent configured there.
  removeTree(`${places.copy}/.git`);
  fs.mkdirSync(places.trash, { recursive: true, mode: 0o700 });
  fs.renameSync(places.copy, `${places.trash}/copy`);
}
