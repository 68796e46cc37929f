/** A partial clone has not every object. What a dispatch needs must be there before it starts: nothing is fetched behind the user's back. */
import { EXIT, PanError } from '../../protocol/error.ts';
import { type GitHost, git, tryGit } from './git.ts';
import type { Project } from './inspect.ts';
import { outsideSparse } from './sparse.ts';

/** Throws PanError where files of `commit` are missing that belong into the working tree. `index`: a file that is made and removed. */
export async function refuseMissing(project: Project, host: GitHost, commit: string, index: string): Promise<void> {
  if (!project.partial) return;
  const at = { cwd: project.root };
  const listed = await tryGit(host, ['rev-list', '--objects', '--missing=print', '--no-walk', commit], at);
  const lines = listed.stdout.toString('utf8').split('\n');
  const missing = new Set(lines.filter((line) => line.startsWith('?')).map((line) => line.slice(1).split(' ')[0]));
  if (missing.size === 0 && listed.code === 0) return;
  if (listed.code !== 0) throw incomplete(project, 'directories of it are missing');
  const files = await git(host, ['ls-tree', '-r', '-z', commit], at);
  const needed = files
    .toString('latin1')
    .split('\0')
    .filter((entry) => missing.has(entry.split(/[ \t]/, 3)[2] ?? ''))
    .map((entry) => entry.slice(entry.indexOf('\t') + 1));
  const count = needed.length - (await outsideSparse(project, host, needed, index)).size;
  if (count > 0) throw incomplete(project, `${count} files of it are missing`);
}

function incomplete(project: Project, what: string): PanError {
  return new PanError(
    'missing-objects',
    `${project.root} is a partial clone, and what the dispatch starts from is not all there: ${what}.`,
    'Fetch the rest with `git fetch --refetch --no-filter`, then dispatch again.',
    EXIT.usage,
  );
}
