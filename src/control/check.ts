/** Verify: the check command on a fresh checkout of the result, in a sandbox without network; when it fails, once on the base too. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { DispatchPlaces } from '../core/places.ts';
import { sharedDirectories } from '../drivers/sandbox/shares.ts';
import type { SandboxSpec } from '../drivers/sandbox/spec.ts';
import { checkoutAt } from '../drivers/workspace/copy.ts';
import type { GitHost } from '../drivers/workspace/git.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import type { Job } from '../protocol/job.ts';
import type { VerifyOutcome } from '../protocol/receipt.ts';
import { type BoxParts, sandboxSpec, startBox } from './box.ts';

/**
 * `limitMs`: for both runs together; a check that does not end in time has no exit code, and neither has one that cannot be started.
 * Never rejects: what went wrong on the way is `fault`.
 */
export async function runCheck(
  job: Job,
  places: DispatchPlaces,
  project: Project,
  git: GitHost,
  what: { base: string; result: string; command: string; limitMs: number },
  parts: BoxParts,
  signal: AbortSignal,
): Promise<VerifyOutcome & { fault: string | null }> {
  const { command } = what;
  const started = performance.now();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, Math.round(what.limitMs)))]);
  const checkOn = async (commit: string, name: string): Promise<number | null> => {
    const dir = path.join(places.check, name);
    fs.mkdirSync(places.check, { recursive: true, mode: 0o700 });
    await checkoutAt(project, git, commit, dir, { unsandboxed: job.unsandboxed });
    return runIn(job, places, project, dir, command, path.join(places.dir, `check-${name}.log`), parts, limit);
  };
  let exitCode: number | null = null;
  let base: VerifyOutcome['base'] = null;
  let fault: string | null = null;
  let ms = 0;
  try {
    exitCode = await checkOn(what.result, 'result');
    ms = Math.round(performance.now() - started);
    if (exitCode === null) fault = `The check did not end within its time (\`${command}\`).`;
    const baseCode = exitCode === null || exitCode === 0 ? null : await checkOn(what.base, 'base');
    base = baseCode === null ? null : baseCode === 0 ? 'pass' : 'fail';
  } catch (error) {
    ms ||= Math.round(performance.now() - started);
    fault = `The check could not be run: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { command, exitCode, ms, base, fault };
}

/** The command's exit status; null where `limit` ended it. */
async function runIn(
  job: Job,
  places: DispatchPlaces,
  project: Project,
  dir: string,
  command: string,
  log: string,
  parts: BoxParts,
  limit: AbortSignal,
): Promise<number | null> {
  const home = path.join(places.check, 'home');
  fs.mkdirSync(home, { recursive: true, mode: 0o700 });
  const spec: SandboxSpec = {
    ...sandboxSpec(job, places, project, true, parts)({}),
    profile: 'RX',
    cwd: project.root,
    copy: dir,
    home: { host: home, path: job.env.home },
    shares: sharedDirectories(project.root, dir, job.workspace.share),
    gateway: null,
    files: [],
    env: parts.passed,
  };
  const child = await startBox(spec, ['/bin/bash', '--norc', '-c', `${command}\n`], job.unsandboxed);
  child.stdin.end();
  const out = fs.createWriteStream(log, { mode: 0o600 });
  // A log that cannot be written (a full disk) does not decide the check.
  out.once('error', () => child.stdout.resume());
  child.stdout.pipe(out, { end: false });
  const kill = () => child.kill();
  limit.addEventListener('abort', kill, { once: true });
  if (limit.aborted) kill();
  const { code, signal } = await child.exited;
  const stopped = limit.aborted;
  limit.removeEventListener('abort', kill);
  out.end(child.stderrTail());
  // A command that a signal ended has failed, with the status a shell gives it.
  return stopped ? null : (code ?? 128 + (os.constants.signals[signal as NodeJS.Signals] ?? 0));
}
