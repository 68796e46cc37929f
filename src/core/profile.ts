/** Stance → kernel profile (safety-design §1). The safety level never weakens it: it decides the apply gate. Pure. */
import type { Stance } from '../protocol/receipt.ts';

export type Profile = 'R' | 'RX' | 'W';

export function profileFor(stance: Pick<Stance, 'mode' | 'readonly'>, run: boolean): Profile {
  if (stance.mode === 'build' && !stance.readonly) return 'W';
  return run ? 'RX' : 'R';
}
