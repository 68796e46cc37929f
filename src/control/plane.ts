/** The control plane of one user: everything the daemon can be asked for, put together from its parts. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from '../core/contracts.ts';
import { dispatchPlaces, statePlaces } from '../core/places.ts';
import type { ShimProgram } from '../drivers/shim-process.ts';
import { openLedger, type ReceiptFilter } from '../drivers/store/ledger.ts';
import { verifyChain } from '../drivers/store/receipts.ts';
import { applyChanges, recoverApply } from '../drivers/workspace/apply.ts';
import { changesOf } from '../drivers/workspace/diff.ts';
import { inspectProject } from '../drivers/workspace/inspect.ts';
import { undoApply } from '../drivers/workspace/undo.ts';
import type { ApplyRequest, ClientContext, DispatchRequest } from '../protocol/api.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Fleet } from '../protocol/fleet.ts';
import type { Amendment, Receipt } from '../protocol/receipt.ts';
import { admit } from './admit.ts';
import type { Assets } from './box.ts';
import { createDispatches, type Dispatches } from './dispatches.ts';
import { createFleet } from './fleet.ts';
import { PROVIDERS } from './providers.ts';
import { recoverApplies } from './recover.ts';

export interface PlaneParts {
  roots: { config: string; state: string; cache: string };
  assets: Assets;
  locale: Record<string, string>;
  agentsDir: string;
  version: string;
  shim: ShimProgram;
  runtimes: Runtime[];
  now(): Date;
  log(line: string): void;
}

/** How long `fleet` without `--refresh` waits for answers that are under way, ms. */
const FIRST_LOOK_MS = 1_500;
/** How long the end waits for programs that are being asked, ms. */
const CLOSE_MS = 5_000;

export type Plane = ReturnType<typeof createPlane>;

export function createPlane(parts: PlaneParts) {
  const places = statePlaces(parts.roots.state);
  const ledger = openLedger(places);
  const fleet = createFleet({
    runtimes: parts.runtimes,
    providers: PROVIDERS,
    cacheFile: path.join(parts.roots.cache, 'probes.json'),
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
  let concurrency = 4;
  const dispatches: Dispatches = createDispatches({
    ...parts,
    state: parts.roots.state,
    passed: {},
    hide: [parts.roots.state, parts.roots.config],
    ledger,
    concurrency: () => concurrency,
    oneAtATime,
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
  /** Every change of the user's tree by a person's word becomes an amendment. */
  const amend = (id: string, type: 'apply' | 'undo', files: string[], patchSha256: string | null): Amendment =>
    ledger.addAmendment({ id, at: parts.now().toISOString(), type, by: 'user', files, patchSha256, commit: null });

  const admitting = new Map<string, Promise<{ id: string } | { receipt: Receipt }>>();
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
      concurrency = admitted.concurrency;
      taken = true;
      dispatches.submit(admitted.job, admitted.start, shim);
      return { id };
    } finally {
      if (!taken) dispatches.withdraw(id, shim);
    }
  };

  return {
    log: parts.log,
    dispatches,
    resolve,
    /** `gone`: aborted when the client went before it had its answer; what it asked for is then not started. */
    dispatch(request: DispatchRequest, gone: AbortSignal): Promise<{ id: string } | { receipt: Receipt }> {
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
    async diff(id: string, client: ClientContext) {
      const { receipt } = settled(id);
      if (!receipt.changes.ref || !receipt.base) return { files: [], patch: '' };
      const git = await projectGit(receipt, client);
      const found = await changesOf(git.project, git.host, receipt.base.commit, receipt.changes.ref);
      return { files: found.files, patch: found.patch.toString('utf8') };
    },
    async apply(id: string, request: ApplyRequest): Promise<Amendment> {
      const { receipt, amendments } = settled(id);
      const last = amendments.at(-1)?.type ?? (receipt.changes.applied ? 'apply' : null);
      if (!receipt.changes.ref || !receipt.base)
        throw new PanError(
          'nothing-to-apply',
          `Dispatch ${id} has no change to apply.`,
          'Look at its answer with `pancode receipts show`.',
          EXIT.failed,
        );
      if (last === 'apply')
        throw new PanError(
          'already-applied',
          `The change of ${id} is applied already.`,
          `Take it back with \`pancode undo ${id}\`.`,
          EXIT.failed,
        );
      const { base, changes } = receipt;
      const git = await projectGit(receipt, request.client);
      const found = await changesOf(git.project, git.host, base.commit, changes.ref as string);
      if (found.patchSha256 !== changes.patchSha256)
        throw new PanError(
          'changed-result',
          `The result of ${id} is not the one its receipt records.`,
          `Look at refs/pancode/${id}/result yourself before using it.`,
          EXIT.refused,
        );
      const only = chooseFiles(
        found.files.map((file) => file.path),
        request,
      );
      const forbidden = found.files.filter((file) => file.class === 'forbidden' && only.includes(file.path));
      if (forbidden.length > 0)
        throw new PanError(
          'forbidden-path',
          `The change of ${id} touches what is never applied: ${forbidden.map((file) => file.path).join(', ')}.`,
          `Apply the rest with \`pancode apply ${id} --except …\`.`,
          EXIT.refused,
        );
      const journalDir = dispatchPlaces(parts.roots.state, id).apply;
      const applied = await oneAtATime(git.project.commonDir, async () => {
        await recoverApply(journalDir, git.host);
        return applyChanges(git.project, git.host, {
          id,
          base: base.commit,
          result: changes.ref as string,
          only,
          journalDir,
        });
      });
      if (applied.outcome !== 'applied')
        throw new PanError(
          'conflict',
          `${applied.reason} Nothing was touched.`,
          `The work stays in ${changes.ref}; merge it with git, or dispatch again.`,
          EXIT.failed,
        );
      return amend(id, 'apply', applied.files, changes.patchSha256);
    },
    async undo(id: string, client: ClientContext): Promise<Amendment> {
      const { receipt, amendments } = settled(id);
      const last = amendments.at(-1)?.type ?? (receipt.changes.applied ? 'apply' : null);
      if (last !== 'apply' || !receipt.base)
        throw new PanError(
          'not-applied',
          `The change of ${id} is not applied.`,
          `Apply it with \`pancode apply ${id}\`, or look at it with \`pancode diff ${id}\`.`,
          EXIT.failed,
        );
      const git = await projectGit(receipt, client);
      const { apply, undo } = dispatchPlaces(parts.roots.state, id);
      const undone = await oneAtATime(git.project.commonDir, () =>
        undoApply(git.project, git.host, { id, journalDir: apply, undoDir: undo }),
      );
      if (undone.outcome !== 'applied')
        throw new PanError(
          'conflict',
          `${undone.reason} Nothing was touched.`,
          'Take your later edits back first, or undo by hand with the base in git.',
          EXIT.failed,
        );
      return amend(id, 'undo', undone.files, receipt.changes.patchSha256);
    },
    receipts: (query: Record<string, string>): Receipt[] => ledger.list(filterOf(query)),
    receipt(id: string) {
      return settled(id);
    },
    verifyReceipts: () => verifyChain(places.receipts),
    rebuildReceipts: () => ({ lines: ledger.rebuild() }),
    async fleet(client: ClientContext, refresh: boolean): Promise<Fleet> {
      const context = await fleet.contextOf(client, parts.roots.config);
      if (!refresh) return fleet.fresh(context, { timeoutMs: FIRST_LOOK_MS });
      fleet.forget();
      return fleet.fresh(context);
    },
    async close() {
      // A program that cannot even be killed (its disk hangs) does not hold the daemon.
      await Promise.race([fleet.close(), delay(CLOSE_MS, undefined, { ref: false })]);
      ledger.close();
    },
  };

  async function projectGit(receipt: Receipt, client: ClientContext) {
    const host = { home: client.home, path: client.path };
    return { host, project: await inspectProject(receipt.project, host) };
  }
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

function chooseFiles(paths: string[], request: ApplyRequest): string[] {
  const named = [...(request.files ?? []), ...(request.except ?? [])];
  const unknown = named.filter((name) => !paths.includes(name));
  if (unknown.length > 0)
    throw new PanError('unknown-file', `The change has no file "${unknown[0]}".`, `It changes: ${paths.join(', ')}.`);
  return paths.filter((name) => (request.files ? request.files.includes(name) : !request.except?.includes(name)));
}

function filterOf(query: Record<string, string>): ReceiptFilter {
  const limit = Number(query.limit ?? 50);
  if (!Number.isInteger(limit) || limit < 1)
    throw new PanError(
      'bad-limit',
      `"${query.limit}" is not a number of receipts.`,
      'Give --limit a whole number from 1.',
    );
  const since = query.since ? Date.parse(query.since) : Number.NaN;
  if (query.since && Number.isNaN(since))
    throw new PanError('bad-since', `"${query.since}" is not a date.`, 'Give --since a date such as 2026-11-01.');
  return {
    limit,
    agent: query.agent,
    worker: query.worker,
    status: query.status,
    since: query.since ? new Date(since).toISOString() : undefined,
  };
}
