/** What a sandbox may use up (safety-design §3). Limits are only ever lowered: a hard limit that is lower already stays. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const KB = 1 << 10;
const LARGEST_FILE = 2 * (1 << 30);
const OPEN_FILES = 4_096;
const PROCESSES = 512;
/** Before Linux 5.14 the kernel counts a user's processes over all namespaces, the user's own included: a low limit would starve both. */
const PROCESSES_OF_A_USER = 8_192;

/** Shell text that sets the limits of a process and its children; `hard` is the text of /proc/self/limits. */
export function outerLimits(hard: string): string {
  const least = (name: string, value: number) => Math.min(value, hardLimit(hard, name));
  // bash counts file sizes in units of 1,024 bytes.
  const file = Math.floor(least('Max file size', LARGEST_FILE) / KB);
  return `ulimit -c 0 && ulimit -f ${file} && ulimit -n ${least('Max open files', OPEN_FILES)} || exit 125`;
}

/**
 * Shell text for the first process inside. Set in the new user namespace, the limit counts that namespace's processes alone; set before
 * bubblewrap it counts all of the user's (measured on Linux 6.18: two sandboxes with 250 processes each and a limit of 400 starve).
 */
export function innerLimits(hard: string, release = os.release()): string {
  return `ulimit -u ${Math.min(countsPerNamespace(release) ? PROCESSES : PROCESSES_OF_A_USER, hardLimit(hard, 'Max processes'))} || exit 125`;
}

function countsPerNamespace(release: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  return major > 5 || (major === 5 && minor >= 14);
}

/** Lines read "Max open files   1024   524288   files": soft, hard, unit. */
function hardLimit(text: string, name: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(name));
  const hard = line?.slice(name.length).trim().split(/\s+/)[1];
  return hard === undefined || hard === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(hard);
}

export interface ProcessGroupLimit {
  /** A process that writes its id here is under the limit, and its children are. */
  procs: string;
  /** Removes the empty group. */
  remove(): void;
}

/**
 * A control group that limits the number of processes, for root: the process limit does not bind uid 0 (measured: 606 of 600). null where
 * the process may make none. Groups of PanCode processes that were killed are removed on the way.
 */
export function limitProcessGroup(roots = cgroupRoots()): ProcessGroupLimit | null {
  for (const root of roots) {
    removeLeft(root);
    const dir = path.join(root, `pancode-${process.pid}-${process.hrtime.bigint()}`);
    try {
      fs.mkdirSync(dir);
    } catch {
      continue; // not ours to divide: the limit of the process itself is what there is
    }
    try {
      fs.writeFileSync(path.join(dir, 'pids.max'), String(PROCESSES));
      return { procs: path.join(dir, 'cgroup.procs'), remove: () => removeGroup(dir) };
    } catch {
      removeGroup(dir); // a hierarchy without the pids controller
    }
  }
  return null;
}

/** Own group in the pids hierarchy (version 1), then the root of the unified one. */
function cgroupRoots(): string[] {
  const own = /^\d+:pids:(.*)$/m.exec(fs.readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  const first = own === undefined ? [] : [path.join('/sys/fs/cgroup/pids', own)];
  return [...first, '/sys/fs/cgroup'].filter((dir) => fs.existsSync(path.join(dir, 'cgroup.procs')));
}

function removeLeft(root: string): void {
  for (const name of fs.readdirSync(root)) {
    const pid = /^pancode-(\d+)-\d+$/.exec(name)?.[1];
    if (pid !== undefined && !fs.existsSync(`/proc/${pid}`)) removeGroup(path.join(root, name));
  }
}

function removeGroup(dir: string): void {
  try {
    fs.rmdirSync(dir);
  } catch {
    // Somebody was faster, or its last process is being reaped: an empty group costs nothing, and the next start removes it.
  }
}
