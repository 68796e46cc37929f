/**
 * Programs the host side of a sandbox runs. They are looked up in the system's own directories only: a client's PATH may name
 * directories of the project, and what an agent wrote there must never run outside.
 */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';

const DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin', '/run/current-system/sw/bin'];

/** Path of a system program; null where the system has none. */
export function findSystemProgram(name: string): string | null {
  return DIRECTORIES.map((dir) => path.join(dir, name)).find((file) => fs.existsSync(file)) ?? null;
}

/** Path of a system program the sandbox cannot do without. Throws PanError (exit 5) with the way to get it. */
export function systemProgram(name: 'bwrap' | 'prlimit' | 'bash'): string {
  const found = findSystemProgram(name);
  if (found) return found;
  const from = { bwrap: 'bubblewrap', prlimit: 'util-linux', bash: 'bash' }[name];
  throw new PanError(
    'no-sandbox',
    `${name} is not installed in ${DIRECTORIES.join(', ')}, so nothing could hold an agent.`,
    `Install the package ${from}, for example with: sudo apt-get install ${from}`,
    EXIT.unavailable,
  );
}
