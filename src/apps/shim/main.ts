/**
 * The shim: one detached process per dispatch. It runs the dispatch, journals every event before delivering it, serves them on its
 * own socket, and survives the daemon. Started as `shim.js <state root> <dispatch id>` with the start pipe on stdin.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { freeScratch } from '../../control/clean-up.ts';
import { type Run, startRun, writeResult } from '../../control/run.ts';
import { diskFault } from '../../core/disk-fault.ts';
import { dispatchPlaces } from '../../core/places.ts';
import { takeLock } from '../../drivers/lock.ts';
import { readProcessIdentity } from '../../drivers/sandbox/identity.ts';
import { ANOTHER_RUNS } from '../../drivers/shim-process.ts';
import { type NewEvent, openJournal } from '../../drivers/store/journal.ts';
import { setAside } from '../../drivers/store/reserve.ts';
import type { JournalEvent } from '../../protocol/event.ts';
import { Job, StartPipe } from '../../protocol/job.ts';
import { findAssets } from '../assets.ts';
import { readEnvironment } from '../environment.ts';
import { runtimeOf } from '../runtimes.ts';
import { serveShim } from './server.ts';

/** How often writing the result is tried again, ms. */
const RETRY_MS = 1_000;

async function main(): Promise<void> {
  const [state, id] = process.argv.slice(2);
  if (!state || !id) throw new Error('usage: shim STATE ID');
  const places = dispatchPlaces(state, id);
  // While the dispatch is being admitted there is time: zod builds a schema when it first checks something, and compiles it unless told not to.
  z.config({ jitless: true });
  Job.safeParse({ prompt: {} });
  // Started while the dispatch is being admitted. Nothing comes where it is refused, or where the daemon dies: a later one starts a new shim.
  const given = fs.readFileSync(0, 'utf8');
  if (given === '') process.exit(0);
  // A daemon that died after it gave us everything may have a successor that starts another one.
  if (!takeLock(places.lock)) process.exit(ANOTHER_RUNS);
  // The daemon may die before it hears of us; we go on.
  process.stdout.on('error', () => {});
  const job = Job.parse(JSON.parse(fs.readFileSync(places.job, 'utf8')));
  const start = StartPipe.parse(JSON.parse(given));
  const environment = readEnvironment(process.env);

  const journal = openJournal(places.journal, () => new Date());
  const server = await serveShim(places.socketDir, places.journal);
  const reserve = setAside(places.reserve);
  let run: Run | null = null;
  /** Without a journal nothing may go on: what is set aside is for the end alone. */
  const emit = (event: NewEvent): JournalEvent | null => {
    try {
      const written = journal.append(event);
      server.deliver(written);
      return written;
    } catch (error) {
      log(`the journal cannot be written: ${String(error)}`);
      const late = reserve.release() ? emit(event) : null;
      run?.stop('disk');
      return late;
    }
  };

  const self = readProcessIdentity(process.pid);
  if (!self) throw new Error('cannot read my own process identity from /proc');
  emit({ type: 'started', ...self });

  run = startRun(job, places, start, {
    runtime: runtimeOf(job.worker.runtime),
    makeRoom: reserve.release,
    emit,
    log,
    token: randomBytes(24).toString('base64url'),
    assets: findAssets(),
    locale: environment.locale,
    passed: start.env,
    hide: [state, environment.roots.config],
    now: () => new Date(),
  });
  const { stop, steer, questions, finished } = run;
  server.onStop(stop);
  server.onSteer(steer);
  server.serveQuestions(questions);
  process.stdout.write('ready\n');

  const result = await finished;
  // Nothing of it is needed any more, and the result may need the space.
  freeScratch(places);
  reserve.release();
  emit({ type: 'ended', status: result.status, reason: result.reason });
  // The result comes last: whoever sees it has the whole journal.
  await untilWritten(() => writeResult(places, result));
  journal.close();
  await server.close();
  process.exit(0);
}

/** Into the log of the dispatch. */
const log = (line: string) => void process.stderr.write(`${line}\n`);

/** A shim that ended without its result would be taken for one that crashed, so it waits for space. */
async function untilWritten(write: () => void): Promise<void> {
  for (;;) {
    try {
      write();
      return;
    } catch (error) {
      process.stderr.write(`the result cannot be written: ${String(error)}\n`);
      await delay(RETRY_MS);
    }
  }
}

main().catch((error: unknown) => {
  // The daemon tells the last line to whoever waits.
  const known = diskFault(error);
  process.stderr.write(
    `${known ? `${known.message} ${known.do}` : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(1);
});
