/** What git itself knows of dispatches: every result is in a ref, so all of them are found without any file of PanCode's. */
import { PanError } from '../../protocol/error.ts';
import { type GitHost, git, splitNul, tryGit } from './git.ts';
import type { Project } from './inspect.ts';

const REFS = 'refs/pancode/';
/** Where the refs of a discarded result are until they are pruned. */
const TRASHED = `${REFS}trash/`;

export interface HeldRef {
  ref: string;
  commit: string;
}

/** All refs of one dispatch in one repository. `name` of a ref is what follows the id: `base`, `result`, `commits/1`. */
export interface Held {
  id: string;
  /** A person said no to it. */
  discarded: boolean;
  refs: Map<string, HeldRef>;
}

/** In the order of their ids. One git process. */
export async function heldRefs(project: Project, host: GitHost): Promise<Held[]> {
  const found = new Map<string, Held>();
  for (const { ref, commit } of await refsBelow(project, host, REFS)) {
    const discarded = ref.startsWith(TRASHED);
    const [id, ...rest] = ref.slice((discarded ? TRASHED : REFS).length).split('/') as [string, ...string[]];
    if (rest.length === 0) continue; // none of ours
    const held = found.get(id) ?? { id, discarded, refs: new Map() };
    // A move that was cut off leaves both; what is not in the trash counts.
    held.discarded &&= discarded;
    if (!held.refs.has(rest.join('/')) || !discarded) held.refs.set(rest.join('/'), { ref, commit });
    found.set(id, held);
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The ref that holds the work: the result, else commits the agent made whose tree did not become one. null: there is none. */
export function workOf(held: Held): HeldRef | null {
  return held.refs.get('result') ?? held.refs.get('commits/1') ?? null;
}

/** Files that differ between the snapshot and the work; null where git cannot tell, because objects are missing. */
export async function workFiles(project: Project, host: GitHost, held: Held, commit: string): Promise<string[] | null> {
  // The parent of a result is the snapshot; commits of the agent's own may have others between.
  const from = held.refs.get('base')?.commit ?? `${commit}^`;
  const flags = ['-r', '-z', '--name-only', '--no-renames'];
  const asked = await tryGit(host, ['diff-tree', ...flags, from, commit], { cwd: project.root });
  return asked.code === 0 ? splitNul(asked.stdout) : null;
}

/** Moves all refs of a dispatch into the trash or out of it, all or none. Again without harm. Throws PanError where it has none. */
export async function moveRefs(project: Project, host: GitHost, id: string, to: 'trash' | 'back'): Promise<void> {
  const prefix = { trash: `${TRASHED}${id}/`, back: `${REFS}${id}/` };
  const from = to === 'trash' ? prefix.back : prefix.trash;
  const moves = (await refsBelow(project, host, from)).flatMap(({ ref, commit }) => [
    `update ${prefix[to]}${ref.slice(from.length)} ${commit}`,
    `delete ${ref} ${commit}`,
  ]);
  if (moves.length === 0)
    throw new PanError(
      'no-commit',
      `There is no ref of ${id} in ${project.root} any more.`,
      'It was pruned or deleted; dispatch the task again.',
    );
  const input = ['start', ...moves, 'prepare', 'commit', ''].join('\n');
  await git(host, ['update-ref', '--stdin'], { cwd: project.root, input });
}

/** Deletes refs that still are what they were when they were looked at. git frees the objects at its own next clean-up. */
export async function deleteRefs(project: Project, host: GitHost, refs: HeldRef[]): Promise<void> {
  const input = refs.map(({ ref, commit }) => `delete ${ref} ${commit}\n`).join('');
  await git(host, ['update-ref', '--stdin'], { cwd: project.root, input });
}

/** Names of refs hold neither spaces nor line breaks. */
async function refsBelow(project: Project, host: GitHost, prefix: string): Promise<HeldRef[]> {
  const out = await git(host, ['for-each-ref', '--format=%(objectname) %(refname)', prefix], { cwd: project.root });
  const lines = out.toString('utf8').split('\n').filter(Boolean);
  return lines.map((line) => ({ commit: line.slice(0, line.indexOf(' ')), ref: line.slice(line.indexOf(' ') + 1) }));
}
