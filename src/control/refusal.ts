/** What holds a dispatch, and the refusals by policy: dispatches that were not allowed leave a receipt too. */
import { journalFacts } from '../core/journal-facts.ts';
import { profileFor } from '../core/profile.ts';
import { assembleReceipt } from '../core/receipt.ts';
import { emptyResult } from '../core/run-result.ts';
import { probeSandbox } from '../drivers/sandbox/probe.ts';
import type { Agent } from '../protocol/agent.ts';
import type { DispatchRequest } from '../protocol/api.ts';
import type { Job } from '../protocol/job.ts';
import type { Enforcement, Receipt, Stance } from '../protocol/receipt.ts';
import type { Assets } from './box.ts';

/** The kernel boundary this dispatch gets; measured once per boot by really starting it. */
export async function enforcementOf(
  stance: Stance,
  agent: Agent,
  request: DispatchRequest,
  parts: { roots: { cache: string }; assets: Assets },
): Promise<Enforcement> {
  const profile = profileFor(stance, agent.run ?? false);
  const none = {
    label: 'none' as const,
    backend: 'none',
    version: null,
    profile,
    network: 'open' as const,
    limits: null,
    degraded: [],
    egress: [],
    leftoversKilled: 0,
  };
  if (request.unsandboxed) return { ...none, degraded: ['--unsandboxed'] };
  const probe = await probeSandbox({ cacheDir: parts.roots.cache, node: parts.assets.node, relay: parts.assets.relay });
  const broken = probe.facts.filter((fact) => !fact.ok);
  if (probe.backend === 'none' || broken.length > 0)
    return { ...none, degraded: broken.map((fact) => `${fact.id}: ${fact.detail}`) };
  return {
    label: 'enforced',
    backend: probe.backend,
    version: probe.version,
    profile,
    network: 'gateway',
    limits: probe.limits,
    degraded: probe.degraded,
    egress: [],
    leftoversKilled: 0,
  };
}

/** Refusals by policy: they are dispatches that were not allowed, so they leave a receipt. */
export function refusalOf(
  stance: Stance,
  agent: Agent,
  request: DispatchRequest,
  enforcement: Enforcement,
): string | null {
  if (!agent.readonly && stance.mode !== 'build')
    return `${agent.name} writes, and mode ${stance.mode} does not allow that. Use --mode build, or a read-only agent such as reviewer.`;
  if (enforcement.label === 'enforced') return null;
  if (!request.unsandboxed)
    return `There is no working sandbox, so nothing could hold this dispatch (${enforcement.degraded.join('; ') || 'bubblewrap was not found'}). Run \`pancode doctor\` for the fix.`;
  if (agent.readonly)
    return 'A read-only agent cannot be run with --unsandboxed: read-only is a promise only the sandbox can keep.';
  if (stance.safety !== 'suggest')
    return '--unsandboxed is only allowed with --safety suggest, so that you see every change before it is applied.';
  return null;
}

export function refusedReceipt(
  draft: Pick<
    Job,
    | 'schema'
    | 'id'
    | 'parent'
    | 'session'
    | 'plan'
    | 'depth'
    | 'queued'
    | 'project'
    | 'task'
    | 'kind'
    | 'agent'
    | 'stance'
    | 'configured'
    | 'profile'
    | 'enforcement'
    | 'ask'
    | 'apply'
    | 'answers'
    | 'notify'
    | 'unsandboxed'
  >,
  reason: string,
  parts: { now(): Date },
): Omit<Receipt, 'integrity'> {
  const ended = parts.now().toISOString();
  const job: Job = {
    ...draft,
    worker: {
      id: 'none',
      node: 'local',
      runtime: 'none',
      runtimeVersion: null,
      endpoint: null,
      model: null,
      effort: null,
    },
    slots: [],
    memoryMb: 0,
    window: null,
    program: { path: null, installRoots: [] },
    upstream: { wire: 'openai-chat', baseUrl: '', apiKeyEnv: null, billing: 'unknown' },
    price: null,
    prompt: { system: '', task: '', record: { sha256: '', bytes: 0, fragments: [] } },
    route: {
      reason: 'Refused before a worker was chosen.',
      p: null,
      expectedUsd: null,
      runnerUp: null,
      priorShare: null,
      policy: 'none',
      excluded: [],
    },
    limits: { timeoutMs: 0, budgetUsd: null, turns: null, waitMs: 0, questionMs: 0 },
    effort: null,
    verify: null,
    verifyFound: false,
    from: null,
    workspace: { share: [], copy: [], setup: null, maxFileMb: 1, maxTotalMb: 1 },
    env: { path: '', home: '', pass: [] },
  };
  const result = emptyResult(job, { status: 'refused', reason, harvested: true, ended });
  return assembleReceipt(job, result, journalFacts([]), {
    status: 'refused',
    reason,
    changes: { files: [], patchSha256: null, ref: null, applied: false, ignored: [] },
    appliedBy: null,
    ended,
    wallMs: null,
  });
}
