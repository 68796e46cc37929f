/** What `pancode sandbox run` puts together in place of a dispatch: the project, a home, and where it writes a copy. */
import fs from 'node:fs';
import path from 'node:path';
import type { Profile } from '../../core/profile.ts';
import { loadConfig } from '../../drivers/config.ts';
import { packageCaches } from '../../drivers/sandbox/caches.ts';
import { withPackageCaches } from '../../drivers/sandbox/packages.ts';
import { sharedDirectories } from '../../drivers/sandbox/shares.ts';
import { type SandboxSpec, within } from '../../drivers/sandbox/spec.ts';
import { createCopy } from '../../drivers/workspace/copy.ts';
import { type GitHost, git } from '../../drivers/workspace/git.ts';
import { inspectProject, type Project } from '../../drivers/workspace/inspect.ts';
import { baseRef } from '../../drivers/workspace/refs.ts';
import { takeSnapshot } from '../../drivers/workspace/snapshot.ts';
import { PanError } from '../../protocol/error.ts';
import { findAssets } from '../assets.ts';
import type { CommandContext } from '../command.ts';

export interface Given {
  id: string;
  profile: Profile;
  /** Private directory for all that is thrown away. */
  scratch: string;
  port: number | null;
  project: string;
  home?: string;
  state?: string;
  workspace?: string;
}

type Plain = Pick<Project, 'root' | 'cwd' | 'objectDirs'> & { commonDir: string | null };

/** What must be undone afterwards is added to `undo`. Throws PanError (exit 2) for what a dispatch would refuse too. */
export async function sandboxSpec(
  given: Given,
  context: CommandContext,
  undo: (() => void | Promise<void>)[],
): Promise<SandboxSpec> {
  const { environment } = context;
  const host: GitHost = { home: environment.home, path: environment.path, state: environment.roots.state };
  const dir = directory('--project', given.project);
  const here = fs.realpathSync(process.cwd());
  const cwd = within(here, dir) ? here : dir;
  // To write, there must be something to copy from: here a directory outside of git gets its record, as in a dispatch.
  if (given.profile !== 'R' && given.workspace === undefined)
    await inspectProject(dir, host, { stateDir: environment.roots.state });
  const project = await projectAt(dir, host);
  const { config } = await loadConfig({ configDir: environment.roots.config, projectRoot: project.root, flags: {} });
  const assets = findAssets();
  const state = given.state === undefined ? made(path.join(given.scratch, 'home')) : directory('--state', given.state);
  const copy = given.profile === 'R' ? null : await copyFor(given, project, host, config.workspace, undo);
  const passed = environment.pick(config.env.pass);
  const home = given.home === undefined ? environment.home : path.resolve(given.home);
  const packages = packageCaches(home, passed, project.root);
  const roots = [path.dirname(assets.node), ...(assets.ripgrepDir === null ? [] : [assets.ripgrepDir])];
  return {
    dispatch: given.id,
    profile: given.profile,
    project: project.root,
    cwd,
    copy,
    commonDir: project.commonDir,
    objects: project.objectDirs,
    home: { host: state, path: home },
    roots,
    files: [],
    shares: copy === null ? [] : withPackageCaches(sharedDirectories(project.root, copy, config.workspace.share)),
    caches: packages.caches,
    masks: [],
    hide: [environment.roots.state, environment.roots.config, environment.home].filter(
      (place) => !within(project.root, place),
    ),
    gateway:
      given.port === null ? null : { dir: made(path.join(given.scratch, 'gateway')), port: given.port, awaited: true },
    output: null,
    env: { ...packages.env, ...passed },
    path: environment.path,
    locale: environment.locale,
    relay: assets.relay,
    node: assets.node,
  };
}

/** A directory outside of git can be looked at. */
async function projectAt(dir: string, host: GitHost): Promise<Plain> {
  try {
    return await inspectProject(dir, host);
  } catch (error) {
    if (!(error instanceof PanError) || error.code !== 'no-repository') throw error;
    return { root: dir, cwd: dir, commonDir: null, objectDirs: [] };
  }
}

async function copyFor(
  given: Given,
  project: Plain,
  host: GitHost,
  limits: { maxFileMb: number; maxTotalMb: number },
  undo: (() => void | Promise<void>)[],
): Promise<string> {
  if (given.workspace !== undefined) return directory('--workspace', given.workspace);
  // Again, because only a repository can be copied: now it is refused with the reason.
  const repository = await inspectProject(project.cwd, host);
  const { id, scratch } = given;
  const dir = path.join(scratch, 'copy');
  undo.push(async () => void (await git(host, ['update-ref', '-d', baseRef(id)], { cwd: project.root })));
  const { commit } = await takeSnapshot(repository, host, {
    id,
    scratchDir: path.join(scratch, 'index'),
    ...limits,
    from: null,
  });
  await createCopy(repository, host, { id, commit, dir });
  return dir;
}

function made(dir: string): string {
  fs.mkdirSync(dir, { mode: 0o700 });
  return dir;
}

/** Real path of a directory a flag names. */
function directory(flag: string, given: string): string {
  const stat = fs.statSync(given, { throwIfNoEntry: false });
  if (!stat?.isDirectory())
    throw new PanError('no-directory', `${flag} ${given} is not a directory.`, 'Give a directory that is there.');
  return fs.realpathSync(given);
}
