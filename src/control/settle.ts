/** From a result to a receipt: look at the change, decide at the apply gate, apply, write the receipt, clean up. */
import { stanceAtGate } from '../core/current-stance.ts';
import { journalFacts } from '../core/journal-facts.ts';
import type { DispatchPlaces } from '../core/places.ts';
import { decideApply } from '../core/policy/apply.ts';
import { unanswered } from '../core/policy/asked-action.ts';
import { applyQuestion, askedIn, type Put } from '../core/questions.ts';
import { assembleReceipt, type Settlement } from '../core/receipt.ts';
import { loadConfig } from '../drivers/config.ts';
import { readJournal } from '../drivers/store/journal.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { applyChanges, recoverApply } from '../drivers/workspace/apply.ts';
import { isUndone, readJournal as readApplyJournal } from '../drivers/workspace/apply-journal.ts';
import { changesOf, type FoundChanges } from '../drivers/workspace/diff.ts';
import { inspectProject, type Project } from '../drivers/workspace/inspect.ts';
import { PanError } from '../protocol/error.ts';
import type { Job, RunResult } from '../protocol/job.ts';
import type { AnswerEvent } from '../protocol/question.ts';
import type { Changes, Receipt, Stance } from '../protocol/receipt.ts';
import { cleanUp } from './clean-up.ts';

export interface SettleParts {
  roots: { config: string; state: string };
  ledger: Ledger;
  now(): Date;
  log(line: string): void;
  /** How long it took since it was asked for, by a clock nobody sets; null where this process did not see all of it. */
  wallMs(): number | null;
  /** Runs `work` while no other apply is going on in the same repository. */
  oneAtATime<T>(commonDir: string, work: () => Promise<T>): Promise<T>;
  /** Puts a question to a person and resolves with the answer, which is on the disk by then. Rejects where it cannot be written down. */
  ask(put: Put, stance: Stance, notify: string | null): Promise<AnswerEvent>;
}

const NO_CHANGES: Changes = { files: [], patchSha256: null, ref: null, applied: false, ignored: [] };

/**
 * Settles one dispatch; a receipt that is there already is returned unchanged. Rejects where the receipt, or what a person is asked, cannot
 * be written down: it can be tried again.
 */
export async function settle(
  job: Job,
  places: DispatchPlaces,
  result: RunResult,
  parts: SettleParts,
): Promise<Receipt> {
  const known = parts.ledger.get(job.id);
  if (known) {
    await cleanUp(places, known.receipt, result.harvested, parts.log);
    return known.receipt;
  }
  const settled = await gate(job, places, result, parts);
  const facts = journalFacts(readJournal(places.journal).events);
  const receipt = parts.ledger.addReceipt(
    assembleReceipt(job, result, facts, { ...settled, ended: parts.now().toISOString(), wallMs: parts.wallMs() }),
  );
  await cleanUp(places, receipt, result.harvested, parts.log);
  return receipt;
}

type Settled = Omit<Settlement, 'ended' | 'wallMs'>;

async function gate(job: Job, places: DispatchPlaces, result: RunResult, parts: SettleParts): Promise<Settled> {
  const plain = { status: result.status, reason: result.reason, appliedBy: null };
  const { base, resultCommit } = result;
  if (!resultCommit || !base)
    return { ...plain, ...heldUp(result, places), changes: { ...NO_CHANGES, ignored: result.ignored } };
  const git = { home: job.env.home, path: job.env.path, state: parts.roots.state };
  let project: Project;
  let found: FoundChanges;
  try {
    // The directory the agent started in may be gone by now: another branch need not have it.
    project = await inspectProject(job.project.root, git);
    found = await changesOf(project, git, base.commit, resultCommit);
  } catch (error) {
    return lost(job, result, error);
  }
  const changes: Changes = {
    files: found.files,
    patchSha256: found.patchSha256,
    ref: `refs/pancode/${job.id}/result`,
    applied: false,
    ignored: result.ignored,
  };
  if (result.status !== 'succeeded') return { ...plain, changes };
  // Settled before, by receipts that are gone: what a person took back stays away.
  if (wasUndone(places))
    return { ...plain, reason: `${result.reason} The change was applied and taken back before.`, changes };
  const { stance, notify, fault } = await stanceNow(job, parts.roots.config);
  const decision = decideApply(stance, found, job.apply);
  if (decision.decision === 'never') return { ...plain, reason: `${result.reason} ${decision.reason}`, changes };
  if (fault) Object.assign(decision, { reason: fault });
  const put = applyQuestion(base.commit, found, decision);
  // One that was put before a restart is answered, whatever the configuration says by now.
  const asks = decision.decision === 'ask' || wasAsked(places, put);
  const answer = asks ? await parts.ask(put, stance, notify) : null;
  if (answer && answer.decision !== 'allow') return { ...plain, changes, ...unapplied(job, answer, decision.reason) };
  try {
    const only = answer?.files ?? undefined;
    const applied = await parts.oneAtATime(job.project.commonDir, async () => {
      // A daemon killed in the middle of an apply left its journal: finish or roll back before deciding anew.
      if ((await recoverApply(places.apply, git)) === 'applied') return { outcome: 'applied' as const };
      const what = { id: job.id, base: base.commit, result: resultCommit, journalDir: places.apply };
      return applyChanges(project, git, only ? { ...what, only } : what);
    });
    if (applied.outcome !== 'applied')
      return {
        ...plain,
        status: 'conflict',
        reason: `${applied.reason} Nothing was touched; the work is in ${changes.ref}.`,
        changes,
      };
    return {
      ...plain,
      reason: `${result.reason} ${answer ? byAnswer(answer, found.files.length) : decision.reason}`,
      changes: { ...changes, applied: true, ...(only ? { only } : {}) },
      appliedBy: answer?.by === 'user' ? 'user' : 'policy',
    };
  } catch (error) {
    return lost(job, result, error);
  }
}

/** A writer whose every action waited in vain has not found that nothing was to be done. */
function heldUp({ status }: RunResult, places: DispatchPlaces): Partial<Pick<Settled, 'status' | 'reason'>> {
  if (status !== 'no-change') return {};
  const count = unanswered(journalFacts(readJournal(places.journal).events).questions);
  if (count === 0) return {};
  const actions = count === 1 ? 'an action that nobody answered' : `${count} actions that nobody answered`;
  return {
    status: 'needs-approval',
    reason: `It changed nothing, because it asked for ${actions}. Dispatch it again on a terminal, or with --wait or --detach and answer with \`pancode approve\`.`,
  };
}

/** What the user wants now. A configuration that cannot be read may say anything, so everything asks; `fault` says that. */
async function stanceNow(
  job: Job,
  configDir: string,
): Promise<{ stance: Stance; notify: string | null; fault: string | null }> {
  try {
    const { config } = await loadConfig({ configDir, projectRoot: job.project.root, flags: {} });
    return { stance: stanceAtGate(job.stance, job.configured, config), notify: config.notify, fault: null };
  } catch (error) {
    if (!(error instanceof PanError)) throw error;
    const fault = `${error.message} Until then every change waits for a person's yes.`;
    return { stance: { ...job.stance, mode: 'plan' }, notify: null, fault };
  }
}

const wasAsked = (places: DispatchPlaces, put: Put): boolean =>
  askedIn(readJournal(places.journal).events).some(({ question }) => question.bound === put.bound);

/** One that cannot be read is told where it is worked with. */
function wasUndone(places: DispatchPlaces): boolean {
  try {
    return isUndone(readApplyJournal(places.apply), readApplyJournal(places.undo));
  } catch (error) {
    if (error instanceof PanError) return false;
    throw error;
  }
}

/** Why a change that asked is not applied. */
function unapplied(job: Job, answer: AnswerEvent, why: string): Pick<Settled, 'status' | 'reason'> {
  const next = `Look with \`pancode diff ${job.id}\`, say yes with \`pancode apply ${job.id}\`.`;
  if (answer.decision === 'deny')
    return {
      status: 'denied',
      reason: `A person said no${answer.reason ? `: ${answer.reason.replace(/[.\s]+$/, '')}` : ''}. The work is kept: see \`pancode diff ${job.id}\`.`,
    };
  if (answer.by === 'user')
    return { status: 'cancelled', reason: `Cancelled while its change waited for a yes. ${next}` };
  const waited = answer.decision === 'timeout' ? 'Nobody answered in time. ' : '';
  return { status: 'needs-approval', reason: `${waited}${why} ${next}` };
}

function byAnswer(answer: AnswerEvent, files: number): string {
  if (answer.by === 'policy') return 'Applied, by a yes that was given for good.';
  return answer.files
    ? `Applied ${answer.files.length} of ${files} files, as a person chose.`
    : 'Applied, as a person said.';
}

/** The change cannot be looked at (the project is gone, its repository is damaged): the receipt says what is left and where. */
function lost(job: Job, result: RunResult, error: unknown): Settled {
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
  const half = error instanceof PanError && error.code === 'half-applied';
  return {
    status: 'lost',
    reason: half
      ? `${error.message} ${error.do}`
      : `The result cannot be read (${why}); it was ${result.resultCommit} in refs/pancode/${job.id}/result of ${job.project.root}.`,
    changes: { ...NO_CHANGES, ref: `refs/pancode/${job.id}/result`, ignored: result.ignored },
    appliedBy: null,
  };
}
