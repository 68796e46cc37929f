/** Removes a directory tree an agent may have made hard to remove. */
import { execFile, spawnSync } from 'node:child_process';
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

/** The same by a process of its own: 10,000 files keep the event loop for a third of a second. For where clients are served meanwhile. */
export async function removeTreeBeside(dir: string): Promise<void> {
  if (!fs.existsSync(dir)) return;
  const failed = await new Promise((resolve) => execFile('rm', ['-rf', '--', dir], (error) => resolve(error)));
  if (failed !== null) removeTree(dir);
}
