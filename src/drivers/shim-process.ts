/** A shim as the daemon sees it: starting one, following its events, telling it to stop. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import fs from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { createParser } from 'eventsource-parser';
import type { DispatchPlaces } from '../core/places.ts';
import { type ErrorBody, PanError } from '../protocol/error.ts';
import type { JournalEvent } from '../protocol/event.ts';
import type { StartPipe } from '../protocol/job.ts';
import type { Answered, AnswerRequest } from '../protocol/question.ts';
import { requestInDirectory } from './socket.ts';

export interface ShimProgram {
  node: string;
  shim: string;
  env: Record<string, string>;
}

/** Exit status of a shim that finds another one at work on its dispatch. */
export const ANOTHER_RUNS = 75;

/** A shim that waits for what it runs with. */
export interface WaitingShim {
  /** Resolves when it serves its socket, or finds that another one does. Rejects with the tail of its log when it dies before that. */
  begin(start: StartPipe): Promise<void>;
  /** Nothing will be run: it ends without a trace. */
  dismiss(): void;
}

/** Starts a detached shim; its dispatch's directory must be there, and the job by the time it begins. */
export function spawnShim(program: ShimProgram, state: string, id: string, places: DispatchPlaces): WaitingShim {
  const log = fs.openSync(places.log, 'a', 0o600);
  const child = spawn(program.node, [program.shim, state, id], {
    detached: true,
    cwd: '/',
    env: program.env,
    stdio: ['pipe', 'pipe', log],
  }) as ChildProcessByStdio<Writable, Readable, null>;
  fs.closeSync(log);
  const serves = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      code === ANOTHER_RUNS
        ? resolve()
        : reject(new Error(`the shim ended at once (${signal ?? code}): ${tail(places.log)}`)),
    );
    child.stdout.once('data', () => resolve());
  }).finally(() => {
    child.removeAllListeners('exit');
    child.on('error', () => {}); // nothing more is expected of a started child
    child.stdout.destroy();
    child.unref();
  });
  serves.catch(() => {}); // whoever begins hears it
  // A shim that died already makes this EPIPE; its exit says so better.
  child.stdin.on('error', () => {});
  return {
    begin(start) {
      child.stdin.end(JSON.stringify(start));
      return serves;
    },
    dismiss: () => child.stdin.end(),
  };
}

/** Follows a shim's events from `from` on. Resolves when the stream ends, rejects when the shim cannot be reached. */
export function followShim(
  places: DispatchPlaces,
  from: number,
  deliver: (event: JournalEvent) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = requestInDirectory(
      places.socketDir,
      { method: 'GET', path: `/events?from=${from}` },
      (response) => {
        const parser = createParser({ onEvent: (message) => deliver(JSON.parse(message.data) as JournalEvent) });
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => parser.feed(chunk));
        response.on('end', resolve);
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end();
  });
}

/** Asks a shim to stop its run; resolves once it has taken the request, rejects when it cannot be reached within `timeoutMs`. */
export function stopShim(places: DispatchPlaces, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = requestInDirectory(places.socketDir, { method: 'POST', path: '/stop' }, (response) => {
      response.resume();
      response.on('end', resolve);
      response.on('error', reject);
    });
    request.setTimeout(timeoutMs, () => request.destroy(new Error('the shim does not answer')));
    request.on('error', reject);
    request.end();
  });
}

/** Hands a person's words to a shim's agent; why it cannot be told, or null. Rejects when the shim cannot be reached. */
export async function steerShim(places: DispatchPlaces, text: string): Promise<string | null> {
  return (await post<{ refused: string | null }>(places, '/steer', { text })).refused;
}

/** A person's answer to a question a shim holds; throws the PanError it is refused with. Rejects when the shim cannot be reached. */
export async function answerShim(places: DispatchPlaces, id: string, request: AnswerRequest): Promise<Answered> {
  type Said = { answered: Answered } | { error: ErrorBody & { exit: number } };
  const said = await post<Said>(places, '/answer', { id, request });
  if ('answered' in said) return said.answered;
  throw new PanError(said.error.code, said.error.what, said.error.do, said.error.exit);
}

/** Tells a shim that somebody who can answer is there, until what it gives is called. `lost`: it has not heard it, or hears it no more. */
export function attendShim(places: DispatchPlaces, lost: () => void): () => void {
  const request = requestInDirectory(places.socketDir, { method: 'GET', path: '/attend' }, (response) => {
    response.resume();
    response.on('error', () => {}); // its `close` follows
  });
  let left = false;
  request.on('error', () => {}); // its `close` follows
  request.on('close', () => {
    if (!left) lost();
  });
  request.end();
  return () => {
    left = true;
    request.destroy();
  };
}

function post<T>(places: DispatchPlaces, path: string, body: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = requestInDirectory(places.socketDir, { method: 'POST', path }, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        answer += chunk;
      });
      response.on('end', () => {
        try {
          resolve(JSON.parse(answer) as T);
        } catch (error) {
          reject(error);
        }
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(JSON.stringify(body));
  });
}

function tail(file: string): string {
  if (!fs.existsSync(file)) return 'its log is gone';
  return fs.readFileSync(file, 'utf8').trim().split('\n').slice(-3).join(' | ').slice(-500);
}
