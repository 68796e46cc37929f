/** Verify: the check command on a fresh checkout of the result, in a sandbox without network; when it fails, once on the base too. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { DispatchPlaces } from '../core/places.ts';
import { once } from '../drivers/once.ts';
import { checkoutAt } from '../drivers/workspace/copy.ts';
import { namesToCopy } from '../drivers/workspace/env-files.ts';
import { type GitHost, gitLine } from '../drivers/workspace/git.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import type { Job } from '../protocol/job.ts';
import type { VerifyOutcome } from '../protocol/receipt.ts';
import type { BoxParts } from './box.ts';
import { runCommand } from './command.ts';
import { equip } from './equip.ts';

/** What a shell says of a program that is not there. */
const NOT_FOUND = 127;

/**
 * `limitMs`: for both runs together; a check that does not end in time has no exit code, and neither has one that cannot be started.
 * Never rejects: what went wrong on the way is `fault`. null: there was nothing to check with, as `fault` says.
 */
export async function runCheck(
  job: Job,
  places: DispatchPlaces,
  project: Project,
  git: GitHost,
  what: { base: string; result: string; inner: string[]; command: string; limitMs: number },
  parts: BoxParts & { notice(text: string): void },
  signal: AbortSignal,
): Promise<{ outcome: VerifyOutcome | null; fault: string | null }> {
  const { command } = what;
  const started = performance.now();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, Math.round(what.limitMs)))]);
  const checkOn = async (commit: string, name: string): Promise<number | null> => {
    const at = (file: string) => path.join(places.check, `${name}${file}`);
    const dir = at('');
    fs.mkdirSync(places.check, { recursive: true, mode: 0o700 });
    await checkoutAt(project, git, commit, dir, { unsandboxed: job.unsandboxed });
    const copy = { copy: dir, list: at('.json'), inner: what.inner };
    const isUsers = job.from === null && commit === what.base;
    const place = { job, places, project, git, commit, isUsers, ...copy };
    const { shares } = await equip(place, parts, parts.notice, limit);
    const log = path.join(places.dir, `check-${name}.log`);
    return runCommand(command, { job, places, project, dir, home: at('.home'), shares, log }, parts, limit);
  };
  let exitCode: number | null = null;
  let base: VerifyOutcome['base'] = null;
  let fault: string | null = null;
  let ms = 0;
  try {
    exitCode = await checkOn(what.result, 'result');
    ms = Math.round(performance.now() - started);
    if (exitCode === null) fault = `The check did not end within its time (\`${command}\`).`;
    if (exitCode !== null && exitCode !== 0) {
      const baseCode = await onceOnBase(job, places, project, git, what, limit, () => checkOn(what.base, 'base'));
      base = baseCode === null ? null : baseCode === 0 ? 'pass' : 'fail';
      if (job.verifyFound && exitCode === NOT_FOUND && baseCode === NOT_FOUND)
        return {
          outcome: null,
          fault: `Nothing was checked: the project names \`${command}\`, which is not installed.`,
        };
    }
  } catch (error) {
    ms ||= Math.round(performance.now() - started);
    fault = `The check could not be run: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { outcome: { command, exitCode, ms, base }, fault };
}

/** Dispatches from one base that fail on it need to be told so once. Kept by what the command sees; no end, and a program that may be installed by then, are not kept. */
async function onceOnBase(
  job: Job,
  places: DispatchPlaces,
  project: Project,
  git: GitHost,
  what: { base: string; command: string },
  limit: AbortSignal,
  run: () => Promise<number | null>,
): Promise<number | null> {
  const tree = await gitLine(git, ['rev-parse', `${what.base}^{tree}`], { cwd: project.root });
  const shared = job.workspace.share.map((name) => {
    const stat = fs.statSync(path.join(project.root, name), { throwIfNoEntry: false });
    return `${name} ${stat?.mtimeMs ?? 'none'}`;
  });
  const copied = namesToCopy(project.root, job.workspace.copy).map((name) => {
    const stat = fs.statSync(path.join(project.root, name), { throwIfNoEntry: false });
    return `${name} ${stat?.mtimeMs} ${stat?.size}`;
  });
  const seen = [project.root, tree, what.command, job.workspace.setup, job.env.path, ...shared, ...copied];
  const key = createHash('sha256').update(JSON.stringify(seen)).digest('hex');
  let exitCode: number | null = null;
  const kept = await once<{ exitCode: number }>(path.join(places.checks, `${key}.json`), limit, async () => {
    exitCode = await run();
    return exitCode === null || exitCode === NOT_FOUND ? null : { exitCode };
  });
  return kept?.exitCode ?? exitCode;
}
