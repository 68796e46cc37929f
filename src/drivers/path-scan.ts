/** Finds programs on a PATH without running any of them. */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

export interface FoundProgram {
  /** Real path: links followed. */
  path: string;
  /** Changes whenever the program is replaced: real path, size and modification time. */
  fingerprint: string;
}

/** null: not a file that can be run. */
export async function inspectProgram(file: string): Promise<FoundProgram | null> {
  try {
    const path = await realpath(file);
    const [facts] = await Promise.all([stat(path), access(path, constants.X_OK)]);
    return facts.isFile() ? { path, fingerprint: `${path}\0${facts.size}\0${facts.mtimeMs}` } : null;
  } catch {
    // Missing, a dangling link, or not ours to run: to the caller all of these mean "not there".
    return null;
  }
}

/** The first match of each name, as a shell would find it. Relative entries of PATH are not searched: they would run what a project holds. */
export async function scanPath(path: string, names: readonly string[]): Promise<Map<string, FoundProgram>> {
  const directories = [...new Set(path.split(delimiter))].filter((directory) => isAbsolute(directory));
  const found = await Promise.all(
    names.map(async (name) => {
      const hits = await Promise.all(directories.map((directory) => inspectProgram(join(directory, name))));
      return [name, hits.find((hit) => hit !== null) ?? null] as const;
    }),
  );
  return new Map(found.filter((entry): entry is [string, FoundProgram] => entry[1] !== null));
}
