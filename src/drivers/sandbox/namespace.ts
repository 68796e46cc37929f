/**
 * The process namespace of a starting bubblewrap: holds its life-line, finds its first process, ends it, and knows when it is gone. That first
 * process becomes a zombie, or vanishes, only when the kernel has ended every other one in the namespace; bubblewrap itself may go sooner.
 */
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { FD } from './first.ts';
import { killProcess, type ProcessIdentity, processAlive, readProcessIdentity } from './identity.ts';

/**
 * How often bubblewrap is asked for its child until it has one, ms. Its own way to tell, `--json-status-fd`, is no way: when we die, the
 * signal of the broken pipe ends it between two steps, and its child waits for ever (measured: 27 of 480 sandboxes; without it 0 of 432).
 */
const LOOK_MS = 4;
/** Bubblewrap has its child within milliseconds; where it has none, it is stuck, and is killed itself. */
const STUCK_MS = 2_000;

export interface Namespace {
  /** Ends every process in it, by the life-line and by a kill. Idempotent. */
  kill(): void;
  /** Closes the life-line and does nothing else: what our own death does. */
  letGo(): void;
  /** Resolves when nothing in it is alive; to be asked when bubblewrap has ended. */
  gone(): Promise<void>;
}

/** `name` is a word in the command line of this sandbox alone. */
export function followNamespace(child: ChildProcess, name: string): Namespace {
  const stdio: unknown[] = [...child.stdio];
  const lifeline = stdio[FD.lifeline] as Duplex;
  lifeline.on('error', () => {}); // the reader's end is gone, and so is what it guarded
  let first: ProcessIdentity | null = null;
  let killed = false;
  const look = () => {
    if (child.pid !== undefined) first ??= childOf(child.pid);
    if (first === null) return;
    clearInterval(looking);
    if (killed) killProcess(first);
  };
  const looking = setInterval(look, LOOK_MS).unref();
  child.once('error', () => clearInterval(looking));
  child.once('exit', () => {
    clearInterval(looking);
    lifeline.destroy();
    first ??= byCommandLine(name);
    if (first !== null) killProcess(first);
  });
  return {
    kill() {
      if (killed || child.exitCode !== null || child.signalCode !== null) return;
      killed = true;
      lifeline.destroy();
      look();
      // Killed before it has set up its child, bubblewrap would leave one behind that waits for ever: it gets the time to have it.
      const timer = setTimeout(() => killStuck(child), STUCK_MS);
      child.once('exit', () => clearTimeout(timer));
    },
    letGo: () => lifeline.destroy(),
    async gone() {
      while (first !== null && processAlive(first)) await delay(2);
    },
  };
}

function killStuck(child: ChildProcess): void {
  const inside = child.pid === undefined ? null : childOf(child.pid);
  child.kill('SIGKILL');
  if (inside !== null) killProcess(inside);
}

/** The only child a bubblewrap ever has; null: none yet, or it has ended. */
function childOf(pid: number): ProcessIdentity | null {
  try {
    const first = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0];
    return first ? readProcessIdentity(Number(first)) : null;
  } catch {
    return null; // it has ended
  }
}

/** Where we were too busy to look while bubblewrap lived. */
function byCommandLine(name: string): ProcessIdentity | null {
  for (const pid of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      if (!line.split('\0').includes(name)) continue;
      // Numbers of a process from the outermost namespace inwards: the last one is its own.
      const inner = /^NSpid:.*\t(\d+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
      if (inner === '1') return readProcessIdentity(Number(pid));
    } catch {
      // it ended while we looked
    }
  }
  return null;
}
