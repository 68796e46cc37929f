/** Dependency directories of the checkout, so that a copy can build without installing anything. */
import fs from 'node:fs';
import path from 'node:path';
import { occupied } from './mount-points.ts';
import { type Share, within } from './spec.ts';

/** More mounts than this start too slowly (bubblewrap needs 90 ms for 200, 1 s for 800). */
const MOST_SHARES = 200;

/**
 * Of `names`, the directories that are in the checkout and nothing in the copy. A name without a slash counts in every directory of the
 * copy, as in an ignore file; one with a slash at that place only. A link is followed when it leads to a directory of the same name: the
 * user has made it, as one that git tracks is in the copy already. `notice` is told what is left out, and why.
 */
export function sharedDirectories(
  project: string,
  copy: string,
  names: string[],
  notice: (text: string) => void = () => {},
): Share[] {
  const wanted = [...new Set(names.map((name) => path.normalize(name).replace(/\/$/, '')))];
  const anywhere = wanted.filter((name) => !name.includes('/'));
  const places = [
    ...directoriesOf(copy, new Set(anywhere)).flatMap((dir) => anywhere.map((name) => path.join(dir, name))),
    ...wanted.filter((name) => name.includes('/')),
  ];
  const shares = places.flatMap((relative) => shareAt(project, copy, relative, notice));
  if (shares.length > MOST_SHARES)
    notice(
      `${shares.length - MOST_SHARES} of ${shares.length} dependency directories are not shared: they are too many.`,
    );
  return shares.slice(0, MOST_SHARES);
}

function shareAt(project: string, copy: string, relative: string, notice: (text: string) => void): Share[] {
  const at = path.join(project, relative);
  // The user's checkout may have a link where the copy has a directory: it leads anywhere.
  const parent = path.dirname(at);
  if (!fs.existsSync(parent)) return [];
  if (fs.realpathSync(parent) !== parent) {
    if (fs.existsSync(at)) notice(`${relative} is not shared: in your checkout it is reached through a link.`);
    return [];
  }
  const stat = fs.lstatSync(at, { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    if (occupied(copy, relative)) return [];
    for (const link of strayLinks(project, at))
      notice(`${path.relative(project, link)} leads out of the project, so it is not there.`);
    return [{ host: fs.realpathSync(at), path: at }];
  }
  if (!stat?.isSymbolicLink()) return [];
  const real = fs.existsSync(at) ? fs.realpathSync(at) : null;
  if (real === null || !fs.statSync(real).isDirectory()) return [];
  if (occupied(copy, relative)) {
    notice(`${relative} is a link that git does not ignore, so it is not shared: add "${relative}" to .gitignore.`);
    return [];
  }
  if (path.basename(real) !== path.basename(at) || within(project, real)) {
    notice(`${relative} is not shared: it is a link to ${real}, which is no directory of that name.`);
    return [];
  }
  // Programs in it know it by the name it had when they were installed.
  return [{ host: real, path: at }, ...(within(real, project) ? [] : [{ host: real, path: real }])];
}

/** Packages that are links to elsewhere, as `npm link` makes them. Those into the store of pnpm work: it is mounted. */
function strayLinks(project: string, dir: string): string[] {
  if (path.basename(dir) !== 'node_modules') return [];
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory() && entry.name.startsWith('@'))
      return fs
        .readdirSync(file)
        .map((name) => path.join(file, name))
        .filter((each) => isStray(project, each));
    return isStray(project, file) ? [file] : [];
  });
}

function isStray(project: string, file: string): boolean {
  if (!fs.lstatSync(file).isSymbolicLink()) return false;
  const target = path.resolve(path.dirname(file), fs.readlinkSync(file));
  return !within(target, project) && !target.includes('/pnpm/store/');
}

/** Every directory of a fresh copy, relative, but git's own, those of `except` and those whose names are no text; no link is followed. */
function directoriesOf(copy: string, except: Set<string>): string[] {
  const found = [''];
  for (let n = 0; n < found.length; n++) {
    const dir = found[n] as string;
    for (const entry of fs.readdirSync(path.join(copy, dir), { withFileTypes: true }))
      if (entry.isDirectory() && entry.name !== '.git' && !except.has(entry.name) && !entry.name.includes('\ufffd'))
        found.push(path.join(dir, entry.name));
  }
  return found;
}
