/** A command of ours in a sandbox: the check, and the set-up of a project. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { DispatchPlaces } from '../core/places.ts';
import type { Share } from '../drivers/sandbox/spec.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import type { Job } from '../protocol/job.ts';
import { type BoxParts, sandboxSpec, startBox } from './box.ts';

/** More of a command's output is not kept, bytes: a test that never stops writing must not fill the disk. */
const MOST_LOGGED = 4e6;

export interface CommandPlace {
  job: Job;
  places: DispatchPlaces;
  project: Project;
  /** The checkout that appears as the project, writable. */
  dir: string;
  /** Private directory that appears as HOME; made where it is missing. */
  home: string;
  shares: Share[];
  /** Gets what the command writes, its beginning where that is too much. */
  log: string;
}

/**
 * Runs a shell text without network. Gives its exit status, 128 + the signal where one ended it, null where `limit` did; nothing of it is
 * alive then. Rejects when the sandbox cannot be started.
 */
export async function runCommand(
  command: string,
  place: CommandPlace,
  parts: BoxParts,
  limit: AbortSignal,
): Promise<number | null> {
  const { job, places, project, dir, home, shares, log } = place;
  fs.mkdirSync(home, { recursive: true, mode: 0o700 });
  fs.mkdirSync(path.dirname(log), { recursive: true, mode: 0o700 });
  const spec = {
    ...sandboxSpec(job, places, project, true, parts)({}),
    profile: 'RX' as const,
    cwd: project.root,
    copy: dir,
    home: { host: home, path: job.env.home },
    shares,
    gateway: null,
    files: [],
  };
  const child = await startBox(spec, ['/bin/bash', '--norc', '-c', `${command}\n`], job.unsandboxed);
  child.stdin.end();
  const out = fs.createWriteStream(log, { mode: 0o600 });
  // A log that cannot be written (a full disk) does not decide anything.
  out.on('error', () => {});
  let left = MOST_LOGGED;
  child.stdout.on('data', (chunk: Buffer) => {
    if (left > 0 && !out.destroyed) out.write(chunk.subarray(0, left));
    left -= chunk.length;
  });
  const kill = () => child.kill();
  limit.addEventListener('abort', kill, { once: true });
  if (limit.aborted) kill();
  const { code, signal } = await child.exited;
  const stopped = limit.aborted;
  limit.removeEventListener('abort', kill);
  await new Promise<void>((resolve) => {
    out.once('close', resolve);
    out.end(child.stderrTail());
  });
  return stopped ? null : (code ?? 128 + (os.constants.signals[signal as NodeJS.Signals] ?? 0));
}
