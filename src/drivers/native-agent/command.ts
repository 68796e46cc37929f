/**
 * Runs one program for a tool: its own process group, no input, output bounded in memory, nothing left of it after a stop.
 * It ends when the program itself exits, even if a background child still holds its output.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface CommandOptions {
  cwd: string;
  signal: AbortSignal;
  /** null = no limit but the dispatch's own. */
  timeoutMs: number | null;
  /** Gets every piece of standard output; false = enough, the program is stopped. */
  onOutput(chunk: Buffer): boolean;
  /** Gets what it writes to standard error. */
  onErrors(chunk: Buffer): void;
}

export interface CommandEnd {
  /** null where a signal ended it. */
  code: number | null;
  endedBy: string | null;
  stopped: 'timeout' | 'cancelled' | 'enough' | null;
}

/** Time between SIGTERM and SIGKILL. */
const TERM_MS = 2_000;
/** How long output that is still on its way is waited for once the program has exited. */
const DRAIN_MS = 100;

/** Rejects where the program cannot be started. */
export function runCommand(program: string, args: string[], options: CommandOptions): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let stopped: CommandEnd['stopped'] = null;
    let listening = true;
    let force: NodeJS.Timeout | undefined;
    const stop = (why: NonNullable<CommandEnd['stopped']>) => {
      if (child.pid === undefined || stopped) return;
      stopped = why;
      const tree = descendants(child.pid);
      signalAll(child.pid, tree, 'SIGTERM');
      const pid = child.pid;
      force = setTimeout(() => signalAll(pid, new Set([...tree, ...descendants(pid)]), 'SIGKILL'), TERM_MS);
    };
    const onAbort = () => {
      // A background child that outlived its command goes at once, together with the agent.
      if (child.exitCode !== null || child.signalCode !== null) {
        if (child.pid !== undefined) signalAll(child.pid, new Set(), 'SIGKILL');
      } else stop('cancelled');
    };
    const timer = options.timeoutMs === null ? undefined : setTimeout(() => stop('timeout'), options.timeoutMs);
    const take = (chunk: Buffer) => {
      // Later output of a background child is read and dropped, so that it does not die of a closed pipe.
      if (listening && !options.onOutput(chunk)) stop('enough');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', (chunk: Buffer) => {
      if (listening) options.onErrors(chunk);
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', onAbort);
      reject(error);
    });
    child.once('exit', (code, endedBy) => {
      clearTimeout(timer);
      const finish = () => {
        if (!listening) return;
        listening = false;
        clearTimeout(drain);
        resolve({ code, endedBy, stopped });
      };
      const drain = setTimeout(finish, DRAIN_MS);
      child.once('close', finish);
      if (stopped && child.pid !== undefined) {
        clearTimeout(force);
        signalAll(child.pid, new Set(), 'SIGKILL');
      }
    });
    options.signal.addEventListener('abort', onAbort);
    if (options.signal.aborted) onAbort();
  });
}

/** All processes below `pid` now: a child that left the process group still has its parent. Without /proc the group is all we know. */
function descendants(pid: number): Set<number> {
  const children = new Map<number, number[]>();
  for (const name of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // pid (comm) state ppid …; comm may hold anything, so count from its last bracket.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while we looked: nothing to stop.
    }
  }
  const found = new Set<number>();
  const visit = (parent: number) => {
    for (const child of children.get(parent) ?? [])
      if (!found.has(child)) {
        found.add(child);
        visit(child);
      }
  };
  visit(pid);
  return found;
}

function signalAll(group: number, others: Set<number>, signal: NodeJS.Signals): void {
  for (const target of [-group, ...others])
    try {
      process.kill(target, signal);
    } catch {
      // Already gone, which is what was wanted.
    }
}
