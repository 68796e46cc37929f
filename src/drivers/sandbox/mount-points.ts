/**
 * Places for mounts inside the home and the copy. The launcher makes them before bubblewrap does: the sandboxed user may not own the
 * directory (measured: "Can't mkdir …: Permission denied"), and a read-only copy takes none at all.
 */
import fs from 'node:fs';
import path from 'node:path';
import { PanError } from '../../protocol/error.ts';
import { type Mount, mountAround } from './mounts.ts';
import type { SandboxSpec } from './spec.ts';

/** Makes a place for each mount that lies in the home or in the copy. What lies in another read-only mount has its place already. */
export function makeMountPoints(spec: SandboxSpec, mounts: Mount[]): void {
  for (const mount of mounts) {
    const around = mountAround(mounts, mount.path);
    if (around === null || ![spec.home.host, spec.copy].includes(around.host)) continue;
    const file = fs.statSync(mount.host, { throwIfNoEntry: false })?.isFile() ?? false;
    makePlace(around.host, path.relative(around.path, mount.path), { file, work: around.host === spec.copy });
  }
}

/**
 * Whether something stands at `relative` in a directory an agent has written to, looking at the directory itself and never through its
 * links. Directories alone are nothing: they are the mount points of an earlier start.
 */
export function occupied(base: string, relative: string): boolean {
  let at = base;
  for (const name of relative.split(path.sep)) {
    at = path.join(at, name);
    const stat = fs.lstatSync(at, { throwIfNoEntry: false });
    if (!stat) return false;
    if (!stat.isDirectory()) return true;
  }
  return holdsFile(at);
}

function holdsFile(dir: string): boolean {
  return fs
    .readdirSync(dir, { withFileTypes: true })
    .some((entry) => !entry.isDirectory() || holdsFile(path.join(dir, entry.name)));
}

/**
 * A link an agent left on the way would lead us to anywhere on the host, so whatever has another shape is removed from a home. In a copy
 * it is somebody's work: throws PanError.
 */
function makePlace(base: string, relative: string, shape: { file: boolean; work: boolean }): void {
  const names = relative.split(path.sep);
  let at = base;
  names.forEach((name, i) => {
    at = path.join(at, name);
    const file = shape.file && i === names.length - 1;
    const stat = fs.lstatSync(at, { throwIfNoEntry: false });
    if (file ? stat?.isFile() : stat?.isDirectory()) return;
    if (stat && shape.work)
      throw new PanError('in-the-way', `${at} is in the way of a mount at ${relative}.`, 'Move it away.');
    if (stat) fs.rmSync(at, { recursive: true });
    make(at, file);
  });
}

/** Another start on the same home may make the same place at the same time: what it made will do if it has the shape. */
function make(at: string, file: boolean): void {
  try {
    if (file) fs.closeSync(fs.openSync(at, 'wx', 0o600));
    else fs.mkdirSync(at, { mode: 0o755 });
  } catch (error) {
    const stat = fs.lstatSync(at, { throwIfNoEntry: false });
    if (!(file ? stat?.isFile() : stat?.isDirectory())) throw error;
  }
}
