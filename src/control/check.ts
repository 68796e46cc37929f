/** Verify: the check command on a fresh checkout of the result, in a sandbox without network; when it fails, once on the base too. */
import fs from 'node:fs';
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

export async function runCheck(
  job: Job,
  places: DispatchPlaces,
  project: Project,
  git: GitHost,
  what: { base: string; result: string; command: string },
  parts: BoxParts,
  signal: AbortSignal,
): Promise<VerifyOutcome> {
  const started = performance.now();
  const checkOn = async (commit: string, name: string): Promise<number | null> => {
    const dir = path.join(places.check, name);
    fs.mkdirSync(places.check, { recursive: true, mode: 0o700 });
    await checkoutAt(project, git, commit, dir, { unsandboxed: job.unsandboxed });
    return runIn(job, places, project, dir, what.command, path.join(places.dir, `check-${name}.log`), parts, signal);
  };
  const exitCode = await checkOn(what.result, 'result');
  const ms = Math.round(performance.now() - started);
  const failed = exitCode !== 0 && !signal.aborted;
  const baseCode = failed ? await checkOn(what.base, 'base') : null;
  return { command: what.command, exitCode, ms, base: failed ? (baseCode === 0 ? 'pass' : 'fail') : null };
}

async function runIn(
  job: Job,
  places: DispatchPlaces,
  project: Project,
  dir: string,
  command: string,
  log: string,
  parts: BoxParts,
  signal: AbortSignal,
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
  child.stdout.pipe(out);
  const kill = () => child.kill();
  const timer = setTimeout(kill, job.limits.timeoutMs);
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  const { code } = await child.exited;
  clearTimeout(timer);
  signal.removeEventListener('abort', kill);
  fs.appendFileSync(log, child.stderrTail());
  return code;
}
