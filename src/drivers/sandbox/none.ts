/** No sandbox, for `--unsandboxed` alone: an own process group that dies with us, the dispatch's mark, and no promise beyond that. */
import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { type SandboxedProcess, startedChild } from './child.ts';
import { CLOSE_OTHERS, FD } from './first.ts';
import { systemProgram } from './programs.ts';
import type { SandboxSpec } from './spec.ts';

/** Holds the read end of the life-line; at its end the whole group is killed. What has left the group is found by the dispatch's mark. */
const GUARD = [
  CLOSE_OTHERS,
  `( ( read -r -u ${FD.lifeline} _; kill -KILL 0 ) </dev/null >/dev/null 2>&1 & )`,
  `exec ${FD.lifeline}<&- 3<&- 4<&- 5<&-`,
  'exec -- "$@"',
].join('\n');

export async function startUnsandboxed(
  spec: SandboxSpec,
  command: string[],
  options: { stdio: 'pipe' | 'inherit' },
): Promise<SandboxedProcess> {
  const io = options.stdio === 'inherit' ? ('inherit' as const) : ('pipe' as const);
  const child = spawn(systemProgram('bash'), ['--norc', '-p', '-c', GUARD, 'guard', ...command], {
    cwd: spec.copy ?? spec.cwd,
    detached: true,
    stdio: [io, io, io, 'ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...spec.locale, PATH: spec.path, HOME: spec.home.host, ...spec.env, PANCODE_DISPATCH: spec.dispatch },
  });
  const stdio: unknown[] = [...child.stdio];
  const lifeline = stdio[FD.lifeline] as Duplex;
  lifeline.on('error', () => {}); // the guard is gone, and so is the group
  const { ended, ...process_ } = await startedChild(child);
  const kill = () => {
    lifeline.destroy();
    try {
      process.kill(-process_.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  // The group outlives its first process: what that one left in the background ends with it, and with it the output.
  child.once('exit', kill);
  return { ...process_, exited: ended, kill };
}
