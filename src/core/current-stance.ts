/** Which stance holds at the apply gate: the stricter of the sealed one and what the user has set since (design §6). Pure. */
import type { Stance } from '../protocol/receipt.ts';
import { MODES, SAFETY_LEVELS } from '../protocol/words.ts';

type Level = Pick<Stance, 'mode' | 'safety'>;

/**
 * `then` and `now` are the configured mode and level at admission and at the gate. One that has not changed says nothing new: what the
 * person gave with the command, also to widen, was said knowing it. One that has changed may only narrow.
 */
export function stanceAtGate(sealed: Stance, then: Level, now: Level): Stance {
  return {
    ...sealed,
    mode: now.mode === then.mode ? sealed.mode : stricter(MODES, sealed.mode, now.mode),
    safety: now.safety === then.safety ? sealed.safety : stricter(SAFETY_LEVELS, sealed.safety, now.safety),
  };
}

/** Both lists begin with the strictest word. */
function stricter<T>(words: readonly T[], a: T, b: T): T {
  return words.indexOf(a) <= words.indexOf(b) ? a : b;
}
