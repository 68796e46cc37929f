/** What the user's git ignores without the project saying so: their global excludes and the repository's `info/exclude`, as one text. */
import fs from 'node:fs';
import path from 'node:path';
import { type GitHost, tryGit } from './git.ts';
import type { Project } from './inspect.ts';

/** The repository's own file comes last, as its patterns win. */
export async function userExcludes(project: Project, host: GitHost): Promise<string> {
  const asked = await tryGit(host, ['config', '--type=path', '-z', '--get', 'core.excludesFile'], {
    cwd: project.root,
  });
  const named = asked.stdout.toString('utf8').replace(/\0$/, '');
  const global = asked.code === 0 ? named : path.join(host.home, '.config', 'git', 'ignore');
  return [path.resolve(project.root, global), path.join(project.commonDir, 'info', 'exclude')]
    .map((file) => {
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      return stat?.isFile() ? fs.readFileSync(file, 'utf8') : '';
    })
    .join('\n');
}
