/** A project that had no repository has become one: what PanCode kept in a directory of its own goes over, so that every id still works. */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { type GitHost, lastLine, tryGit } from './git.ts';
import { isOwn, markAdopted, ownDirectory } from './own-directory.ts';

/** Does nothing where there is nothing to take over. Throws PanError where git cannot. */
export async function adoptOwn(root: string, host: GitHost): Promise<void> {
  const { state, ...plain } = host;
  if (!isOwn(state, root) || !fs.existsSync(path.join(root, '.git'))) return;
  const from = ownDirectory(state, root);
  const fetched = await tryGit(
    plain,
    ['fetch', '-q', '--no-write-fetch-head', '--no-tags', '--no-auto-gc', from, '+refs/pancode/*:refs/pancode/*'],
    { cwd: root, env: { GIT_ALLOW_PROTOCOL: 'file' } },
  );
  if (fetched.code !== 0)
    throw new PanError(
      'not-adopted',
      `${root} has become a git repository, and earlier work in ${from} could not be taken over: ${lastLine(fetched.stderr)}.`,
      'Repair the repository, or move that directory away to go on without the earlier work.',
      EXIT.usage,
    );
  markAdopted(state, root);
}
