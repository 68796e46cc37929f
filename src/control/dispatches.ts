/** All dispatches that have no receipt yet: the queue, the running ones, and the same walk for those found after a restart. */
import { EventEmitter, once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { costOf, otherModels } from '../core/cost.ts';
import { journalFacts } from '../core/journal-facts.ts';
import { type LiveFold, liveView, startFold, step } from '../core/live-state.ts';
import { type DispatchPlaces, dispatchPlaces, statePlaces } from '../core/places.ts';
import { emptyResult } from '../core/run-result.ts';
import { usageOf } from '../core/usage.ts';
import { killProcess, sweepDispatch } from '../drivers/sandbox/identity.ts';
import { type ShimProgram, spawnShim, stopShim, type WaitingShim } from '../drivers/shim-process.ts';
import { readJournal } from '../drivers/store/journal.ts';
import { PanError } from '../protocol/error.ts';
import type { JournalEvent, SettledEvent } from '../protocol/event.ts';
import { Job, type RunResult, type StartPipe } from '../protocol/job.ts';
import type { Receipt } from '../protocol/receipt.ts';
import type { MeteredRequest } from '../protocol/usage.ts';
import type { BoxParts } from './box.ts';
import { repair } from './repair.ts';
import { type SettleParts, settle } from './settle.ts';
import { supervise } from './supervise.ts';

/** A shim that does not end this long after it was told to stop is killed, ms. */
const STOP_MS = 10_000;
const RETRY_MS = 5_000;

export interface DispatchParts extends SettleParts, BoxParts {
  state: string;
  shim: ShimProgram;
  concurrency(): number;
  /** Runs `work` while no other apply is going on in the same repository. */
  oneAtATime<T>(commonDir: string, work: () => Promise<T>): Promise<T>;
  log(line: string): void;
}

interface Live {
  job: Job;
  fold: LiveFold;
  requests: MeteredRequest[];
  start: StartPipe | null;
  /** Started while the dispatch was admitted. */
  shim: WaitingShim | null;
  running: boolean;
  cancelled: boolean;
  /** `journal`: it grew. `settled`: the receipt is in the chain. */
  changed: EventEmitter;
}

export interface Dispatches {
  /**
   * Makes the directory of a dispatch that is being admitted, and starts its shim where it would begin at once: a shim takes about as
   * long to start as an admission takes.
   */
  prepare(id: string): WaitingShim | null;
  /** The dispatch was not admitted: nothing of it is left. */
  withdraw(id: string, shim: WaitingShim | null): void;
  /** Takes a sealed job whose directory and `job.json` exist. */
  submit(job: Job, start: StartPipe, shim: WaitingShim | null): void;
  /** Looks at every dispatch directory without a receipt; called once at start. */
  recover(): void;
  /** Gives queued dispatches found after a restart the keys a client brought along. */
  bringKeys(keys: Record<string, string>): void;
  list(): {
    id: string;
    agent: string;
    worker: string;
    state: string;
    since: string;
    pid: number | null;
    usage: unknown;
    cost: unknown;
    task: string;
    project: string;
  }[];
  isLive(id: string): boolean;
  /** Journal events from `from` on, then the receipt; whether it is live or long settled. */
  stream(id: string, from: number, signal: AbortSignal): AsyncGenerator<JournalEvent | SettledEvent>;
  wait(id: string, signal: AbortSignal): Promise<Receipt>;
  /** Returns when the whole process tree is verified dead and the receipt is written. */
  cancel(id: string): Promise<Receipt>;
}

export function createDispatches(parts: DispatchParts): Dispatches {
  const live = new Map<string, Live>();
  const queue: string[] = [];
  /** Dispatches that are being admitted and have a shim. */
  const prepared = new Set<string>();

  const add = (job: Job, start: StartPipe | null, shim: WaitingShim | null): Live => {
    const entry: Live = {
      job,
      fold: startFold(job.queued),
      requests: [],
      start,
      shim,
      running: false,
      cancelled: false,
      changed: new EventEmitter().setMaxListeners(0),
    };
    live.set(job.id, entry);
    return entry;
  };

  const freeSlots = () => parts.concurrency() - [...live.values()].filter((entry) => entry.running).length;

  const pump = () => {
    let free = freeSlots();
    for (const id of [...queue]) {
      const entry = live.get(id);
      if (!entry || free <= 0) continue;
      // Found after a restart: its key was in the memory of the daemon that died. Any client brings it again.
      if (!entry.start) continue;
      queue.splice(queue.indexOf(id), 1);
      free -= 1;
      entry.running = true;
      void begin(entry, entry.start);
    }
  };

  const begin = async (entry: Live, start: StartPipe) => {
    const places = dispatchPlaces(parts.state, entry.job.id);
    try {
      const { shim } = entry;
      entry.shim = null;
      const another = () => spawnShim(parts.shim, parts.state, entry.job.id, places).begin(start);
      // One that was killed while the dispatch was admitted has done nothing yet.
      await (shim
        ? shim.begin(start).catch((error) => (hasBegun(places) ? Promise.reject(error) : another()))
        : another());
    } catch (error) {
      // Whether it left a journal or not decides what it is; a shim that never came to life ends the dispatch here.
      parts.log(`${entry.job.id}: ${String(error)}`);
      if (!hasBegun(places)) {
        const why = error instanceof Error ? error.message : String(error);
        return finish(
          entry,
          neverRan(entry.job, 'crashed', `The process that runs a dispatch could not be started (${why}).`),
        );
      }
    }
    await follow(entry);
  };

  const follow = async (entry: Live) => {
    const places = dispatchPlaces(parts.state, entry.job.id);
    entry.running = true;
    try {
      const end = await supervise(entry.job, places, 0, (event) => {
        entry.fold = step(entry.fold, event);
        if (event.type === 'request') entry.requests.push(event.request);
        entry.changed.emit('journal');
      });
      if (end.kind === 'never-started') {
        entry.running = false;
        queue.push(entry.job.id);
        return pump();
      }
      await finish(entry, end.kind === 'result' ? end.result : await repair(entry.job, places, parts, entry.cancelled));
    } catch (error) {
      parts.log(`${entry.job.id}: ${error instanceof Error ? error.stack : String(error)}`);
      const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
      await finish(
        entry,
        neverRan(entry.job, 'lost', `Its records cannot be read (${why}); what is left is in ${places.dir}.`),
      );
    }
  };

  const finish = async (entry: Live, result: RunResult) => {
    const places = dispatchPlaces(parts.state, entry.job.id);
    const leftovers = await sweepDispatch(entry.job.id);
    const enforcement = { ...result.enforcement, leftoversKilled: result.enforcement.leftoversKilled + leftovers };
    entry.fold = { ...entry.fold, phase: 'applying', since: parts.now().toISOString() };
    const settleNow = () => settle(entry.job, places, { ...result, enforcement }, parts);
    for (;;) {
      try {
        await parts.oneAtATime(entry.job.project.commonDir, settleNow);
        break;
      } catch (error) {
        // The receipt could not be written (a full disk, most likely). Nothing is lost: journal and result stay, and it is tried again.
        parts.log(`${entry.job.id}: the receipt could not be written: ${String(error)}`);
        await delay(RETRY_MS);
      }
    }
    entry.running = false;
    live.delete(entry.job.id);
    entry.changed.emit('settled');
    entry.changed.emit('journal');
    pump();
  };

  /** Nobody looked at a copy: what is in it stays there. */
  const neverRan = (job: Job, status: 'crashed' | 'cancelled' | 'lost', reason: string): RunResult =>
    emptyResult(job, { status, reason, harvested: false, ended: parts.now().toISOString() });

  const receiptOf = (id: string): Receipt => {
    const known = parts.ledger.get(id);
    if (!known)
      throw new PanError(
        'unknown-dispatch',
        `There is no dispatch ${id}.`,
        'See `pancode ps` and `pancode receipts` for those there are.',
      );
    return known.receipt;
  };

  const wait = async (id: string, signal: AbortSignal) => {
    const entry = live.get(id);
    if (entry) await once(entry.changed, 'settled', { signal });
    return receiptOf(id);
  };

  return {
    prepare(id) {
      const places = dispatchPlaces(parts.state, id);
      fs.mkdirSync(path.dirname(places.dir), { recursive: true, mode: 0o700 });
      // One that is there already is the last that is left of a dispatch.
      fs.mkdirSync(places.dir, { mode: 0o700 });
      if (freeSlots() <= queue.length + prepared.size) return null;
      try {
        const shim = spawnShim(parts.shim, parts.state, id, places);
        prepared.add(id);
        return shim;
      } catch {
        return null; // what stands in the way is told when it is tried again, at the begin
      }
    },
    withdraw(id, shim) {
      prepared.delete(id);
      shim?.dismiss();
      fs.rmSync(dispatchPlaces(parts.state, id).dir, { recursive: true, force: true });
    },
    submit(job, start, shim) {
      prepared.delete(job.id);
      const entry = add(job, start, shim);
      queue.push(job.id);
      pump();
      // None waits in the queue, where it would only take memory.
      entry.shim?.dismiss();
      entry.shim = null;
    },
    recover() {
      const { dispatches } = statePlaces(parts.state);
      for (const id of fs.existsSync(dispatches) ? fs.readdirSync(dispatches).sort() : []) {
        if (parts.ledger.has(id)) continue;
        const file = path.join(dispatches, id, 'job.json');
        // A directory without a sealed job is an admission that was cut off before anything was accepted.
        if (!fs.existsSync(file)) {
          fs.rmSync(path.join(dispatches, id), { recursive: true, force: true });
          continue;
        }
        const job = readJob(file);
        if (job) void follow(add(job, keyless(job), null));
        else
          parts.log(
            `${id}: ${file} is damaged, so nothing can be said of this dispatch; its directory is left as it is`,
          );
      }
    },
    bringKeys(keys) {
      for (const id of queue) {
        const entry = live.get(id);
        if (!entry || entry.start) continue;
        entry.start = startPipe(entry.job, keys);
      }
      pump();
    },
    list: () =>
      [...live.values()].map((entry) => {
        const view = liveView(entry.fold, parts.now().getTime());
        const usage = usageOf(entry.requests, null, null);
        const simulated = entry.requests.some((request) => request.simulated);
        const mixed = otherModels(entry.requests, entry.job.worker.model).length > 0;
        return {
          id: entry.job.id,
          agent: entry.job.agent.name,
          worker: entry.job.worker.id,
          state: view.state,
          since: view.since,
          pid: entry.fold.agentPid,
          usage,
          cost: costOf(usage, entry.job.price, { billing: entry.job.upstream.billing, simulated, mixed }),
          task: entry.job.task,
          project: entry.job.project.root,
        };
      }),
    isLive: (id) => live.has(id),
    async *stream(id, from, signal) {
      const { journal } = dispatchPlaces(parts.state, id);
      if (!live.has(id)) receiptOf(id);
      let offset = 0;
      for (;;) {
        const entry = live.get(id);
        const grown = entry ? once(entry.changed, 'journal', { signal }).catch(() => {}) : null;
        const read = readJournal(journal, offset);
        offset = read.bytes;
        for (const event of read.events) if (event.seq >= from) yield event;
        if (signal.aborted) return;
        if (!grown) break;
        await grown;
      }
      yield { type: 'receipt', receipt: receiptOf(id) };
    },
    wait,
    async cancel(id) {
      const entry = live.get(id);
      if (!entry) return receiptOf(id);
      const places = dispatchPlaces(parts.state, id);
      entry.cancelled = true;
      const settled = wait(id, new AbortController().signal);
      if (queue.includes(id)) {
        queue.splice(queue.indexOf(id), 1);
        await finish(entry, neverRan(entry.job, 'cancelled', 'Cancelled before it started.'));
        return settled;
      }
      // The shim may be starting, or hung: if the polite way has no effect in time, it dies and the rest is repaired.
      const force = setTimeout(() => killShim(places.journal), STOP_MS);
      const over = settled.then(() => true);
      while (
        !(await Promise.race([
          over,
          stopShim(places, STOP_MS).then(
            () => true,
            () => delay(50),
          ),
        ]))
      );
      const receipt = await settled;
      clearTimeout(force);
      return receipt;
    },
  };
}

/** Whether a shim has written anything of this dispatch. */
const hasBegun = (places: DispatchPlaces) => readJournal(places.journal).events.length > 0;

/** null where the file is damaged. */
function readJob(file: string): Job | null {
  try {
    return Job.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

/** What a shim is given of the keys a client brought; null where the key of its service is not among them. */
export function startPipe(job: Pick<Job, 'upstream' | 'env'>, keys: Record<string, string>): StartPipe | null {
  const { apiKeyEnv } = job.upstream;
  const apiKey = apiKeyEnv === null ? null : keys[apiKeyEnv];
  if (apiKey === undefined) return null;
  const passed = job.env.pass.flatMap((name) => (keys[name] === undefined ? [] : [[name, keys[name]]]));
  return { apiKey, env: Object.fromEntries(passed) };
}

/** A job that needs nothing of a client's can be started again without one. */
const keyless = (job: Job): StartPipe | null => (job.env.pass.length === 0 ? startPipe(job, {}) : null);

function killShim(journal: string): void {
  const { shim } = journalFacts(readJournal(journal).events);
  if (shim) killProcess(shim);
}
