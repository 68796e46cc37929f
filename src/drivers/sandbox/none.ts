/** No sandbox, for `--unsandboxed` alone: a guarded process group, the dispatch's mark, and no promise beyond that. */
import { type SandboxedProcess, startedChild } from './child.ts';
import { spawnGuarded } from './guard.ts';
import type { SandboxSpec } from './spec.ts';

/** What has left the process group is found by the dispatch's mark. */
export async function startUnsandboxed(
  spec: SandboxSpec,
  command: string[],
  options: { stdio: 'pipe' | 'inherit' },
): Promise<SandboxedProcess> {
  const { stdio } = options;
  const { child, kill } = spawnGuarded(command, {
    cwd: spec.copy ?? spec.cwd,
    stdio: [stdio, stdio, stdio],
    env: { ...spec.locale, PATH: spec.path, HOME: spec.home.host, ...spec.env, PANCODE_DISPATCH: spec.dispatch },
  });
  const { ended, ...started } = await startedChild(child);
  return { ...started, reachable: Promise.resolve(), exited: ended, kill };
}
