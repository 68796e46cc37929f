/** Whether the disks have room for a dispatch, asked before it is accepted: one that fills them would also fail to keep its work. */
import fs from 'node:fs';
import path from 'node:path';
import { diskFull } from '../../core/disk-fault.ts';
import { indexSize } from '../../core/index-size.ts';
import type { Project } from './inspect.ts';

/** For journals, the agent's own state and its results, besides the copies, bytes and files. */
const MARGIN_BYTES = 32e6;
const MARGIN_FILES = 1_000;
/** Blocks are not filled to the brim; a file takes half of one more on average. */
const BLOCK_BYTES = 2_048;

/** `copies`: checkouts of the project the dispatch makes below `state`. Throws PanError `disk-full` with one sentence. */
export function refuseLowDisk(project: Project, state: string, copies: number): void {
  const size = copies === 0 ? { bytes: 0, files: 0 } : sizeOf(project);
  const copied = { bytes: copies * (size.bytes + size.files * BLOCK_BYTES), files: copies * size.files };
  const disks = new Map<number, { place: string; bytes: number; files: number }>();
  for (const [place, need] of [
    [state, copied],
    [project.commonDir, { bytes: 0, files: 0 }],
  ] as const) {
    const disk = disks.get(fs.statSync(place).dev) ?? { place, bytes: 0, files: 0 };
    disk.bytes += need.bytes + MARGIN_BYTES;
    disk.files += need.files + MARGIN_FILES;
    disks.set(fs.statSync(place).dev, disk);
  }
  for (const { place, bytes, files } of disks.values()) {
    const { bavail, bsize, files: all, ffree } = fs.statfsSync(place);
    if (bavail * bsize < bytes)
      throw diskFull(
        `The disk of ${place} has ${megabytes(bavail * bsize)} left, and this dispatch needs about ${megabytes(bytes)}.`,
      );
    // Some file systems have no fixed number of files and say 0 of 0.
    if (all > 0 && ffree < files)
      throw diskFull(`The disk of ${place} has room for ${ffree} more files, and this dispatch needs about ${files}.`);
  }
}

/** Of the tracked files. What an index does not tell counts as nothing: a full disk is noticed later, too, only not as early. */
function sizeOf(project: Project): { bytes: number; files: number } {
  const index = path.join(project.gitDir, 'index');
  const nothing = { bytes: 0, files: 0 };
  if (!fs.existsSync(index)) return nothing;
  return indexSize(fs.readFileSync(index), project.objectFormat === 'sha256' ? 32 : 20) ?? nothing;
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
