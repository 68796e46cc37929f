/** Gives every changed path its class: reads the few facts about content that the rules of core/policy/paths.ts need. */
import { followLink, linksPassed } from '../../core/policy/links.ts';
import { contentMatters, type RankedPath, rankPath } from '../../core/policy/paths.ts';
import type { GitHost } from './git.ts';
import type { Project } from './inspect.ts';
import { type Name, nameOf, textOf } from './names.ts';
import { readBlobs, type TreeChange, treeFiles } from './tree-changes.ts';

export interface RankedChange extends RankedPath {
  change: TreeChange;
  path: string;
}

const LINK = '120000';

/** `changes` are those from some tree to `toTree`. */
export async function rankChanges(
  project: Project,
  host: GitHost,
  changes: TreeChange[],
  toTree: string,
): Promise<RankedChange[]> {
  const [links, texts] = await Promise.all([linksOf(project, host, changes, toTree), textsOf(project, host, changes)]);
  const misled = misleading(changes, links);
  return changes.map((change) => {
    const path = textOf(change.name);
    const target = change.new?.mode === LINK ? links.get(path) : undefined;
    const ranked = rankPath({
      path,
      oldMode: change.old?.mode ?? null,
      newMode: change.new?.mode ?? null,
      link: target === undefined ? null : { target, reaches: followLink(path, links) },
      oldText: texts(change.old?.id),
      newText: texts(change.new?.id),
    });
    const other = misled.get(change.name);
    if (other === undefined || ranked.rank === 'forbidden') return { change, path, ...ranked };
    return { change, path, rank: 'forbidden', why: `through it the symbolic link ${other} leaves the project` };
  });
}

/** Targets of all links of the tree by their path; read only where a change has a link. */
async function linksOf(
  project: Project,
  host: GitHost,
  changes: TreeChange[],
  toTree: string,
): Promise<Map<string, string>> {
  if (!changes.some((change) => change.new?.mode === LINK)) return new Map();
  const found = [...(await treeFiles(project, host, toTree))].filter(([, blob]) => blob.mode === LINK);
  const targets = await readBlobs(
    project,
    host,
    found.map(([, blob]) => blob.id),
  );
  return new Map(found.map(([name, blob]) => [textOf(name), targets.get(blob.id)?.toString('utf8') ?? '']));
}

/** Changed links that make an unchanged link leave the project, with one such link. */
function misleading(changes: TreeChange[], links: Map<string, string>): Map<Name, string> {
  const found = new Map<Name, string>();
  const changed = new Set(changes.map((change) => change.name));
  for (const path of links.keys()) {
    if (changed.has(nameOf(path)) || followLink(path, links) !== null) continue;
    for (const passed of linksPassed(path, links)) if (changed.has(nameOf(passed))) found.set(nameOf(passed), path);
  }
  return found;
}

/** Text of the files whose content decides; null for all others. */
async function textsOf(
  project: Project,
  host: GitHost,
  changes: TreeChange[],
): Promise<(id: string | undefined) => string | null> {
  const ids = changes
    .filter((change) => contentMatters(textOf(change.name)))
    .flatMap((change) => [change.old, change.new])
    .flatMap((blob) => (blob && blob.mode !== LINK && blob.mode !== '160000' ? [blob.id] : []));
  const blobs = await readBlobs(project, host, ids);
  return (id) => (id === undefined ? null : (blobs.get(id)?.toString('utf8') ?? null));
}
