/** Runs other people's programs to ask them small questions: bounded in time and output, in a home of its own, with nothing left behind. */
import { mkdir } from 'node:fs/promises';
import type { ProbeHost } from '../core/contracts.ts';
import { spawnGuarded } from './sandbox/guard.ts';

const MAX_OUTPUT = 64 * 1024;
const LAST_WORDS_MS = 200;

type Answer = Awaited<ReturnType<ProbeHost['run']>>;

/**
 * `scratchHome` is HOME and working directory of what is run, unless its `env` says otherwise: some CLIs unpack hundreds of
 * megabytes or rewrite their settings at any start. It is made where it is missing. After `stopped` nothing is started, and what runs is
 * ended: an answer then has `code: null`.
 */
export function createProbeHost(place: {
  path: string;
  home: string;
  scratchHome: string;
  stopped: AbortSignal;
}): ProbeHost {
  return {
    path: place.path,
    home: place.home,
    async run(program, args, { timeoutMs, env }) {
      try {
        await mkdir(place.scratchHome, { recursive: true, mode: 0o700 });
        if (place.stopped.aborted) return { code: null, stdout: '', stderr: 'stopped' };
        const all = { PATH: place.path, HOME: place.scratchHome, ...env };
        return await runBounded([program, ...args], {
          timeoutMs,
          cwd: place.scratchHome,
          env: all,
          stopped: place.stopped,
        });
      } catch (error) {
        return { code: null, stdout: '', stderr: (error as Error).message };
      }
    },
  };
}

/** Resolves when the program has ended; all that belongs to it is then killed. */
function runBounded(
  command: string[],
  limits: { timeoutMs: number; cwd: string; env: Record<string, string>; stopped: AbortSignal },
): Promise<Answer> {
  const { child, kill } = spawnGuarded(command, {
    cwd: limits.cwd,
    env: limits.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve) => {
    const output = { stdout: '', stderr: '' };
    const timer = setTimeout(kill, limits.timeoutMs);
    limits.stopped.addEventListener('abort', kill);
    const finish = (code: number | null): void => {
      clearTimeout(timer);
      limits.stopped.removeEventListener('abort', kill);
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ code, ...output });
    };
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
        output[name] += chunk.slice(0, MAX_OUTPUT - output[name].length);
        if (output[name].length >= MAX_OUTPUT) kill();
      });
    child.on('error', (error) => {
      output.stderr ||= error.message;
      finish(null);
    });
    // Something that has left its group may hold its output open; nobody waits for that.
    child.on('exit', (code) => setTimeout(finish, LAST_WORDS_MS, code));
    child.on('close', finish);
  });
}
