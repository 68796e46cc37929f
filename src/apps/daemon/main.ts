/** The daemon's entry: one per user. Takes the lock, recovers, serves, and says `ready` on stdout once it does. */
import fs from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { createPlane, type Plane } from '../../control/plane.ts';
import { SOCKET_NAME, statePlaces } from '../../core/places.ts';
import { takeLock } from '../../drivers/lock.ts';
import { listenInDirectory } from '../../drivers/socket.ts';
import { openLedger } from '../../drivers/store/ledger.ts';
import { bundleDir, findAssets } from '../assets.ts';
import { readEnvironment } from '../environment.ts';
import { RUNTIMES } from '../runtimes.ts';
import { VERSION } from '../version.ts';
import { createApi } from './api.ts';
import { createListener } from './http.ts';
import { createIndexingApi } from './indexing.ts';

/** How often it is looked whether the socket is still there, ms. */
const LOOK_MS = 5_000;
/** A start that takes longer than this is told of, ms. */
const PATIENCE_MS = 1_000;

/** A bundle of CommonJS, which starts faster, has no `await` of its own. */
async function main(): Promise<void> {
  // Else zod writes and compiles a program for each object it checks the first time: 0.4 ms each.
  z.config({ jitless: true });
  const environment = readEnvironment(process.env);
  const places = statePlaces(environment.roots.state);
  const log = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);

  const lock = takeLock(places.daemonLock);
  if (!lock) {
    log('another daemon serves this state directory');
    process.exit(0);
  }
  process.on('SIGHUP', () => log('SIGHUP ignored: the terminal may go, the daemon stays'));
  process.on('unhandledRejection', (error) => log(`bug: ${error instanceof Error ? error.stack : String(error)}`));

  let plane: Plane | null = null;
  let unlink = () => {};
  let read = 0;
  const stopping = new AbortController();
  const opening = openLedger(places, stopping.signal, (share) => {
    read = share;
  });
  const { routes, notYet } = createIndexingApi(
    () => read,
    () => void stop(),
  );
  let serve = createListener(routes, log, notYet);
  const server = createServer((request, response) => serve(request, response));
  server.keepAliveTimeout = 0;
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  // Nearly always the index is there, and the first request is answered in full.
  const early = await Promise.race([opening.then(() => false), delay(PATIENCE_MS, true, { ref: false })]);
  if (early) await announce();
  const ledger = await opening.catch((error: unknown) => {
    if (stopping.signal.aborted) return new Promise<never>(() => {}); // `stop` ends the process
    throw error;
  });

  const assets = findAssets();
  plane = createPlane({
    roots: environment.roots,
    ledger,
    assets,
    version: VERSION,
    locale: environment.locale,
    agentsDir: path.join(bundleDir(), '..', 'agents'),
    shim: { node: assets.node, shim: path.join(bundleDir(), 'shim.js'), env: environment.daemon },
    runtimes: [...RUNTIMES],
    now: () => new Date(),
    availableMb: () => process.availableMemory() / 2 ** 20,
    log,
  });
  serve = createListener(
    createApi(plane, () => void stop()),
    log,
  );
  plane.dispatches.recover();
  if (!early) await announce();

  async function announce(): Promise<void> {
    await listenInDirectory(server, places.daemonDir);
    // Nobody can reach a daemon whose directory was removed, so it would live for ever. Its dispatches do not need it.
    const socket = path.join(places.daemonDir, SOCKET_NAME);
    const inode = () => fs.statSync(socket, { throwIfNoEntry: false })?.ino;
    const own = inode();
    unlink = () => {
      if (inode() === own) fs.rmSync(socket, { force: true });
    };
    setInterval(() => {
      if (inode() !== own) void stop();
    }, LOOK_MS).unref();
    try {
      fs.writeSync(1, 'ready\n');
    } catch (error) {
      log(`the client that started us is gone: ${String(error)}`);
    }
  }

  async function stop(): Promise<void> {
    log('stopping');
    stopping.abort();
    // Node unlinks by the address, which for a long path names a descriptor that is closed by now.
    unlink();
    server.close();
    server.closeAllConnections();
    await plane?.close();
    lock?.release();
    process.exit(0);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
