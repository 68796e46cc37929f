/** Assembles a receipt from a sealed job, what the shim found, what the journal says and what was applied. Pure. */
import type { Job, RunResult } from '../protocol/job.ts';
import type { Changes, Receipt } from '../protocol/receipt.ts';
import type { Status } from '../protocol/words.ts';
import { costOf, otherModels } from './cost.ts';
import type { JournalFacts } from './journal-facts.ts';
import { usageOf } from './usage.ts';

export interface Settlement {
  status: Status;
  reason: string;
  changes: Changes;
  appliedBy: 'user' | 'policy' | null;
  ended: string;
  /** Measured; null: the times of the clock are all there is, and it may have been put back between them. */
  wallMs: number | null;
}

export function assembleReceipt(
  job: Job,
  result: RunResult,
  facts: JournalFacts,
  settled: Settlement,
): Omit<Receipt, 'integrity'> {
  const usage = usageOf(facts.requests, facts.reported, facts.end?.turns ?? null);
  const simulated = facts.requests.some((request) => request.simulated);
  const mixed = otherModels(facts.requests, job.worker.model).length > 0;
  return {
    schema: 1,
    id: job.id,
    parent: job.parent,
    session: job.session,
    plan: job.plan,
    depth: job.depth,
    project: job.project.root,
    task: job.task,
    kind: job.kind,
    attempt: { n: 1, after: null, superseded: false },
    agent: { name: job.agent.name, tier: job.agent.tier, sha256: job.agent.sha256 },
    worker: job.worker,
    stance: job.stance,
    enforcement: result.enforcement,
    base: result.base,
    prompt: job.prompt.record,
    route: job.route,
    usage,
    cost: costOf(usage, job.price, { billing: job.upstream.billing, simulated, mixed }),
    time: {
      queued: job.queued,
      started: facts.started,
      ended: settled.ended,
      wallMs: settled.wallMs ?? Math.max(0, Date.parse(settled.ended) - Date.parse(job.queued)),
      agentMs: facts.agentMs,
      questionMs: facts.questionMs,
      limitMs: facts.limitMs,
      firstTokenMs: facts.firstTokenMs,
    },
    actions: facts.actions,
    denied: facts.denied,
    questions: facts.questions,
    changes: settled.changes,
    verify: result.verify,
    outcome: {
      status: settled.status,
      reason: settled.reason,
      evidence: {
        claimed: result.claimed,
        clean: result.clean,
        verified: result.verify ? result.verify.exitCode === 0 : null,
        reviewed: null,
        applied: settled.changes.applied,
        appliedBy: settled.appliedBy,
        survived: null,
      },
    },
    result: result.answer,
  };
}
