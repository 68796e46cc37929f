/** What the user's git ignores without the project saying so: their global excludes and the repository's `info/exclude`, as one text. */
import fs from 'node:fs';
import path from 'node:path';
import type { Project } from './inspect.ts';

/** The repository's own file comes last, as its patterns win. */
export function userExcludes(project: Project): string {
  return [project.excludesFile, path.join(project.commonDir, 'info', 'exclude')]
    .map((file) => {
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      return stat?.isFile() ? fs.readFileSync(file, 'utf8') : '';
    })
    .join('\n');
}
