/** Admission: from a request to a sealed job, or a refusal with its reason. Nothing is started here. */
import fs from 'node:fs';
import { checkAgentNames, findAgent } from '../core/agents.ts';
import type { Runtime } from '../core/contracts.ts';
import { dispatchPlaces } from '../core/places.ts';
import { compilePrompt, priorWork } from '../core/prompt.ts';
import { type Choice, chooseWorker, type RouteRequest, type WorkerFacts } from '../core/router.ts';
import { slotsOf } from '../core/slots.ts';
import { startPipe } from '../core/start-pipe.ts';
import { staysLocal, upstreamOf } from '../core/upstream.ts';
import { findVerifyCommand } from '../core/verify-command.ts';
import { neededWindow } from '../core/window.ts';
import { checkWorkspaceNames } from '../core/workspace-names.ts';
import { loadAgents } from '../drivers/agents.ts';
import { collectProject } from '../drivers/brief.ts';
import { loadConfig } from '../drivers/config.ts';
import { priceOf } from '../drivers/prices.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { changesOf } from '../drivers/workspace/diff.ts';
import type { GitHost } from '../drivers/workspace/git.ts';
import { inspectProject, type Project } from '../drivers/workspace/inspect.ts';
import { refuseLowDisk } from '../drivers/workspace/room.ts';
import type { DispatchRequest } from '../protocol/api.ts';
import type { Config } from '../protocol/config.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Fleet, WorkerEntry } from '../protocol/fleet.ts';
import type { Job, StartPipe } from '../protocol/job.ts';
import type { Receipt, Stance } from '../protocol/receipt.ts';
import type { Assets } from './box.ts';
import { type FleetContext, type FleetSource, fleetContext } from './fleet.ts';
import { PROVIDERS } from './providers.ts';
import { enforcementOf, refusalOf, refusedReceipt } from './refusal.ts';

export interface AdmitParts {
  roots: { config: string; state: string; cache: string };
  agentsDir: string;
  assets: Assets;
  runtimes: Runtime[];
  fleet: FleetSource;
  ledger: Ledger;
  /** The settled dispatch `--on` names. */
  on: Receipt | null;
  now(): Date;
}

export type Admitted =
  /** `warning`: what the person who named the worker should know. */
  { kind: 'accepted'; job: Job; start: StartPipe; warning: string | null } | { kind: 'refused'; receipt: Receipt };

/** Resident memory of a shim with its relay, MB; measured. */
const SHIM_MB = 120;

/** Turns an agent's `speed` into a turn cap; time and effort follow the configuration. */
const TURNS = { fast: 40, balanced: 100, thorough: 200 } as const;

export async function admit(id: string, request: DispatchRequest, parts: AdmitParts): Promise<Admitted> {
  const { client } = request;
  const git = { home: client.home, path: client.path, state: parts.roots.state };
  const project = await inspectProject(client.cwd, git, { stateDir: parts.roots.state });
  // At once: git looks at the project while files are read.
  const [{ config, concurrency }, { agents, constitution }, facts] = await Promise.all([
    loadConfig({
      configDir: parts.roots.config,
      projectRoot: project.root,
      flags: { mode: client.mode, safety: client.safety, preset: client.preset },
    }),
    loadAgents({ shippedDir: parts.agentsDir, configDir: parts.roots.config, projectRoot: project.root }),
    collectProject({ root: project.root, cwd: project.cwd, ...git, git: !project.own }),
  ]);
  refuseUnbuilt(config);
  checkWorkspaceNames(config.workspace);
  checkAgentNames(config, agents);
  const agent = findAgent(agents, request.agent);
  const configured =
    (client.mode ?? client.safety ?? client.preset)
      ? (await loadConfig({ configDir: parts.roots.config, projectRoot: project.root, flags: {} })).config
      : config;
  const stance: Stance = { mode: config.mode, safety: config.safety, readonly: agent.readonly };
  const enforcement = await enforcementOf(stance, agent, request, parts);

  const draft = {
    schema: 1 as const,
    id,
    parent: null,
    session: null,
    plan: null,
    depth: 0,
    queued: parts.now().toISOString(),
    project: { root: project.root, cwd: project.cwd, commonDir: project.commonDir },
    task: request.task,
    kind: 'other' as const,
    agent: {
      name: agent.name,
      tier: agent.tier,
      sha256: agent.sha256,
      readonly: agent.readonly,
      run: agent.run ?? false,
    },
    stance,
    configured: { mode: configured.mode, safety: configured.safety },
    profile: enforcement.profile,
    enforcement,
    ask: config.ask,
    apply: request.apply,
    answers: request.answers,
    notify: config.notify,
    unsandboxed: request.unsandboxed,
  };
  const refusal = refusalOf(stance, agent, request, enforcement);
  if (refusal) return { kind: 'refused', receipt: parts.ledger.addReceipt(refusedReceipt(draft, refusal, parts)) };

  const point = await startingPoint(request, parts.on, project, git);
  const context = fleetContext(config, client);
  const wanted: RouteRequest = {
    agent,
    readonly: agent.readonly,
    questions: config.ask === 'action' && !agent.readonly,
    window: neededWindow(
      [
        constitution,
        agent.prompt,
        ...facts.instructions.map(({ text }) => text),
        facts.brief,
        point.prior,
        request.task,
      ].reduce((bytes, text) => bytes + Buffer.byteLength(text), 0),
    ),
    worker: request.worker,
    runtime: request.runtime,
    model: request.model,
  };
  const { fleet, choice } = await choose(wanted, context, parts);
  const { worker } = choice;
  const upstream = upstreamOf(worker, fleet, config, { runtimes: parts.runtimes, providers: PROVIDERS });
  const program = parts.fleet.program(worker.runtime, context);
  if (!upstream || !program)
    throw new PanError(
      'no-worker',
      `The worker ${worker.id} cannot be reached any more.`,
      'Run `pancode fleet --refresh` and try again.',
      EXIT.unavailable,
    );
  const memoryMb = SHIM_MB + (parts.runtimes.find((one) => one.id === worker.runtime)?.memoryMb ?? 0);
  // A copy to work in, and a fresh checkout for the check.
  const copies = agent.readonly ? (enforcement.profile === 'R' && point.from === null ? 0 : 1) : 2;
  refuseLowDisk(project, parts.roots.state, copies);
  const prompt = compilePrompt({
    constitution,
    agent,
    tier: worker.tier,
    stance: { ...stance, run: agent.run ?? false, ask: config.ask, enforced: enforcement.label === 'enforced' },
    instructions: facts.instructions,
    brief: facts.brief,
    prior: point.prior,
    task: request.task,
  });
  const minutes = Math.min(agent.timeoutMinutes ?? config.limits.timeoutMinutes, config.limits.timeoutMinutes);
  const job: Job = {
    ...draft,
    worker: {
      id: worker.id,
      node: 'local',
      runtime: worker.runtime,
      runtimeVersion: fleet.runtimes.find((runtime) => runtime.id === worker.runtime)?.version ?? null,
      endpoint: worker.endpoint,
      model: worker.model,
      effort: null,
    },
    slots: slotsOf({
      worker,
      endpoint: fleet.endpoints.find((one) => one.id === worker.endpoint) ?? null,
      upstream,
      config,
      concurrency,
      projectRoot: project.root,
    }),
    memoryMb,
    window: windowOf(worker, fleet),
    program,
    upstream,
    price: await jobPrice(worker, fleet, config),
    prompt: { system: prompt.system, task: prompt.task, record: prompt.record },
    route: choice.route,
    limits: {
      timeoutMs: request.timeoutSeconds === undefined ? minutes * 60_000 : request.timeoutSeconds * 1000,
      budgetUsd: request.budgetUsd ?? config.budget.dispatch,
      turns: TURNS[agent.speed],
      waitMs: config.limits.waitMinutes * 60_000,
      questionMs: config.limits.questionMinutes * 60_000,
    },
    effort: null,
    verify: agent.readonly ? null : (request.verify ?? config.verify ?? findVerifyCommand(facts.files)),
    verifyFound: (request.verify ?? config.verify ?? null) === null,
    from: point.from,
    workspace: config.workspace,
    env: { path: parts.fleet.searchPath(worker.runtime, context), home: client.home, pass: config.env.pass },
  };
  const places = dispatchPlaces(parts.roots.state, id);
  fs.writeFileSync(`${places.job}.new`, JSON.stringify(job), { mode: 0o600 });
  fs.renameSync(`${places.job}.new`, places.job);
  // Admission chose a worker whose key is there, or one that needs none.
  const start = startPipe(job, client.keys) ?? { apiKey: null, env: {} };
  return { kind: 'accepted', job, start, warning: choice.warning };
}

/**
 * The worker for this request. What is known already decides when it can; else the answers that are under way are waited for,
 * so that a first dispatch right after the daemon's start does not fail for want of a version string.
 */
async function choose(
  wanted: RouteRequest,
  context: FleetContext,
  parts: AdmitParts,
): Promise<{ fleet: Fleet; choice: Choice }> {
  const attempt = async (fleet: Fleet) => {
    const prices = new Map(
      await Promise.all(
        fleet.workers.map(async (worker) => [worker.id, await jobPrice(worker, fleet, context.config)] as const),
      ),
    );
    const factsOf = (worker: WorkerEntry): WorkerFacts => {
      const upstream = upstreamOf(worker, fleet, context.config, { runtimes: parts.runtimes, providers: PROVIDERS });
      const price = prices.get(worker.id);
      // Agents read far more than they write: about nine tokens in for one out.
      const blended = price ? (price.input * 9 + price.output) / 10 : null;
      return {
        local: upstream !== null && staysLocal(upstream),
        price: upstream?.billing === 'local' ? 0 : blended,
        window: windowOf(worker, fleet),
      };
    };
    return { fleet, choice: chooseWorker(wanted, fleet, context.config, factsOf) };
  };
  try {
    return await attempt(parts.fleet.snapshot(context));
  } catch (error) {
    if (!(error instanceof PanError)) throw error;
    const ready = (fleet: Fleet) =>
      fleet.workers.some((worker) => worker.id === wanted.worker && worker.state === 'ready');
    return attempt(await parts.fleet.fresh(context, wanted.worker === undefined ? {} : { until: ready }));
  }
}

/** Window in use of its model, tokens; null = unknown. */
function windowOf(worker: WorkerEntry, fleet: Fleet): number | null {
  const endpoint = fleet.endpoints.find((one) => one.id === worker.endpoint);
  return endpoint?.models.find((model) => model.id === worker.model)?.context ?? null;
}

function jobPrice(worker: WorkerEntry, fleet: Fleet, config: Config) {
  const provider =
    worker.endpoint === null
      ? null
      : (fleet.endpoints.find((endpoint) => endpoint.id === worker.endpoint)?.provider ?? null);
  return priceOf({
    workerId: worker.id,
    endpoint: worker.endpoint,
    model: worker.model,
    provider,
    overrides: config.prices,
  });
}

/** What the configuration may say and this version does not do yet is refused: silence would be a lie. */
function refuseUnbuilt(config: Config): void {
  const unbuilt: [boolean, string][] = [
    [config.network.allow.length > 0, 'network.allow'],
    [config.network.loopback.length > 0, 'network.loopback'],
    [Object.values(config.rules).some((rules) => rules.length > 0), 'rules'],
    [Object.keys(config.after).length > 0, 'after'],
  ];
  const found = unbuilt.find(([set]) => set);
  if (found)
    throw new PanError(
      'not-built',
      `The configuration sets \`${found[1]}\`, which this version of PanCode cannot do yet.`,
      'Remove it to go on without it.',
    );
}

/** Where the work starts: at `--base REV`, at the result of `--on ID` (whose receipt and patch go into the prompt), else at the working tree. */
async function startingPoint(
  request: DispatchRequest,
  on: Receipt | null,
  project: Project,
  git: GitHost,
): Promise<{ from: string | null; prior: string }> {
  if (request.base && on)
    throw new PanError(
      'usage',
      '--base and --on cannot be given together.',
      'Start from a commit or from the result of a dispatch.',
    );
  if (!on) return { from: request.base ?? null, prior: '' };
  if (on.project !== project.root)
    throw new PanError(
      'other-project',
      `Dispatch ${on.id} worked in ${on.project}, not in ${project.root}.`,
      'Change into its project, or give --cwd.',
    );
  const from = on.changes.ref ?? on.base?.commit ?? null;
  if (!from || !on.base)
    throw new PanError(
      'no-result',
      `Dispatch ${on.id} has no result to start from.`,
      'Choose one whose receipt names a ref.',
      EXIT.failed,
    );
  const { patch } = await changesOf(project, git, on.base.commit, from);
  return { from, prior: priorWork(on, patch.toString('utf8')) };
}
