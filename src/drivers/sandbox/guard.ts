/** A child in a process group of its own that ends with us, however we end: what can be had without a sandbox. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { CLOSE_OTHERS, FD } from './first.ts';
import { systemProgram } from './programs.ts';

/** Holds the read end of the life-line; at its end the whole group is killed. */
const GUARD = [
  CLOSE_OTHERS,
  `( ( read -r -u ${FD.lifeline} _; kill -KILL 0 ) </dev/null >/dev/null 2>&1 & )`,
  `exec ${FD.lifeline}<&- 3<&- 4<&- 5<&-`,
  'exec -- "$@"',
].join('\n');

export interface GuardedChild {
  child: ChildProcess;
  /** Ends the whole group. Idempotent. What has left the group is not reached. */
  kill(): void;
}

/** Throws PanError where the system has no bash. What the child leaves in the background ends with it. */
export function spawnGuarded(
  command: string[],
  options: { cwd: string; env: Record<string, string>; stdio: ('pipe' | 'inherit' | 'ignore')[] },
): GuardedChild {
  const child = spawn(systemProgram('bash'), ['--norc', '-p', '-c', GUARD, 'guard', ...command], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: [...options.stdio, 'ignore', 'ignore', 'ignore', 'pipe'],
  });
  child.on('error', () => {}); // whoever waits for the child hears it too
  // Without descriptors left there are no streams at all.
  const stdio = child.stdio as unknown[] | undefined;
  const lifeline = stdio?.[FD.lifeline] as Duplex | undefined;
  lifeline?.on('error', () => {}); // the guard is gone, and so is the group
  const kill = () => {
    lifeline?.destroy();
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  // The group outlives its first process: what that one left in the background ends with it, and with it the output.
  child.once('exit', kill);
  return { child, kill };
}
