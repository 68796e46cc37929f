/** The runtimes that ship: id → adapter, loaded when needed. */
import type { Runtime } from '../core/contracts.ts';
import { PanError } from '../protocol/error.ts';

const RUNTIMES: Record<string, () => Promise<{ default: Runtime }>> = {
  native: () => import('../drivers/runtimes/native.ts'),
  'claude-code': () => import('../drivers/runtimes/claude-code.ts'),
};

export async function loadRuntime(id: string): Promise<Runtime> {
  const load = RUNTIMES[id];
  if (!load)
    throw new PanError(
      'unknown-runtime',
      `There is no runtime "${id}".`,
      `Use one of: ${Object.keys(RUNTIMES).join(', ')}.`,
    );
  return (await load()).default;
}

export function allRuntimes(): Promise<Runtime[]> {
  return Promise.all(Object.keys(RUNTIMES).map(loadRuntime));
}
