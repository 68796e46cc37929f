/** Dependency directories of the checkout, so that a copy can build without installing anything. */
import fs from 'node:fs';
import path from 'node:path';
import { occupied } from './mount-points.ts';

/** Of `names`, relative to the project, those that are directories in the checkout and nothing in the copy. */
export function sharedDirectories(project: string, copy: string, names: string[]): { host: string; path: string }[] {
  return names.flatMap((name) => {
    const host = path.join(project, name);
    const there = fs.lstatSync(host, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return there && !occupied(copy, path.normalize(name)) ? [{ host, path: host }] : [];
  });
}
