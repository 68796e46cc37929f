/** The command line's way to the daemon: HTTP over its unix socket, started on demand, streams that survive its death. */
import fs from 'node:fs';
import type http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SOCKET_NAME, statePlaces } from '../core/places.ts';
import { checkState } from '../drivers/state-place.ts';
import { type ErrorBody, EXIT, PanError } from '../protocol/error.ts';
import type { JournalEvent, SettledEvent } from '../protocol/event.ts';
import type { Receipt } from '../protocol/receipt.ts';
import { bundleDir } from './assets.ts';
import type { Environment } from './environment.ts';
import { VERSION } from './version.ts';

/** How long a daemon may take until it serves, s; another one may have to end first. */
const START_SECONDS = 20;

export interface Client {
  /** One request; the daemon is started when it is not running. Throws the PanError the daemon answered. */
  call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T>;
  /**
   * Events of a dispatch up to and with its receipt; reconnects after a daemon's death without losing or doubling one. `answers`: its
   * questions can be answered here, so they wait while it is followed.
   */
  follow(id: string, onEvent: (event: JournalEvent) => void, body: unknown, answers?: boolean): Promise<Receipt>;
}

export function createClient(environment: Environment): Client {
  const { daemonDir } = statePlaces(environment.roots.state);
  const call = async <T>(method: 'GET' | 'POST', target: string, body?: unknown): Promise<T> => {
    const response = await reach(environment, () => send(daemonDir, method, target, body));
    return readAnswer<T>(response);
  };
  return {
    call,
    async follow(id, onEvent, body, answers = false) {
      let from = 1;
      for (;;) {
        const response = await reach(environment, () =>
          send(daemonDir, 'POST', `/v1/dispatches/${id}/events?from=${from}${answers ? '&answers=1' : ''}`, body),
        );
        if (response.statusCode !== 200) await readAnswer(response);
        try {
          for await (const event of readEvents(response)) {
            if (event.type === 'receipt') return event.receipt;
            onEvent(event);
            from = event.seq + 1;
          }
        } catch {
          // The daemon died in the middle of a line: what was whole is counted in `from`, the rest is asked for again.
        }
        await delay(50);
      }
    },
  };
}

/** Sends to the daemon that runs; null when none does. */
export function sendIfRunning(
  environment: Environment,
  method: 'GET' | 'POST',
  target: string,
): Promise<http.IncomingMessage> | null {
  const { daemonDir } = statePlaces(environment.roots.state);
  return fs.existsSync(path.join(daemonDir, SOCKET_NAME)) ? send(daemonDir, method, target, undefined) : null;
}

export function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException)?.code ?? '');
}

/** Node's parser names its errors so. */
const isNoHttp = (error: unknown) => String((error as NodeJS.ErrnoException)?.code).startsWith('HPE_');

async function reach(
  environment: Environment,
  attempt: () => Promise<http.IncomingMessage>,
): Promise<http.IncomingMessage> {
  const { daemonDir, daemonLog } = statePlaces(environment.roots.state);
  const deadline = process.uptime() + START_SECONDS; // reading `performance` loads a module for 2 ms
  // Without a socket nobody serves. What a request needs is loaded while the daemon starts.
  if (!fs.existsSync(path.join(daemonDir, SOCKET_NAME))) await Promise.all([startDaemon(environment), loadSocket()]);
  for (;;) {
    try {
      const response = await attempt();
      const version = response.headers['x-pancode-version'];
      if (version === VERSION) return response;
      // A daemon of another version is replaced; its dispatches go on and the new one takes them over.
      response.resume();
      if (process.uptime() > deadline)
        throw new PanError(
          'other-version',
          `A daemon of version ${version} is running and does not stop; this is version ${VERSION}.`,
          'End it, then run the command again.',
          EXIT.failed,
        );
      await drain(await send(daemonDir, 'POST', '/v1/stop', {}));
      await delay(50);
    } catch (error) {
      if (isNoHttp(error))
        throw new PanError(
          'no-daemon',
          `Something that is not the daemon answers at ${path.join(daemonDir, SOCKET_NAME)}.`,
          'End it, remove that file and run the command again.',
          EXIT.failed,
          error,
        );
      if (!isAbsent(error)) throw error;
      if (process.uptime() > deadline)
        throw new PanError('no-daemon', 'The daemon does not stay up.', `Read ${daemonLog}.`, EXIT.failed, error);
      await startDaemon(environment);
    }
  }
}

/** Starts a daemon and waits until it serves, or until it says that another one does. */
export async function startDaemon(environment: Environment): Promise<void> {
  const places = statePlaces(environment.roots.state);
  checkState(environment.roots.state);
  fs.mkdirSync(places.daemonDir, { recursive: true, mode: 0o700 });
  const { spawn } = await import('node:child_process');
  const log = fs.openSync(places.daemonLog, 'a', 0o600);
  const child = spawn(process.execPath, [path.join(bundleDir(), 'daemon.js')], {
    detached: true,
    cwd: '/',
    env: environment.daemon,
    stdio: ['ignore', 'pipe', log],
  });
  fs.closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    // With 0 it found another one that was quicker.
    child.once('exit', (code) => (code === 0 ? resolve() : reject(brokenDaemon(places.daemonLog))));
    child.stdout?.once('data', () => resolve());
  });
  child.removeAllListeners('exit');
  child.on('error', () => {}); // it is started; nothing more is expected of the handle
  child.stdout?.destroy();
  child.unref();
}

function brokenDaemon(log: string): PanError {
  const said = fs.readFileSync(log, 'utf8').trim().split('\n');
  const fault = said.findLast((line) => /^\w*Error\b/.test(line)) ?? said.at(-1) ?? '';
  return new PanError(
    'no-daemon',
    `The daemon ended at once: ${fault.slice(0, 300)}`,
    `Its whole log is ${log}.`,
    EXIT.failed,
  );
}

const loadSocket = () => import('../drivers/socket.ts');

async function send(daemonDir: string, method: string, target: string, body: unknown): Promise<http.IncomingMessage> {
  const { requestInDirectory } = await loadSocket();
  return new Promise((resolve, reject) => {
    // A directory that is not there makes this throw, which rejects: nobody has started a daemon yet.
    const request = requestInDirectory(
      daemonDir,
      { method, path: target, headers: { 'x-pancode-version': VERSION } },
      resolve,
    );
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function readAnswer<T>(response: http.IncomingMessage): Promise<T> {
  const text = await drain(response);
  const value = JSON.parse(text || 'null') as T & { error?: ErrorBody & { exit?: number } };
  if ((response.statusCode ?? 500) < 400) return value;
  const error = value?.error;
  throw error
    ? new PanError(error.code, error.what, error.do, error.exit)
    : new Error(`the daemon answered ${response.statusCode}: ${text.slice(0, 300)}`);
}

async function drain(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

async function* readEvents(response: http.IncomingMessage): AsyncGenerator<JournalEvent | SettledEvent> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    rest += chunk;
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const data = rest
        .slice(0, end)
        .split('\n')
        .find((line) => line.startsWith('data: '));
      rest = rest.slice(end + 2);
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}
