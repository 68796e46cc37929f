/**
 * How a dispatch ended, from facts: the runtime's terminal event, what stopped it, the tree and the check.
 * Never from an exit code alone, never from the model's claim alone. Pure.
 */
import type { AgentEnd } from '../protocol/event.ts';
import type { RunResult } from '../protocol/job.ts';
import type { VerifyOutcome } from '../protocol/receipt.ts';

export interface OutcomeFacts {
  end: AgentEnd | null;
  /** What stopped it, if anything did. */
  stopped: 'user' | 'timeout' | 'budget' | 'disk' | null;
  /** True where the shim itself died. */
  crashed: boolean;
  readonly: boolean;
  changed: boolean;
  /** Why the work could not be harvested; null where it was, or there was none to harvest. */
  harvestFault: string | null;
  verify: VerifyOutcome | null;
}

export function outcomeOf(facts: OutcomeFacts): Pick<RunResult, 'status' | 'reason'> {
  const work = facts.changed ? ' Its work so far is kept: see `pancode diff`.' : '';
  if (facts.harvestFault) return { status: 'lost', reason: facts.harvestFault };
  if (facts.crashed)
    return {
      status: 'crashed',
      reason: `The process that ran this dispatch died.${work || ' It had changed nothing.'}`,
    };
  if (facts.stopped === 'user') return { status: 'cancelled', reason: `Cancelled.${work}` };
  if (facts.stopped === 'timeout')
    return { status: 'timed-out', reason: `It ran out of its time; raise it with --timeout SECONDS.${work}` };
  if (facts.stopped === 'budget')
    return { status: 'over-budget', reason: `It reached its budget; raise it with --budget USD.${work}` };
  if (facts.stopped === 'disk')
    return {
      status: 'failed',
      reason: `It was stopped because the disk that keeps its journal is full; free some space and dispatch again.${work}`,
    };
  const end = facts.end;
  if (!end) return { status: 'failed', reason: `The agent process ended without saying how.${work}` };
  if (!end.ok || end.status !== 'succeeded')
    return { status: end.status === 'succeeded' ? 'failed' : end.status, reason: `${end.reason}${work}` };
  if (facts.verify && facts.verify.exitCode !== 0) {
    const before = facts.verify.base === 'fail' ? ', which failed before this change too' : '';
    const how =
      facts.verify.exitCode === null ? 'did not come to an end' : `failed with exit status ${facts.verify.exitCode}`;
    return { status: 'verify-failed', reason: `The check \`${facts.verify.command}\` ${how}${before}.${work}` };
  }
  if (!facts.readonly && !facts.changed)
    return { status: 'no-change', reason: 'The agent finished and changed nothing.' };
  return {
    status: 'succeeded',
    reason: facts.readonly ? 'The agent finished and answered.' : 'The agent finished its work.',
  };
}
