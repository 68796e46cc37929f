/** The queue: who waits, who begins, and what the others wait for. Who comes next is decided in core/queue.ts. */
import type { LiveFold } from '../core/live-state.ts';
import { nextTurn } from '../core/queue.ts';
import type { Job, StartPipe } from '../protocol/job.ts';

/** Other programs give memory back without telling anybody: a queue that waits is looked at again after this long, ms. */
const AGAIN_MS = 5_000;
/** What began this long ago has taken the memory it needs, ms. */
const GROWN_MS = 20_000;

export interface Turnable {
  job: Job;
  /** null: its keys were in the memory of a daemon that is gone. Any client brings them again. */
  start: StartPipe | null;
  fold: LiveFold;
  running: boolean;
  /** Monotonic, ms. */
  begunMs: number;
}

export interface TurnParts<Entry extends Turnable> {
  live: ReadonlyMap<string, Entry>;
  /** Free memory of the host, MB. */
  availableMb(): number;
  begin(entry: Entry, start: StartPipe): void;
}

export function createTurns<Entry extends Turnable>(parts: TurnParts<Entry>) {
  const queue: string[] = [];
  let waits: ReadonlyMap<string, string> = new Map();
  let again: NodeJS.Timeout | undefined;

  const ancestorsOf = (job: Job): string[] => {
    const parent = job.parent === null ? undefined : parts.live.get(job.parent);
    return parent ? [parent.job.id, ...ancestorsOf(parent.job)] : [];
  };

  /** Lets begin whoever may. To be called whenever something has ended, or waits for a person. */
  const pump = () => {
    clearTimeout(again);
    const waiting = queue.flatMap((id) => {
      const entry = parts.live.get(id);
      return entry?.start ? [entry] : [];
    });
    const turn = nextTurn(
      waiting.map(({ job }) => ({ ...shareOf(job), ancestors: ancestorsOf(job), memoryMb: job.memoryMb })),
      [...parts.live.values()]
        .filter((entry) => entry.running)
        .map(({ job, begunMs, fold }) => ({
          ...shareOf(job),
          // It keeps its memory and no place: else one question nobody sees would stop everything.
          ...(fold.openQuestions.length > 0 ? { party: null, slots: [] } : {}),
          reservedMb: performance.now() - begunMs < GROWN_MS ? job.memoryMb : 0,
        })),
      parts.availableMb(),
    );
    waits = turn.waits;
    for (const entry of waiting.filter(({ job }) => turn.begin.includes(job.id))) {
      leave(entry.job.id);
      entry.running = true;
      entry.begunMs = performance.now();
      parts.begin(entry, entry.start as StartPipe);
    }
    if (waits.size > 0) again = setTimeout(pump, AGAIN_MS).unref();
  };

  /** False where it does not wait. */
  const leave = (id: string): boolean => {
    const at = queue.indexOf(id);
    if (at >= 0) queue.splice(at, 1);
    return at >= 0;
  };

  return {
    pump,
    leave,
    join(id: string) {
      queue.push(id);
      pump();
    },
    waiting: () => [...queue],
    /** What it waits for, as the end of a sentence; null where it does not wait. */
    waitsFor({ job, start }: Entry): string | null {
      if (!queue.includes(job.id)) return null;
      if (!start)
        return `its keys, which were in the memory of a daemon that is gone: \`pancode wait ${job.id}\` brings them`;
      return waits.get(job.id) ?? null;
    },
  };
}

const shareOf = (job: Job) => ({ id: job.id, party: job.session ?? job.project.root, slots: job.slots });
