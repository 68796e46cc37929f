/** All dispatches that have no receipt yet: the queue, the running ones, and the same walk for those found after a restart. */
import { EventEmitter, once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { costOf, otherModels } from '../core/cost.ts';
import { diskFault } from '../core/disk-fault.ts';
import { journalFacts } from '../core/journal-facts.ts';
import { liveView, startFold, step } from '../core/live-state.ts';
import { type DispatchPlaces, dispatchPlaces, statePlaces } from '../core/places.ts';
import { emptyResult } from '../core/run-result.ts';
import { keyless, startPipe } from '../core/start-pipe.ts';
import { usageOf } from '../core/usage.ts';
import { noteId } from '../drivers/ids.ts';
import { killProcess, sweepDispatch } from '../drivers/sandbox/identity.ts';
import { type ShimProgram, spawnShim, stopShim, type WaitingShim } from '../drivers/shim-process.ts';
import { readJournal } from '../drivers/store/journal.ts';
import { PanError } from '../protocol/error.ts';
import type { JournalEvent, SettledEvent } from '../protocol/event.ts';
import { Job, type RunResult, type StartPipe } from '../protocol/job.ts';
import type { AnswerEvent } from '../protocol/question.ts';
import type { Receipt } from '../protocol/receipt.ts';
import type { MeteredRequest } from '../protocol/usage.ts';
import type { BoxParts } from './box.ts';
import { freeScratch } from './clean-up.ts';
import type { Asking, Questions } from './questions.ts';
import { repair } from './repair.ts';
import { type SettleParts, settle } from './settle.ts';
import type { ShimQuestions } from './shim-questions.ts';
import { supervise } from './supervise.ts';
import { createTurns, type Turnable } from './turns.ts';

/** A shim that does not end this long after it was told to stop is killed, ms. */
const STOP_MS = 10_000;
const RETRY_MS = 5_000;
/** Shims that may wait for their admission at once. */
const PREPARED = 4;

export interface DispatchParts extends Omit<SettleParts, 'ask' | 'wallMs'>, BoxParts {
  questions: Questions;
  shimQuestions: ShimQuestions;
  state: string;
  shim: ShimProgram;
  /** Free memory of the host, MB. */
  availableMb(): number;
  /** A model request of a dispatch ended at `at`, ms since 1970; told again after a restart. */
  onRequest(job: Job, request: MeteredRequest, at: number): void;
  log(line: string): void;
}

interface Live extends Turnable {
  requests: MeteredRequest[];
  /** Started while the dispatch was admitted. */
  shim: WaitingShim | null;
  /** Monotonic, ms; null where another daemon took it in. */
  queuedMs: number | null;
  /** Number of the last event of its journal that was taken in here. */
  seen: number;
  cancelled: boolean;
  /** Why its end cannot be written down yet; one sentence and what happens next. */
  fault: string | null;
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
    /** What it waits for; null where it does not wait in the queue. */
    reason: string | null;
    since: string;
    pid: number | null;
    usage: unknown;
    cost: unknown;
    task: string;
    project: string;
  }[];
  isLive(id: string): boolean;
  /** Of a dispatch without a receipt; null for any other. */
  job(id: string): Job | null;
  /** Journal events from `from` on, then the receipt; whether it is live or long settled. */
  stream(id: string, from: number, signal: AbortSignal): AsyncGenerator<JournalEvent | SettledEvent>;
  wait(id: string, signal: AbortSignal): Promise<Receipt>;
  /** Returns when the whole process tree is verified dead and the receipt is written. */
  cancel(id: string): Promise<Receipt>;
}

export function createDispatches(parts: DispatchParts): Dispatches {
  const live = new Map<string, Live>();
  /** Dispatches that are being admitted and have a shim. */
  const prepared = new Set<string>();
  const turns = createTurns<Live>({ ...parts, live, begin: (entry, start) => void begin(entry, start) });

  const add = (job: Job, start: StartPipe | null, shim: WaitingShim | null): Live => {
    const entry: Live = {
      job,
      fold: startFold(job.queued),
      requests: [],
      start,
      shim,
      running: false,
      begunMs: 0,
      queuedMs: null,
      seen: 0,
      cancelled: false,
      fault: null,
      changed: new EventEmitter().setMaxListeners(0),
    };
    live.set(job.id, entry);
    return entry;
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
        if (event.type === 'request') {
          entry.requests.push(event.request);
          parts.onRequest(entry.job, event.request, Date.parse(event.at));
        }
        parts.shimQuestions.see(entry.job, event, () => costSoFar(entry).usd);
        entry.seen = event.seq;
        if (event.type === 'question') turns.pump();
        entry.changed.emit('journal');
      });
      parts.shimQuestions.drop(entry.job.id);
      // What a shim asked died with it.
      if (end.kind === 'broken') entry.fold = { ...entry.fold, openQuestions: [], questionSince: null };
      if (end.kind === 'never-started') {
        entry.running = false;
        return turns.join(entry.job.id);
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
    const ask: SettleParts['ask'] = (put, stance, notify) => askPerson(entry, places, { put, stance, notify });
    const wallMs = () => (entry.queuedMs === null ? null : Math.round(performance.now() - entry.queuedMs));
    for (;;) {
      try {
        await settle(entry.job, places, { ...result, enforcement }, { ...parts, ask, wallMs });
        break;
      } catch (error) {
        // The receipt could not be written (a full disk, most likely). Nothing is lost: journal and result stay, and it is tried again.
        parts.log(`${entry.job.id}: the receipt could not be written: ${String(error)}`);
        const why = diskFault(error)?.message ?? (error instanceof Error ? error.message : String(error));
        entry.fault = `Its receipt cannot be written yet: ${why} Its work is kept; this is tried again every ${RETRY_MS / 1000} s.`;
        entry.changed.emit('journal');
        freeScratch(places);
        await delay(RETRY_MS);
      }
    }
    entry.running = false;
    live.delete(entry.job.id);
    entry.changed.emit('settled');
    entry.changed.emit('journal');
    turns.pump();
  };

  /** Whoever waits for a person holds nobody up. */
  const askPerson = (
    entry: Live,
    places: DispatchPlaces,
    what: Pick<Asking, 'put' | 'stance' | 'notify'>,
  ): Promise<AnswerEvent> => {
    entry.running = false;
    turns.pump();
    const answer = parts.questions.ask({
      job: entry.job,
      places,
      ...what,
      usd: costSoFar(entry).usd,
      deliver(event) {
        entry.fold = step(entry.fold, event);
        entry.seen = event.seq;
        entry.changed.emit('journal');
      },
    });
    // Cancelled while its change was looked at.
    if (entry.cancelled) parts.questions.withdraw(entry.job.id);
    return answer;
  };

  const costSoFar = ({ job, requests }: Live) => {
    const simulated = requests.some((request) => request.simulated);
    const mixed = otherModels(requests, job.worker.model).length > 0;
    return costOf(usageOf(requests, null, null), job.price, { billing: job.upstream.billing, simulated, mixed });
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
      if (turns.waiting().length > 0 || prepared.size >= PREPARED) return null;
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
      // Admission was moments ago: only from here on can a clock that is set make a difference.
      entry.queuedMs = performance.now() - Math.max(0, parts.now().getTime() - Date.parse(job.queued));
      try {
        noteId(statePlaces(parts.state).lastId, job.id);
      } catch (error) {
        parts.log(`${job.id}: the next id may sort before it: ${String(error)}`);
      }
      turns.join(job.id);
      // None waits in the queue, where it would only take memory.
      entry.shim?.dismiss();
      entry.shim = null;
    },
    recover() {
      const { dispatches } = statePlaces(parts.state);
      for (const id of fs.existsSync(dispatches) ? fs.readdirSync(dispatches).sort() : []) {
        if (parts.ledger.has(id)) continue;
        const file = path.join(dispatches, id, 'job.json');
        // A directory without a sealed job is an admission that was cut off before anything was accepted. Or its job was lost: never its work.
        if (!fs.existsSync(file)) {
          if (fs.existsSync(dispatchPlaces(parts.state, id).copy))
            parts.log(
              `${id}: ${file} is gone, but there is work in its copy: bring it back with \`pancode salvage ${id}\``,
            );
          else fs.rmSync(path.join(dispatches, id), { recursive: true, force: true });
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
      for (const id of turns.waiting()) {
        const entry = live.get(id);
        if (!entry || entry.start) continue;
        entry.start = startPipe(entry.job, keys);
      }
      turns.pump();
    },
    list: () =>
      [...live.values()].map((entry) => {
        const view = liveView(entry.fold, parts.now().getTime());
        const usage = usageOf(entry.requests, null, null);
        return {
          id: entry.job.id,
          agent: entry.job.agent.name,
          worker: entry.job.worker.id,
          state: view.state,
          reason: entry.fault ?? turns.waitsFor(entry),
          since: view.since,
          pid: entry.fold.agentPid,
          usage,
          cost: costSoFar(entry),
          task: entry.job.task,
          project: entry.job.project.root,
        };
      }),
    isLive: (id) => live.has(id),
    job: (id) => live.get(id)?.job ?? null,
    async *stream(id, from, signal) {
      const { journal } = dispatchPlaces(parts.state, id);
      if (!live.has(id)) receiptOf(id);
      let offset = 0;
      const held: JournalEvent[] = [];
      let seq = 0;
      let told: string | null = null;
      for (;;) {
        const entry = live.get(id);
        const grown = entry ? once(entry.changed, 'journal', { signal }).catch(() => {}) : null;
        const read = readJournal(journal, offset);
        offset = read.bytes;
        held.push(...read.events);
        // A shim writes first: whoever hears of a question must find it here.
        while (held[0] && held[0].seq <= (entry?.seen ?? Infinity)) {
          const event = held.shift() as JournalEvent;
          seq = event.seq;
          if (event.seq >= from) yield event;
        }
        // It is in no journal, so it has no number of its own.
        if (entry?.fault && entry.fault !== told)
          yield { seq, at: parts.now().toISOString(), type: 'notice', text: entry.fault };
        told = entry?.fault ?? told;
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
      if (turns.leave(id)) {
        await finish(entry, neverRan(entry.job, 'cancelled', 'Cancelled before it started.'));
        return settled;
      }
      if (parts.questions.withdraw(id)) return settled;
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

function killShim(journal: string): void {
  const { shim } = journalFacts(readJournal(journal).events);
  if (shim) killProcess(shim);
}
