/** Writable caches in a read-only `node_modules`. */
import fs from 'node:fs';
import path from 'node:path';
import type { Share } from './spec.ts';

/** Where tools of Node write beside the packages. vite ends when it cannot make `.vite-temp` in a read-only directory. */
const CACHES = ['.cache', '.vite', '.vite-temp', '.vitest'];
/** Directories with caches take six mounts each, and bubblewrap takes 9,000 arguments in all, three for each link. */
const MOST = { directories: 16, links: 2_000 };
/** Where the packages are inside, in a layout that tools know from pnpm. */
const INNER = '.pancode/node_modules';

/**
 * Gives every `node_modules` of `shares` its caches. A mount needs a place, and nothing may be made in the user's directory: where a cache
 * is missing there, a directory of links takes its place, with the packages one level below. One with very many packages stays as it is.
 */
export function withPackageCaches(shares: Share[]): Share[] {
  const rest = { ...MOST };
  return shares.map((share, n) => {
    // One that a link leads to is there a second time, under its own name.
    const again = shares.findIndex((other) => other.host === share.host) < n;
    if (path.basename(share.path) !== 'node_modules' || again || rest.directories === 0) return share;
    const caches = CACHES.map((name) => path.join(share.path, name));
    const there = (name: string) => fs.lstatSync(path.join(share.host, name), { throwIfNoEntry: false })?.isDirectory();
    const missing = CACHES.filter((name) => !there(name));
    const links = missing.length === 0 ? [] : linksTo(share.host);
    rest.directories -= 1;
    if (links.length > rest.links) return { ...share, caches: caches.filter((dir) => there(path.basename(dir))) };
    rest.links -= links.length;
    if (missing.length === 0) return { ...share, caches };
    return { host: share.host, path: path.join(share.path, INNER), caches, linked: { path: share.path, links } };
  });
}

/** For every package the name it has and where its link leads; a link of the user's keeps its text, as its place stays the same. */
function linksTo(host: string): { name: string; target: string }[] {
  const entries = (dir: string) => fs.readdirSync(path.join(host, dir), { withFileTypes: true });
  const link = (dir: string, inner: string) => (entry: fs.Dirent) => {
    const name = path.join(dir, entry.name);
    const target = entry.isSymbolicLink() ? fs.readlinkSync(path.join(host, name)) : path.join(inner, name);
    return { name, target };
  };
  return entries('').flatMap((entry) => {
    if (CACHES.includes(entry.name) || entry.name === path.dirname(INNER)) return [];
    if (!entry.isDirectory() || !entry.name.startsWith('@')) return [link('', INNER)(entry)];
    return entries(entry.name).map(link(entry.name, path.join('..', INNER)));
  });
}
