/** A started child as the rest of PanCode sees it: its output is never lost and never holds up its end. */
import type { ChildProcess } from 'node:child_process';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface SandboxedProcess {
  /** Of the process on the host that all others belong to. */
  pid: number;
  stdin: Writable;
  stdout: Readable;
  /** Resolves when the gateway answers inside, at once where there is none; rejects with the reason when it never will. */
  reachable: Promise<void>;
  /** Last 8 kB of standard error. */
  stderrTail(): string;
  /** Resolves when nothing of it is alive and what it wrote is in `stdout`, whether or not anybody reads it. Never rejects. */
  exited: Promise<{ code: number | null; signal: string | null }>;
  /** Ends it and everything it started. Idempotent; `exited` says when that is done. */
  kill(): void;
}

const TAIL_BYTES = 8_192;

/**
 * Waits until the child has been started (rejects when it cannot be) and gives its streams. `ended` resolves with its status once it and
 * its output have ended. With inherited streams, `stdout` is empty and `stdin` takes nothing.
 */
export async function startedChild(
  child: ChildProcess,
): Promise<Omit<SandboxedProcess, 'exited' | 'kill' | 'reachable'> & { ended: SandboxedProcess['exited'] }> {
  let tail = Buffer.alloc(0);
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
  });
  // A write to a process that is gone fails; its exit says so.
  child.stdin?.on('error', () => {});
  const stdout = new PassThrough();
  child.stdout?.pipe(stdout);
  if (child.stdout === null) stdout.end();
  // What is left in the pipe is little, and nobody may be reading: take it so that the end is seen.
  child.once('exit', () => {
    child.stdout?.unpipe(stdout);
    child.stdout?.on('data', (chunk: Buffer) => stdout.write(chunk)).once('end', () => stdout.end());
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => nextTurn().then(() => resolve({ code, signal })));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.on('error', () => {}); // a kill that failed: the process is gone already
  return {
    pid: child.pid as number,
    stdin: child.stdin ?? new Writable({ write: (_chunk, _encoding, done) => done() }),
    stdout,
    stderrTail: () => tail.toString('utf8'),
    ended,
  };
}
