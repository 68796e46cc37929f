/** Removes a directory tree an agent may have made hard to remove. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

/** Removes `dir`; where permissions are in the way they are opened first. A missing directory is fine. */
export function removeTree(dir: string): void {
  try {
    fs.rmSync(dir, { recursive: true, force: true });
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    spawnSync('chmod', ['-R', 'u+rwX', '--', dir], { stdio: 'ignore' });
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}
