/** What can be asked of a daemon that still reads its receipts: who it is, and to stop. A million of them take a minute. */
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, PanError } from '../../protocol/error.ts';
import { VERSION } from '../version.ts';
import type { Handler } from './http.ts';

/** The client gets its answer before the socket closes, ms. */
const STOP_MS = 10;

/** `share`: how much is read, 0 to 1. */
export function createIndexingApi(share: () => number, stop: () => void) {
  const notYet = () =>
    new PanError(
      'indexing',
      `The index of the receipts is being made anew: ${Math.floor(share() * 100)} % of them are read.`,
      'Run the command again in a moment; dispatches that run go on meanwhile.',
      EXIT.failed,
    );
  const routes: Record<string, Handler> = {
    'GET /v1/hello': () => ({ version: VERSION, pid: process.pid, live: null }),
    'POST /v1/stop': ({ query }) => {
      if (query.workers === '1') throw notYet();
      void delay(STOP_MS).then(stop);
      return { stopping: true };
    },
  };
  return { routes, notYet };
}
