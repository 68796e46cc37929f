/** Which process is which on this host, and whether it lives. Dead = no entry, another start time, another boot, or a zombie. */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessIdentity {
  pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  startTime: string;
  bootId: string;
}

const bootId = (): string => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** null where there is no such process. */
export function readProcessIdentity(pid: number): ProcessIdentity | null {
  const stat = statOf(pid);
  return stat && { pid, startTime: stat.startTime, bootId: bootId() };
}

export function processAlive(identity: ProcessIdentity): boolean {
  const stat = statOf(identity.pid);
  return (
    stat !== null && stat.startTime === identity.startTime && !'ZX'.includes(stat.state) && bootId() === identity.bootId
  );
}

/**
 * Kills every process on the host that carries the mark of a dispatch and waits until it is verified dead. Returns how many there were.
 * A process of another user cannot be read and is none of ours.
 */
export async function sweepDispatch(id: string): Promise<number> {
  const killed = new Set<number>();
  for (;;) {
    const found = marked(id);
    if (found.length === 0) return killed.size;
    for (const pid of found) {
      killed.add(pid);
      kill(pid);
    }
    await delay(5);
  }
}

function marked(id: string): number[] {
  const mark = Buffer.from(`PANCODE_DISPATCH=${id}\0`);
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        if (!fs.readFileSync(`/proc/${pid}/environ`).includes(mark)) return false;
      } catch {
        return false; // it ended while we looked, or belongs to somebody else
      }
      const stat = statOf(pid);
      return stat !== null && !'ZX'.includes(stat.state);
    });
}

/** Kills this very process, and nobody who got its number later. */
export function killProcess(identity: ProcessIdentity): void {
  if (processAlive(identity)) kill(identity.pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function statOf(pid: number): { state: string; startTime: string } | null {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null; // no such process
  }
  // The name in parentheses may hold anything, so fields are counted from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? 'X', startTime: fields[19] ?? '' };
}
