/** Which host directories appear where, besides the system's own and what lies in /run. */
import fs from 'node:fs';
import path from 'node:path';
import { type SandboxSpec, type Share, within } from './spec.ts';

export interface Mount {
  host: string;
  path: string;
  writable: boolean;
  /** Made before it, and it lies in it. */
  linked?: Share['linked'];
}

/** In the order of depth, so that what lies inside another mount comes after it. `toolchains`: directories at their own places. */
export function mountsOf(spec: SandboxSpec, toolchains: string[]): Mount[] {
  const same = (dir: string): Mount => ({ host: dir, path: dir, writable: false });
  const mounts = [
    ...homes(spec),
    ...toolchains.map(same),
    ...[...spec.shares, ...(spec.caches ?? [])].map(({ host, path, linked }) => ({
      host,
      path,
      linked,
      writable: false,
    })),
    ...(spec.copy === null ? [spec.commonDir, ...spec.objects].filter((dir) => dir !== null).map(same) : []),
    { host: spec.copy ?? spec.project, path: spec.project, writable: spec.profile === 'W' || spec.profile === 'RX' },
  ];
  // What shows anyway is not mounted twice: a read-only place inside the real checkout, or inside its own parent.
  const needed = mounts.filter(
    (mount, i) => !mounts.some((other, n) => n !== i && shows(other, mount) && (n < i || !shows(mount, other))),
  );
  return needed.sort((a, b) => depth(a.path) - depth(b.path));
}

/** The state directory at HOME, and at the real path of HOME where that is a link. */
function homes(spec: SandboxSpec): Mount[] {
  if (spec.profile === 'H') return [];
  const { host, path: at } = spec.home;
  const real = fs.existsSync(at) ? fs.realpathSync(at) : at;
  return [...new Set([at, real])].map((place) => ({ host, path: place, writable: true }));
}

/** Whether `other` alone already gives what `mount` would. */
function shows(other: Mount, mount: Mount): boolean {
  if (other.writable || mount.writable || !within(mount.path, other.path)) return false;
  return path.join(other.host, path.relative(other.path, mount.path)) === mount.host;
}

const depth = (dir: string) => dir.split(path.sep).length;

/** The mount a path inside lies in; null: none of these. A mount does not lie in itself. */
export function mountAround(mounts: Mount[], inside: string): Mount | null {
  return mounts.findLast((mount) => mount.path !== inside && within(inside, mount.path)) ?? null;
}

/** Host directories of PanCode that a sandbox shows at other places, or not at all. */
export function ownDirectories(spec: SandboxSpec): string[] {
  const dirs = [spec.home.host, spec.copy, spec.gateway?.dir, spec.output, ...(spec.hide ?? [])];
  return dirs.filter((dir): dir is string => typeof dir === 'string');
}
