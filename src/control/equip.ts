/** Gives a fresh copy what it needs to build: dependency directories, what the set-up made, and the files of `workspace.copy`. */
import fs from 'node:fs';
import path from 'node:path';
import { occupied } from '../drivers/sandbox/mount-points.ts';
import { withPackageCaches } from '../drivers/sandbox/packages.ts';
import { sharedDirectories } from '../drivers/sandbox/shares.ts';
import type { Share } from '../drivers/sandbox/spec.ts';
import { type Giving, giveDirectory, giveFiles, namesToCopy } from '../drivers/workspace/env-files.ts';
import { innerDirectories } from '../drivers/workspace/inner.ts';
import { PanError } from '../protocol/error.ts';
import type { BoxParts } from './box.ts';
import { type Layer, type SetUpPlace, setUp } from './set-up.ts';

export interface EquipPlace extends SetUpPlace {
  /** A checkout of the commit. */
  copy: string;
  /** Where the list of what was put into the copy is kept. */
  list: string;
  /** Repositories inside the project that the agent may look at, by name. */
  inner: string[];
}

export interface Equipment {
  /** To mount in the sandbox. */
  shares: Share[];
  /** Names of the files of `workspace.copy` that the copy got. */
  copied: string[];
}

/** Throws PanError when the set-up fails. A reader's copy gets no secrets and no set-up: nothing runs in it. */
export async function equip(
  place: EquipPlace,
  parts: BoxParts,
  notice: (text: string) => void,
  signal: AbortSignal,
): Promise<Equipment> {
  const { job, project, copy, list } = place;
  const { share, setup, maxFileMb } = job.workspace;
  const giving: Giving = { copy, list, notice };
  const runs = job.profile !== 'R';
  const layer = setup === null || !runs ? null : await layerOf(setup, place, parts, notice, signal);
  const names = share.includes('.venv') ? [...share, ...environmentsOf(project.root)] : share;
  const found = sharedDirectories(project.root, copy, names, notice);
  const shares: Share[] = innerDirectories(project.root, place.inner).map((dir) => ({ host: dir, path: dir }));
  const made = sharesOf(layer, project.root, names).filter(
    (each) => !occupied(copy, path.relative(project.root, each.path)),
  );
  for (const each of [...made, ...found]) {
    if (shares.some((other) => other.path === each.path)) continue;
    // cargo locks and writes all over it.
    if (path.basename(each.path) === 'target' && fs.existsSync(path.join(path.dirname(each.path), 'Cargo.toml'))) {
      if (runs) giveDirectory(each.host, path.relative(project.root, each.path), giving);
    } else shares.push(each);
  }
  if (layer) {
    const mounted = new Set(shares.map((each) => path.relative(project.root, each.path)));
    for (const name of layer.directories.filter((each) => !mounted.has(each)))
      giveDirectory(path.join(layer.tree, name), name, giving);
    giveFiles(layer.tree, layer.files, maxFileMb * 1e6, giving);
  }
  const wanted = runs ? namesToCopy(project.root, job.workspace.copy) : [];
  const copied = giveFiles(project.root, wanted, maxFileMb * 1e6, giving);
  if (job.unsandboxed) {
    if (shares.length > 0)
      notice(
        `Without a sandbox nothing can be shared: ${shares.map((each) => path.relative(project.root, each.path)).join(', ')}.`,
      );
    return { shares: [], copied };
  }
  return { shares: withPackageCaches(shares), copied };
}

/** Python environments by the other names people give them. */
function environmentsOf(root: string): string[] {
  return ['venv', 'env'].filter((name) => fs.existsSync(path.join(root, name, 'pyvenv.cfg')));
}

async function layerOf(
  command: string,
  place: EquipPlace,
  parts: BoxParts,
  notice: (text: string) => void,
  signal: AbortSignal,
): Promise<Layer> {
  if (place.job.unsandboxed)
    throw new PanError(
      'setup-unsandboxed',
      'workspace.setup runs in a sandbox only, and this dispatch has none.',
      'Leave out --unsandboxed, or remove workspace.setup.',
    );
  const { timeoutMs } = place.job.limits;
  return setUp(command, place, parts, notice, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
}

/** Directories of a layer that `workspace.share` names are mounted; builds write in the others, so each copy gets its own. */
function sharesOf(layer: Layer | null, root: string, names: string[]): Share[] {
  const shared = (dir: string) =>
    names.some((name) => name === dir || (!name.includes('/') && name === path.basename(dir)));
  return (layer?.directories ?? [])
    .filter(shared)
    .map((dir) => ({ host: path.join((layer as Layer).tree, dir), path: path.join(root, dir) }));
}
