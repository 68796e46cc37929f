/** Which waiting dispatch begins next, and what the others wait for. Pure. */

import type { Slot } from '../protocol/job.ts';

export interface Waiting {
  id: string;
  /** Whose turn it uses up: its session, else its project. */
  party: string;
  /** Dispatches that wait for this one, nearest first: what they hold is free for it, or neither would ever end. */
  ancestors: readonly string[];
  slots: readonly Slot[];
  /** Resident memory a dispatch of its kind takes, MB. */
  memoryMb: number;
}

export interface Running {
  id: string;
  /** null: it waits for a person, which is nobody's turn. */
  party: string | null;
  slots: readonly Slot[];
  /** What it will still take of the memory that counts as free, MB. */
  reservedMb: number;
}

export interface Turn {
  /** In this order. */
  begin: string[];
  /** What each of the others waits for, as the end of a sentence: `waits for …`. */
  waits: Map<string, string>;
}

/** Memory that stays free for everything else on the machine, MB. */
const MARGIN_MB = 256;

/**
 * Parties take turns: the one with the fewest running dispatches begins the next, among equals the one that asked first. `waiting` is
 * in the order it was asked for. `availableMb`: free memory of the host.
 */
export function nextTurn(waiting: readonly Waiting[], running: readonly Running[], availableMb: number): Turn {
  const holders = [...running];
  const left = [...waiting];
  const begin: string[] = [];
  const waits = new Map<string, string>();
  let free = availableMb - sum(running.map((one) => one.reservedMb)) - MARGIN_MB;
  for (;;) {
    const ready = left.filter((one) => taken(one, holders) === null);
    const load = (one: Waiting) => holders.filter((other) => other.party === one.party).length;
    const next = ready.reduce<Waiting | null>((best, one) => (best && load(best) <= load(one) ? best : one), null);
    if (!next) break;
    if (next.memoryMb > free) {
      // Nobody passes: small ones would keep a large one waiting for ever.
      for (const one of ready)
        waits.set(one.id, `memory (about ${next.memoryMb} MB are needed, ${shown(free)} are free)`);
      break;
    }
    free -= next.memoryMb;
    begin.push(next.id);
    holders.push({ ...next, reservedMb: next.memoryMb });
    left.splice(left.indexOf(next), 1);
  }
  for (const one of left) {
    const slot = taken(one, holders);
    if (slot) waits.set(one.id, slot);
  }
  return { begin, waits };
}

/** Whether the host has room for one dispatch of this size beside what runs; null, or what is missing. */
export function lackOfMemory(memoryMb: number, availableMb: number): string | null {
  const free = availableMb - MARGIN_MB;
  return memoryMb > free ? `about ${memoryMb} MB of memory are needed, ${shown(free)} are free` : null;
}

function taken(one: Waiting, holders: readonly Running[]): string | null {
  for (const slot of one.slots) {
    const held = holders.filter(
      (other) => !one.ancestors.includes(other.id) && other.slots.some((theirs) => theirs.of === slot.of),
    ).length;
    if (held >= (slot.atMost ?? Infinity)) return `${slot.of} (${held} of ${slot.atMost} in use)`;
  }
  return null;
}

const shown = (mb: number) => `${Math.max(0, Math.round(mb))} MB`;
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
