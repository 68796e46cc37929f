/** The control plane of one user: everything the daemon can be asked for, put together from its parts. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from '../core/contracts.ts';
import { statePlaces } from '../core/places.ts';
import { lackOfMemory } from '../core/queue.ts';
import { loadConfig } from '../drivers/config.ts';
import type { ShimProgram } from '../drivers/shim-process.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { inspectProject } from '../drivers/workspace/inspect.ts';
import type { ClientContext, DispatchRequest, ImportRequest } from '../protocol/api.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Answered, AnswerRequest, OpenQuestion } from '../protocol/question.ts';
import type { Receipt } from '../protocol/receipt.ts';
import { admit } from './admit.ts';
import { createApplies } from './apply.ts';
import type { Assets } from './box.ts';
import { discard } from './custody.ts';
import { createDispatches, type Dispatches } from './dispatches.ts';
import { createFleet } from './fleet.ts';
import { createFleetViews } from './fleet-views.ts';
import { PROVIDERS } from './providers.ts';
import { type PruneReport, prune } from './prune.ts';
import { createQuestions } from './questions.ts';
import { costsOf, importReceipts, receiptsOf } from './receipts.ts';
import { recoverApplies } from './recover.ts';
import { createShimQuestions } from './shim-questions.ts';
import { steer } from './steer.ts';

export interface PlaneParts {
  roots: { config: string; state: string; cache: string };
  assets: Assets;
  locale: Record<string, string>;
  agentsDir: string;
  version: string;
  shim: ShimProgram;
  runtimes: Runtime[];
  /** Closed with the plane. */
  ledger: Ledger;
  now(): Date;
  /** Free memory of the host, MB. */
  availableMb(): number;
  log(line: string): void;
}

/** How long the end waits for programs that are being asked, ms. */
const CLOSE_MS = 5_000;

export type Plane = ReturnType<typeof createPlane>;

export function createPlane(parts: PlaneParts) {
  const { ledger } = parts;
  const places = statePlaces(parts.roots.state);
  const fleet = createFleet({
    runtimes: parts.runtimes,
    providers: PROVIDERS,
    cacheFile: path.join(parts.roots.cache, 'probes.json'),
    cordonFile: places.cordons,
    now: () => parts.now().getTime(),
    version: parts.version,
  });
  const recovered = recoverApplies({ state: parts.roots.state, ledger, now: parts.now, log: parts.log });
  const lane = createLane();
  /** Nothing is applied before what another daemon left is put right. */
  const oneAtATime = async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    await recovered;
    return lane(key, work);
  };
  const questions = createQuestions({ ...parts, state: parts.roots.state });
  const shimQuestions = createShimQuestions({ ...parts, state: parts.roots.state });
  const openQuestions = (dispatch?: string): OpenQuestion[] =>
    [...questions.list(dispatch), ...shimQuestions.list(dispatch)].sort((a, b) => (a.since < b.since ? -1 : 1));
  const dispatches: Dispatches = createDispatches({
    ...parts,
    state: parts.roots.state,
    passed: {},
    hide: [parts.roots.state, parts.roots.config],
    ledger,
    onRequest: ({ worker, upstream }, request, at) =>
      fleet.report({ id: worker.endpoint ?? worker.runtime, baseUrl: upstream.baseUrl }, request, at),
    oneAtATime,
    questions,
    shimQuestions,
  });

  const settled = (id: string) => {
    if (dispatches.isLive(id))
      throw new PanError(
        'still-running',
        `Dispatch ${id} has not ended yet.`,
        `Wait for it with \`pancode wait ${id}\`, or stop it with \`pancode cancel ${id}\`.`,
        EXIT.failed,
      );
    const known = ledger.get(id);
    if (!known)
      throw new PanError(
        'unknown-dispatch',
        `There is no dispatch ${id}.`,
        'See `pancode receipts` for those there are.',
      );
    return known;
  };
  /** A full id, or the start of one that means only one dispatch. */
  const resolve = (given: string): string => {
    const id = given.toUpperCase();
    if (dispatches.isLive(id) || ledger.has(id)) return id;
    const matches = [
      ...new Set([
        ...dispatches
          .list()
          .map((entry) => entry.id)
          .filter((other) => other.startsWith(id)),
        ...ledger.ids(id),
      ]),
    ];
    if (matches.length === 1 && matches[0]) return matches[0];
    throw new PanError(
      'unknown-dispatch',
      matches.length ? `"${given}" is the start of ${matches.length} dispatches.` : `There is no dispatch "${given}".`,
      'See `pancode ps` for running ones and `pancode receipts` for finished ones.',
    );
  };
  const questionOf = (given: string): string => {
    const id = given.toUpperCase();
    const [, of, n] = /^(.+)-(\d+)$/.exec(id) ?? [];
    if (of) return `${resolve(of)}-${n}`;
    const dispatch = resolve(id);
    const [first, second] = openQuestions(dispatch);
    if (first && !second) return first.id;
    const change = ledger.get(dispatch)?.receipt.changes.ref
      ? `Apply its change with \`pancode apply ${dispatch}\`, or see`
      : 'See';
    throw new PanError(
      first ? 'which-question' : 'no-question',
      first ? `Dispatch ${dispatch} has several open questions.` : `Dispatch ${dispatch} has no open question.`,
      first || dispatches.isLive(dispatch)
        ? 'See `pancode questions`.'
        : `${change} \`pancode receipts show ${dispatch}\`.`,
      first ? EXIT.usage : EXIT.failed,
    );
  };
  const applies = createApplies({ ...parts, ledger, oneAtATime, settled, questions });

  const admitting = new Map<string, Promise<{ id: string; warning?: string } | { receipt: Receipt }>>();
  const accept = async (request: DispatchRequest, gone: AbortSignal) => {
    const { id } = request;
    const on = request.on === undefined ? null : settled(resolve(request.on)).receipt;
    const shim = dispatches.prepare(id);
    let taken = false;
    try {
      const admitted = await admit(id, request, { ...parts, fleet, ledger, on });
      if (admitted.kind === 'refused') return { receipt: admitted.receipt };
      if (gone.aborted)
        throw new PanError(
          'gone',
          'The client went before its dispatch was accepted.',
          'Dispatch again.',
          EXIT.cancelled,
        );
      // With others of ours running it waits for them in the queue; with none there is nothing to wait for.
      const lack = dispatches.list().length === 0 ? lackOfMemory(admitted.job.memoryMb, parts.availableMb()) : null;
      if (lack)
        throw new PanError(
          'low-memory',
          `${admitted.job.worker.id} cannot be started on this machine now: ${lack}.`,
          'Close other programs, and dispatch again.',
          EXIT.unavailable,
        );
      taken = true;
      dispatches.submit(admitted.job, admitted.start, shim);
      return admitted.warning === null ? { id } : { id, warning: admitted.warning };
    } finally {
      if (!taken) dispatches.withdraw(id, shim);
    }
  };

  return {
    log: parts.log,
    dispatches,
    resolve,
    /** `gone`: aborted when the client went before it had its answer; what it asked for is then not started. */
    dispatch(
      request: DispatchRequest,
      gone: AbortSignal,
    ): Promise<{ id: string; warning?: string } | { receipt: Receipt }> {
      const { id } = request;
      const known = admitting.get(id);
      if (known) return known;
      if (dispatches.isLive(id) || ledger.has(id)) return Promise.resolve({ id });
      const admission = accept(request, gone).finally(() => admitting.delete(id));
      admitting.set(id, admission);
      return admission;
    },
    async cancel(given: string): Promise<Receipt> {
      await admitting.get(given)?.catch(() => {}); // whoever asked for it hears why it was not accepted
      return dispatches.cancel(resolve(given));
    },
    async cancelAll(): Promise<string[]> {
      const ids = dispatches.list().map((entry) => entry.id);
      await Promise.all(ids.map((id) => dispatches.cancel(id)));
      return ids;
    },
    diff: applies.diff,
    apply: applies.apply,
    undo: applies.undo,
    /** What waits for a person, the oldest first. */
    questions: () => openQuestions(),
    /** A client that can answer follows this dispatch, until it calls what it gets. */
    attach(dispatch: string): () => void {
      const leave = [questions.attach(dispatch), shimQuestions.attach(dispatch)];
      return () => {
        for (const each of leave) each();
      };
    },
    /**
     * A person's answer to a question, by its id or by that of a dispatch with one open question; with what became of the dispatch, which is
     * null where it goes on.
     */
    async answer(given: string, request: AnswerRequest): Promise<Answered & { outcome: Receipt['outcome'] | null }> {
      const id = questionOf(given);
      const asked = shimQuestions.find(id);
      if (asked) {
        const given = await shimQuestions.answer(asked, request);
        const { project, kind, action, subject } = asked;
        if (request.always) questions.keep({ project, kind, action, subject, at: given.at });
        return { ...given, outcome: null };
      }
      const answered = questions.answer(id, request);
      const { outcome } = await dispatches.wait(answered.dispatch, new AbortController().signal);
      return { ...answered, outcome };
    },
    /** Takes back what a person said yes to for good in the client's project. */
    async forgetAnswers(client: ClientContext): Promise<{ project: string; forgotten: number }> {
      const host = { home: client.home, path: client.path, state: parts.roots.state };
      const { root } = await inspectProject(client.cwd, host);
      return { project: root, forgotten: questions.forget(root) };
    },
    /** Tells a running agent something; returns once it is sure to see it before its next model request. */
    async send(given: string, text: string): Promise<{ id: string; sent: true }> {
      const id = resolve(given);
      await steer(dispatches.job(id), id, text, parts);
      return { id, sent: true };
    },
    discard: (id: string, client: ClientContext) =>
      discard(id, client, { state: parts.roots.state, ledger, now: parts.now, oneAtATime, settled }),
    async prune(client: ClientContext, dryRun: boolean): Promise<PruneReport> {
      const { config } = await loadConfig({ configDir: parts.roots.config, projectRoot: null, flags: {} });
      return prune({
        state: parts.roots.state,
        ledger,
        keep: config.keep,
        host: { home: client.home, path: client.path, state: parts.roots.state },
        dryRun,
        now: parts.now,
        isLive: (id) => dispatches.isLive(id) || admitting.has(id),
        oneAtATime,
      });
    },
    receipts: (query: Record<string, string>): Promise<Receipt[]> => receiptsOf(ledger, query),
    receiptNames: () => ({ agents: ledger.names('agent'), workers: ledger.names('worker') }),
    costs: (query: Record<string, string>) => costsOf(ledger, query),
    importReceipts: ({ file }: ImportRequest) => importReceipts(ledger, file, parts.now()),
    receipt(id: string) {
      return settled(id);
    },
    rebuildReceipts: () => ledger.rebuild(),
    views: createFleetViews({ ...parts, fleet, cordonFile: places.cordons }),
    async close() {
      // A program that cannot even be killed (its disk hangs) does not hold the daemon.
      await Promise.race([fleet.close(), delay(CLOSE_MS, undefined, { ref: false })]);
      ledger.close();
    },
  };
}

/** Runs work one after the other per key; a failure does not stop what waits behind it. */
function createLane() {
  const tails = new Map<string, Promise<unknown>>();
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const tail = mine.catch(() => {}); // the caller sees the failure; whoever waits behind does not
    tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === tail) tails.delete(key);
    }
  };
}
