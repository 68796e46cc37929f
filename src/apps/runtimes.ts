/** The runtimes that ship. */
import type { Runtime } from '../core/contracts.ts';
import claudeCode from '../drivers/runtimes/claude-code.ts';
import native from '../drivers/runtimes/native.ts';
import { PanError } from '../protocol/error.ts';

export const RUNTIMES: readonly Runtime[] = [native, claudeCode];

/** Throws PanError (exit 2) for a runtime that does not ship. */
export function runtimeOf(id: string): Runtime {
  const runtime = RUNTIMES.find((one) => one.id === id);
  if (runtime) return runtime;
  throw new PanError(
    'unknown-runtime',
    `There is no runtime "${id}".`,
    `Use one of: ${RUNTIMES.map((one) => one.id).join(', ')}.`,
  );
}
