/** The sandbox of one dispatch, built from its job: what is mounted, and where the agent's endpoint listens inside. */
import fs from 'node:fs';
import path from 'node:path';
import type { DispatchPlaces } from '../core/places.ts';
import { packageCaches } from '../drivers/sandbox/caches.ts';
import { type SandboxedProcess, startSandboxed } from '../drivers/sandbox/launch.ts';
import { startUnsandboxed } from '../drivers/sandbox/none.ts';
import type { SandboxSpec } from '../drivers/sandbox/spec.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import type { Job } from '../protocol/job.ts';

/** Port of the gateway relay inside every sandbox; its network namespace is its own, so one number does for all. */
export const gatewayPort = 8377;

export interface Assets {
  node: string;
  relay: string;
  nativeAgent: string;
  /** Directory of the ripgrep program; null where none was found. */
  ripgrepDir: string | null;
}

export interface BoxParts {
  assets: Assets;
  locale: Record<string, string>;
  /** Values of `env.pass`, by name. */
  passed: Record<string, string>;
  /** PanCode's own directories, which no agent sees wherever they lie. */
  hide: string[];
}

/** The sandbox of the agent process; the adapter's variables come last. */
export function sandboxSpec(
  job: Pick<Job, 'id' | 'profile' | 'project' | 'program' | 'env' | 'unsandboxed'>,
  places: DispatchPlaces,
  project: Project,
  copied: boolean,
  parts: BoxParts,
): (env: Record<string, string>) => SandboxSpec {
  fs.mkdirSync(places.home, { recursive: true, mode: 0o700 });
  const roots = [
    path.dirname(parts.assets.node),
    ...job.program.installRoots,
    ...(parts.assets.ripgrepDir ? [parts.assets.ripgrepDir] : []),
  ];
  const packages = packageCaches(job.env.home, parts.passed, project.root);
  return (env) => ({
    dispatch: job.id,
    profile: job.profile,
    project: project.root,
    cwd: job.project.cwd,
    copy: copied ? places.copy : null,
    // The directory of ours for a project without git is nothing to it.
    commonDir: project.own ? null : project.commonDir,
    objects: project.own && !copied ? [] : project.objectDirs,
    home: { host: places.home, path: job.env.home },
    roots,
    files: [{ host: parts.assets.nativeAgent, path: '/run/pancode/native-agent.js' }],
    shares: [],
    caches: packages.caches,
    masks: [],
    hide: parts.hide,
    gateway: { dir: places.gatewayDir, port: gatewayPort, awaited: false },
    output: null,
    // Without a sandbox there is a network, and the caches are not there.
    env: { ...(job.unsandboxed ? {} : packages.env), ...parts.passed, ...env },
    path: job.env.path,
    locale: parts.locale,
    relay: parts.assets.relay,
    node: parts.assets.node,
  });
}

export function startBox(spec: SandboxSpec, command: string[], unsandboxed: boolean): Promise<SandboxedProcess> {
  return unsandboxed
    ? startUnsandboxed(spec, command, { stdio: 'pipe' })
    : startSandboxed(spec, command, { stdio: 'pipe' });
}
