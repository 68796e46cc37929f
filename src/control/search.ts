/** Where the agent CLIs of a client are: on its PATH, else on the PATH of its login shell, else where installers put them. */
import { delimiter } from 'node:path';
import { knownPrefixes } from '../drivers/known-prefixes.ts';
import { type FoundProgram, inspectProgram, scanPath } from '../drivers/path-scan.ts';
import type { Config } from '../protocol/config.ts';
import type { Findable } from './clis.ts';

export interface SearchPlace {
  config: Pick<Config, 'discover' | 'runtimes'>;
  path: string;
  home: string;
}

/** `elsewhere`: found, but not on the client's PATH. */
export type Found = FoundProgram & { elsewhere: boolean };

/** Programs that discovery may look for: with `discover: false` only those the configuration names. */
export function sought(subjects: readonly Findable[], { config }: SearchPlace): Findable[] {
  return subjects.filter(
    ({ id, programs }) => programs.length > 0 && (config.discover || Object.hasOwn(config.runtimes, id)),
  );
}

/** By runtime id. `shellPath`: of the login shell; null = not known. */
export async function findPrograms(
  subjects: readonly Findable[],
  place: SearchPlace,
  shellPath: string | null,
): Promise<Map<string, Found>> {
  const wanted = sought(subjects, place);
  const names = wanted.flatMap(({ programs }) => programs);
  const onPath = await scanPath(place.path, names);
  const missing = names.filter((name) => !onPath.has(name));
  const further = [...(shellPath === null ? [] : [shellPath]), ...(await knownPrefixes(place.home))].join(delimiter);
  const beyond = missing.length === 0 ? new Map<string, FoundProgram>() : await scanPath(further, missing);
  const found = await Promise.all(
    wanted.map(async ({ id, programs }): Promise<[string, Found][]> => {
      const override = place.config.runtimes[id]?.path;
      if (override !== undefined) {
        const program = await inspectProgram(override);
        return program ? [[id, { ...program, elsewhere: false }]] : [];
      }
      const near = programs.map((name) => onPath.get(name)).find((hit) => hit !== undefined);
      if (near) return [[id, { ...near, elsewhere: false }]];
      const far = programs.map((name) => beyond.get(name)).find((hit) => hit !== undefined);
      return far ? [[id, { ...far, elsewhere: true }]] : [];
    }),
  );
  return new Map(found.flat());
}
