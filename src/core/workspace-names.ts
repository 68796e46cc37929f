/** Names in `workspace.share` and `workspace.copy`: a project's own file may hold them, so they never lead out of the project. Pure. */
import path from 'node:path';
import type { Config } from '../protocol/config.ts';
import { PanError } from '../protocol/error.ts';

/** Throws PanError (exit 2) for the first name that is not a place in the project. */
export function checkWorkspaceNames(workspace: Pick<Config['workspace'], 'share' | 'copy'>): void {
  for (const key of ['share', 'copy'] as const)
    for (const name of workspace[key]) {
      const parts = path.normalize(name).split('/');
      const fault =
        name === '' || name.includes('\0')
          ? 'is no name'
          : path.isAbsolute(name) || parts.includes('..') || parts[0] === '.'
            ? 'is not a place inside the project'
            : parts.some((part) => part.toLowerCase() === '.git')
              ? 'is git’s own'
              : null;
      if (fault)
        throw new PanError(
          'config-value',
          `workspace.${key} holds ${JSON.stringify(name)}, which ${fault}.`,
          'Give names relative to the project, such as node_modules or .env.',
        );
    }
}
