/** Finds programs on a PATH without running any of them. */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';

export interface FoundProgram {
  /** Real path: links followed. */
  path: string;
  /** The directory it was found in, where its companions are (the `node` a script starts). */
  directory: string;
  /** Changes whenever the program is replaced: real path, size and modification time. */
  fingerprint: string;
}

/** null: not a file that can be run. */
export async function inspectProgram(file: string): Promise<FoundProgram | null> {
  try {
    const path = await realpath(file);
    const [facts] = await Promise.all([stat(path), access(path, constants.X_OK)]);
    if (!facts.isFile()) return null;
    return { path, directory: dirname(file), fingerprint: `${path}\0${facts.size}\0${facts.mtimeMs}` };
  } catch {
    // Missing, a dangling link, or not ours to run: to the caller all of these mean "not there".
    return null;
  }
}

/** What the links of version managers end in: one program that becomes another by the name it is called with, which a real path has lost. */
const SHIMS = new Set(['volta-shim', 'mise', 'rtx', 'proto-shim', 'asdf']);

/**
 * The first match of each name, as a shell would find it. Relative entries of PATH are not searched: they would run what a project holds.
 * Shims of version managers are passed over: what they stand for is in the manager's own directories (known-prefixes.ts).
 */
export async function scanPath(path: string, names: readonly string[]): Promise<Map<string, FoundProgram>> {
  const directories = [...new Set(path.split(delimiter))].filter(
    (directory) => isAbsolute(directory) && basename(directory) !== 'shims',
  );
  const found = await Promise.all(
    names.map(async (name) => {
      const hits = await Promise.all(directories.map((directory) => inspectProgram(join(directory, name))));
      return [name, hits.find((hit) => hit !== null && !SHIMS.has(basename(hit.path))) ?? null] as const;
    }),
  );
  return new Map(found.filter((entry): entry is [string, FoundProgram] => entry[1] !== null));
}
