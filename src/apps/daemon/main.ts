/** The daemon's entry: one per user. Takes the lock, recovers, serves, and says `ready` on stdout once it does. */
import fs from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import * as z from 'zod';
import { createPlane } from '../../control/plane.ts';
import { SOCKET_NAME, statePlaces } from '../../core/places.ts';
import { takeLock } from '../../drivers/lock.ts';
import { listenInDirectory } from '../../drivers/socket.ts';
import { bundleDir, findAssets } from '../assets.ts';
import { readEnvironment } from '../environment.ts';
import { RUNTIMES } from '../runtimes.ts';
import { VERSION } from '../version.ts';
import { createApi } from './api.ts';
import { createListener } from './http.ts';

/** How often it is looked whether the socket is still there, ms. */
const LOOK_MS = 5_000;

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

  const assets = findAssets();
  const plane = createPlane({
    roots: environment.roots,
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
  const server = createServer(
    createListener(
      createApi(plane, () => void stop()),
      log,
    ),
  );
  server.keepAliveTimeout = 0;
  plane.dispatches.recover();
  await listenInDirectory(server, places.daemonDir);
  // Nobody can reach a daemon whose directory was removed, so it would live for ever. Its dispatches do not need it.
  const socket = path.join(places.daemonDir, SOCKET_NAME);
  const inode = () => fs.statSync(socket, { throwIfNoEntry: false })?.ino;
  const own = inode();
  setInterval(() => {
    if (inode() !== own) void stop();
  }, LOOK_MS).unref();
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  try {
    fs.writeSync(1, 'ready\n');
  } catch (error) {
    log(`the client that started us is gone: ${String(error)}`);
  }

  async function stop(): Promise<void> {
    log('stopping');
    server.close();
    server.closeAllConnections();
    await plane.close();
    lock?.release();
    process.exit(0);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
