/** Top of the git work tree a directory lies in, by looking for `.git` upwards; null outside of one. Runs nothing. */
import fs from 'node:fs';
import path from 'node:path';

export function projectRootOf(cwd: string): string | null {
  let dir = fs.existsSync(cwd) ? fs.realpathSync(cwd) : path.resolve(cwd);
  for (;;) {
    if (fs.existsSync(path.join(dir, '.git'))) return dir;
    const up = path.dirname(dir);
    if (up === dir) return null;
    dir = up;
  }
}
