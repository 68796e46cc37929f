/** The user's own command for when a question waits (`notify`). Only their own configuration can name one, and it runs as they would run it. */
import { spawn } from 'node:child_process';

/** A command that does not end by itself is killed after this time, ms. */
const LONGEST_MS = 60_000;

/** `about` is in the command's environment, never in its text. Failures are told to `log`: the question waits all the same. */
export function runNotify(
  command: string,
  about: { PANCODE_QUESTION: string; PANCODE_TEXT: string },
  user: { path: string; home: string },
  log: (line: string) => void,
): void {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: '/',
    env: { PATH: user.path, HOME: user.home, ...about },
    stdio: 'ignore',
    detached: true,
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  child.once('error', (error) => log(`notify could not be run: ${error.message}`));
  child.once('exit', (code, signal) => {
    if (code !== 0) log(`notify ended with ${signal ?? `status ${code}`}`);
  });
  child.unref();
}
