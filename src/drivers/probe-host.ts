/** Runs other people's programs to ask them small questions: bounded in time and output, in a home of its own, with nothing left behind. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import type { ProbeHost } from '../core/contracts.ts';

const MAX_OUTPUT = 64 * 1024;
const LAST_WORDS_MS = 200;

/**
 * `scratchHome` is HOME and working directory of what is run, unless its `env` says otherwise: some CLIs unpack hundreds of
 * megabytes or rewrite their settings at any start. It is made where it is missing.
 */
export function createProbeHost(place: { path: string; home: string; scratchHome: string }): ProbeHost {
  return {
    path: place.path,
    home: place.home,
    async run(program, args, { timeoutMs, env }) {
      try {
        await mkdir(place.scratchHome, { recursive: true, mode: 0o700 });
      } catch (error) {
        return { code: null, stdout: '', stderr: `no home to run it in: ${(error as Error).message}` };
      }
      return runBounded(program, args, timeoutMs, place.scratchHome, {
        PATH: place.path,
        HOME: place.scratchHome,
        ...env,
      });
    },
  };
}

function runBounded(
  program: string,
  args: string[],
  timeoutMs: number,
  cwd: string,
  env: Record<string, string>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    // A process group of its own, so that what the program leaves in the background can be ended with it.
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    let code: number | null = null;
    let done = false;
    const finish = (): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      if (child.pid !== undefined)
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // The usual case: nobody of the group is left.
        }
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code, ...output });
    };
    const timer = setTimeout(finish, timeoutMs);
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        output[name] += chunk.slice(0, MAX_OUTPUT - output[name].length);
        if (output[name].length >= MAX_OUTPUT) finish();
      });
    child.on('error', (error) => {
      output.stderr ||= error.message;
      finish();
    });
    child.on('exit', (status) => {
      code = status;
      // Something it left in the background may hold its output open; nobody waits for that.
      setTimeout(finish, LAST_WORDS_MS);
    });
    child.on('close', finish);
  });
}
