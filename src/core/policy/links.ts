/** Where the symbolic links of a tree lead. Pure: paths and targets in, a path out. */

/** More steps than this is a circle; Linux gives up at the same number. */
const MOST_STEPS = 40;

/**
 * The path in the tree that the link at `path` reaches when it is followed through all other links; "" is the top. null: it leaves the tree,
 * is absolute, or never ends. `links` maps the path of every link of the tree to its target. The path it reaches need not exist.
 */
export function followLink(path: string, links: ReadonlyMap<string, string>): string | null {
  return walk(path, links)?.reaches ?? null;
}

/** The links, besides itself, that the link at `path` passes on its way. */
export function linksPassed(path: string, links: ReadonlyMap<string, string>): Set<string> {
  const passed = new Set<string>();
  walk(path, links, passed);
  passed.delete(path);
  return passed;
}

function walk(
  path: string,
  links: ReadonlyMap<string, string>,
  passed = new Set<string>(),
): { reaches: string } | null {
  const at: string[] = [];
  const ahead = path.split('/').reverse();
  let steps = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return null;
      continue;
    }
    at.push(part);
    const here = at.join('/');
    const target = links.get(here);
    if (target === undefined) continue;
    passed.add(here);
    steps += 1;
    if (target.startsWith('/') || steps > MOST_STEPS) return null;
    at.pop();
    ahead.push(...target.split('/').reverse());
  }
  return { reaches: at.join('/') };
}
