/**
 * The walk of one dispatch inside its shim: snapshot → copy → sandbox → agent → harvest → verify → result.
 * Whatever happens on the way, the agent process is gone and the work is in a ref before the result is written.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { AgentProcess, RunHost, Runtime } from '../core/contracts.ts';
import { costOf } from '../core/cost.ts';
import { diskFault } from '../core/disk-fault.ts';
import { outcomeOf } from '../core/outcome.ts';
import type { DispatchPlaces } from '../core/places.ts';
import { emptyResult } from '../core/run-result.ts';
import { usageOf } from '../core/usage.ts';
import { startGateway } from '../drivers/gateway/server.ts';
import { readProcessIdentity } from '../drivers/sandbox/identity.ts';
import type { Share } from '../drivers/sandbox/spec.ts';
import type { NewEvent } from '../drivers/store/journal.ts';
import { createCopy } from '../drivers/workspace/copy.ts';
import { namesToCopy } from '../drivers/workspace/env-files.ts';
import type { GitHost } from '../drivers/workspace/git.ts';
import { inspectProject, type Project } from '../drivers/workspace/inspect.ts';
import { removeTree } from '../drivers/workspace/remove.ts';
import { takeSnapshot } from '../drivers/workspace/snapshot.ts';
import { PanError } from '../protocol/error.ts';
import type { AgentEnd, AgentEvent, JournalEvent } from '../protocol/event.ts';
import type { Job, RunResult, StartPipe } from '../protocol/job.ts';
import type { VerifyOutcome } from '../protocol/receipt.ts';
import type { MeteredRequest } from '../protocol/usage.ts';
import { type AgentQuestions, createAgentQuestions } from './agent-questions.ts';
import { type BoxParts, gatewayPort, sandboxSpec, startBox } from './box.ts';
import { runCheck } from './check.ts';
import { equip } from './equip.ts';
import { type Harvester, harvestWork, startHarvester } from './harvest.ts';
import { createSteering, type Steering } from './steering.ts';
import { createTimeLimit, type TimeLimit } from './time-limit.ts';

/** Time an agent gets to end politely after a stop, ms; then its namespace is killed. */
const GRACE_MS = 2_000;

export interface RunParts extends BoxParts {
  /** The disk is full: gives back what was set aside for that. False where that was done before. */
  makeRoom(): boolean;
  runtime: Runtime;
  /** null where the journal cannot be written any more. */
  emit(event: NewEvent): JournalEvent | null;
  log(line: string): void;
  token: string;
  now(): Date;
}

/** `disk`: the journal cannot be written any more. */
export type StopWhy = 'user' | 'timeout' | 'budget' | 'disk';

export interface Run {
  /** Resolves once the result is known; never rejects for anything an agent, a repository or a server can do. */
  finished: Promise<RunResult>;
  /** Stops the agent: politely, then its whole namespace. What it did so far is harvested. */
  stop(why: StopWhy): void;
  /** Tells the agent something; why it cannot be told, or null. */
  steer(text: string): Promise<string | null>;
  /** What the agent has asked a person. */
  questions: Pick<AgentQuestions, 'answer' | 'attach'>;
}

export function startRun(job: Job, places: DispatchPlaces, start: StartPipe, parts: RunParts): Run {
  const stopping = new AbortController();
  let stopped: StopWhy | null = null;
  const stop = (why: StopWhy) => {
    if (stopped) return;
    stopped = why;
    parts.emit({ type: 'cancel', why });
    stopping.abort();
    asking.close(why === 'user' ? 'user' : 'nobody');
  };
  const time = createTimeLimit();
  const asking = createAgentQuestions(job, places, { ...parts, time });
  const steering = createSteering(parts.emit);
  const controls = { signal: stopping.signal, stop, why: () => stopped, steering, asking, time, agentSince: null };
  const finished = walk(job, places, start, parts, controls);
  return { finished, stop, steer: steering.tell, questions: asking };
}

interface Stopping {
  signal: AbortSignal;
  stop(why: StopWhy): void;
  why(): StopWhy | null;
  /** When the agent process was started, monotonic ms. */
  agentSince: number | null;
  steering: Steering;
  asking: AgentQuestions;
  /** Of the agent. */
  time: TimeLimit;
}

async function walk(
  job: Job,
  places: DispatchPlaces,
  start: StartPipe,
  parts: RunParts,
  stopping: Stopping,
): Promise<RunResult> {
  const startedMs = performance.now();
  const git: GitHost = { home: job.env.home, path: job.env.path, state: places.state };
  const result = emptyResult(job, { status: 'failed', reason: '', harvested: true, ended: '' });
  let project: Project | null = null;
  let end: AgentEnd | null = null;
  let harvestFault: string | null = null;
  let verify: VerifyOutcome | null = null;
  let copied = false;
  let shares: Share[] = [];
  let inner: string[] = [];
  const told = new Set<string>();
  // What is said of the agent's copy holds for those of the check too.
  const notice = (text: string) => {
    if (!told.has(text)) parts.emit({ type: 'notice', text });
    told.add(text);
  };
  let harvester: Promise<Harvester> | null = null;
  try {
    parts.emit({ type: 'phase', phase: 'snapshot' });
    project = await inspectProject(job.project.cwd, git);
    const base = await takeSnapshot(project, git, {
      id: job.id,
      scratchDir: places.scratch,
      maxFileMb: job.workspace.maxFileMb,
      maxTotalMb: job.workspace.maxTotalMb,
      without: namesToCopy(project.root, job.workspace.copy),
      from: job.from,
    });
    result.base = base;
    inner = base.inner;
    parts.emit({ type: 'snapshot', ...base });
    if (job.profile !== 'R' || job.from) {
      parts.emit({ type: 'phase', phase: 'copy' });
      await createCopy(project, git, {
        id: job.id,
        commit: base.commit,
        dir: places.copy,
        unsandboxed: job.unsandboxed,
        revision: job.from !== null,
      });
      copied = true;
      result.harvested = job.profile !== 'W';
      const copy = { copy: places.copy, list: places.given, inner };
      const place = { job, places, project, git, commit: base.commit, isUsers: job.from === null, ...copy };
      const equipment = await equip(place, parts, notice, stopping.signal);
      shares = equipment.shares;
      if (equipment.copied.length > 0) {
        result.base = { ...base, copied: equipment.copied };
        notice(`The agent gets a copy of ${equipment.copied.join(', ')} (workspace.copy).`);
      }
    }
    parts.emit({ type: 'phase', phase: 'sandbox' });
    const work = { job, places, project, git, base: base.commit };
    end = await runAgent(job, places, project, copied, shares, start, parts, stopping, () => {
      if (!copied || job.profile !== 'W') return;
      harvester = startHarvester(work, parts);
      harvester.catch(() => {}); // told by the harvest
    });
  } catch (error) {
    end = startFailure(error);
  }
  stopping.steering.close();
  stopping.asking.close('nobody');
  result.answer = end?.answer ?? null;
  result.claimed = end ? end.ok : null;
  result.clean = end !== null && stopping.why() === null;
  const agentMs = stopping.agentSince === null ? undefined : Math.round(performance.now() - stopping.agentSince);
  parts.emit({ type: 'phase', phase: 'harvest', agentMs });
  // The work comes before what the agent keeps for itself.
  if (stopping.why() === 'disk') removeTree(places.home);
  if (project && copied && result.base && job.profile === 'W') {
    try {
      const place = { job, places, project, git, base: result.base.commit, notice };
      const work = await harvestWork(place, parts, harvester).catch((error: unknown) => {
        if (diskFault(error)?.code !== 'disk-full' || !parts.makeRoom()) throw error;
        return harvestWork(place, parts);
      });
      result.resultCommit = work.commit;
      result.harvested = true;
      result.ignored = work.ignored;
      parts.emit({ type: 'harvest', result: work.commit, files: work.files });
    } catch (error) {
      harvestFault = `The work could not be brought into git (${oneLine(error)}); it is kept in ${places.copy}: bring it back with \`pancode salvage ${job.id}\`.`;
    }
  }
  if (project && job.verify && result.resultCommit && result.base && end?.ok && !stopping.why()) {
    parts.emit({ type: 'phase', phase: 'verify' });
    const { fault, outcome: checked } = await runCheck(
      job,
      places,
      project,
      git,
      {
        base: result.base.commit,
        result: result.resultCommit,
        inner,
        command: job.verify,
        limitMs: job.limits.timeoutMs - (performance.now() - startedMs - stopping.time.heldMs()),
      },
      { ...parts, notice },
      stopping.signal,
    );
    verify = checked;
    if (fault) notice(fault);
    if (verify) parts.emit({ type: 'verify', command: verify.command, exitCode: verify.exitCode, ms: verify.ms });
  }
  result.verify = verify;
  const outcome = outcomeOf({
    end,
    stopped: stopping.why(),
    crashed: false,
    readonly: job.stance.readonly,
    changed: result.resultCommit !== null,
    harvestFault,
    verify,
  });
  return { ...result, ...outcome, ended: parts.now().toISOString() };
}

/**
 * Starts gateway and runtime, delivers the runtime's events, and returns its end with the agent process verified gone. `whileItThinks` is
 * called at the first model request: until its answer comes, there is time.
 */
async function runAgent(
  job: Job,
  places: DispatchPlaces,
  project: Project,
  copied: boolean,
  shares: Share[],
  start: StartPipe,
  parts: RunParts,
  stopping: Stopping,
  whileItThinks: () => void,
): Promise<AgentEnd | null> {
  const requests: MeteredRequest[] = [];
  const overBudget = () => {
    const cost = costOf(usageOf(requests, null, null), job.price, { billing: job.upstream.billing, simulated: false });
    return job.limits.budgetUsd !== null && cost.usd !== null && cost.usd >= job.limits.budgetUsd;
  };
  const gateway = await startGateway({
    socketDir: places.gatewayDir,
    listenTcp: job.unsandboxed,
    upstream: job.upstream,
    apiKey: start.apiKey,
    token: parts.token,
    model: job.worker.model,
    refuse: () => (overBudget() ? 'This dispatch has reached its budget.' : null),
    onRequest: (n, requestPath) => {
      parts.emit({ type: 'request-started', n, path: requestPath });
      if (n === 1) whileItThinks();
    },
    onFinished: (request) => {
      requests.push(request);
      parts.emit({ type: 'request', request });
      if (overBudget()) stopping.stop('budget');
    },
  });
  stopping.time.start(job.limits.timeoutMs, () => stopping.stop('timeout'));
  const processes: AgentProcess[] = [];
  const spec = sandboxSpec(job, places, project, copied, parts);
  const host: RunHost = {
    async spawn(command, env) {
      const child = await startBox({ ...spec(env), shares }, command, job.unsandboxed);
      processes.push(child);
      const identity = readProcessIdentity(child.pid);
      parts.emit({ type: 'agent-process', pid: child.pid, startTime: identity?.startTime ?? '' });
      stopping.agentSince ??= performance.now();
      parts.emit({ type: 'phase', phase: 'agent' });
      return child;
    },
    ask: stopping.asking.askAction,
    askPerson: stopping.asking.askPerson,
    onSteer: stopping.steering.onSteer,
    endpoint: {
      baseUrl: `http://127.0.0.1:${gateway.port ?? gatewayPort}`,
      token: parts.token,
      wire: job.upstream.wire,
    },
    home: job.unsandboxed ? places.home : job.env.home,
    hostHome: places.home,
    nativeCommand: [parts.assets.node, job.unsandboxed ? parts.assets.nativeAgent : '/run/pancode/native-agent.js'],
    signal: stopping.signal,
    graceMs: GRACE_MS,
  };
  try {
    const end = await deliver(parts.runtime.run(job, host), parts.emit, stopping.signal, () => {
      for (const child of processes) child.kill();
    });
    return end && withCause(end, requests.at(-1));
  } finally {
    stopping.time.stop();
    for (const child of processes) child.kill();
    await Promise.all(processes.map((child) => child.exited));
    await gateway.close();
  }
}

/** An agent that ran out of retries says so; that nothing answered at all is what the gateway saw. */
function withCause(end: AgentEnd, last: MeteredRequest | undefined): AgentEnd {
  if (end.status !== 'failed' || !last || last.status !== null || !last.error || end.reason.includes(last.error))
    return end;
  return { ...end, reason: `${end.reason.replace(/\.$/, '')} (${last.error.replace(/\.$/, '')}).` };
}

/** Hands on every event; after a stop the runtime has its grace, then everything is killed and its stream is left. */
async function deliver(
  events: AsyncIterable<AgentEvent>,
  emit: (event: NewEvent) => void,
  signal: AbortSignal,
  killAll: () => void,
): Promise<AgentEnd | null> {
  const iterator = events[Symbol.asyncIterator]();
  let force: NodeJS.Timeout | undefined;
  const forced = new Promise<'forced'>((resolve) => {
    const arm = () => {
      force = setTimeout(() => {
        killAll();
        // The kill closes the agent's output, which ends the stream; a runtime that still does not end is left behind.
        force = setTimeout(() => resolve('forced'), GRACE_MS);
      }, GRACE_MS);
    };
    if (signal.aborted) arm();
    else signal.addEventListener('abort', arm, { once: true });
  });
  let end: AgentEnd | null = null;
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), forced]);
      if (next === 'forced' || next.done) return end;
      emit(next.value);
      if (next.value.type === 'end') end = next.value;
    }
  } finally {
    clearTimeout(force);
  }
}

function startFailure(error: unknown): AgentEnd {
  const reason =
    error instanceof PanError
      ? `${error.message} ${error.do}`
      : `The dispatch could not be started: ${oneLine(error)}.`;
  return { type: 'end', ok: false, status: 'failed', reason, answer: null, turns: null };
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

/** Writes `result.json` so that it is either whole or absent. */
export function writeResult(places: DispatchPlaces, result: RunResult): void {
  const temporary = path.join(places.dir, 'result.json.new');
  const fd = fs.openSync(temporary, 'w', 0o600);
  fs.writeFileSync(fd, JSON.stringify(result));
  fs.fsyncSync(fd);
  fs.closeSync(fd);
  fs.renameSync(temporary, places.result);
}
