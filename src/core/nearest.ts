/** The valid name somebody most likely meant. Errors about unknown names always carry it. */
import { distance } from 'fastest-levenshtein';

/** Typing errors grow with the length of a name: a third of its letters, at least two. */
const cutOff = (name: string): number => Math.max(2, Math.floor(name.length / 3));

/**
 * The member of `valid` nearest to `name`, or null where none is near enough to be a helpful guess.
 * Letter case does not count, and a name that is a whole part of exactly one valid name (`lab/m1` of
 * `native/lab/m1`) finds it however long the rest is. Ties go to the one listed first.
 */
export function nearest(name: string, valid: readonly string[]): string | null {
  const wanted = name.trim().toLowerCase();
  if (wanted === '') return null;
  let best: string | null = null;
  let bestDistance = cutOff(wanted) + 1;
  for (const candidate of valid) {
    const steps = distance(wanted, candidate.toLowerCase());
    if (steps < bestDistance) {
      best = candidate;
      bestDistance = steps;
    }
  }
  // A distance as long as the name itself means no letter in common.
  if (best !== null && bestDistance < Math.max(wanted.length, 2)) return best;
  const holding = valid.filter((candidate) => wanted.length >= 2 && candidate.toLowerCase().includes(wanted));
  return holding.length === 1 ? holding[0]! : null;
}

/** The sentence that follows "unknown X": the nearest valid name, else all of them (at most twelve), else that there are none. */
export function didYouMean(name: string, valid: readonly string[]): string {
  const guess = nearest(name, valid);
  if (guess !== null) return `Did you mean "${guess}"?`;
  if (valid.length === 0) return 'There are none.';
  const shown = valid.slice(0, 12).join(', ');
  return `Valid names: ${shown}${valid.length > 12 ? `, and ${valid.length - 12} more` : ''}.`;
}
