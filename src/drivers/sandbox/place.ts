/** Places that no sandbox may be built on: with them mounted, nothing would be hidden. */
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { ownDirectories } from './mounts.ts';
import { type SandboxSpec, within } from './spec.ts';

/** Throws PanError (exit 2) where the project, or a directory a runtime asked for, holds the home or PanCode's own directories. */
export function refusePlaces(spec: SandboxSpec): void {
  const home = spec.home.path;
  if (![spec.project, spec.cwd, home, spec.home.host].every(path.isAbsolute))
    throw new Error('a sandbox takes absolute paths only');
  if (home === '/') throw refused('The home directory is /', 'Set HOME to a directory of its own.');
  if (within(home, spec.project))
    throw refused(`${spec.project} holds the home directory ${home}`, 'Work in a directory below it.');
  if (!within(spec.cwd, spec.project))
    throw refused(`${spec.cwd} is not in the project ${spec.project}`, 'Start in the project.');
  const own = ownDirectories(spec).find((dir) => within(dir, spec.project));
  if (own)
    throw refused(`${spec.project} holds ${own}, which an agent must not see`, 'Work elsewhere, or move PANCODE_HOME.');
  const root = spec.roots.find((dir) =>
    [home, spec.project, ...ownDirectories(spec)].some((place) => within(place, dir)),
  );
  if (root)
    throw refused(
      `A program is installed in ${root}, which holds more than the program`,
      'Install it in a directory of its own.',
    );
}

function refused(what: string, toDo: string): PanError {
  return new PanError('place', `${what}.`, toDo, EXIT.usage);
}
