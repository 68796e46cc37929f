/** A time limit that stands still while a person is waited for. All times are monotonic ms. */

export interface TimeLimit {
  /** Calls `end` once the time is used up. */
  start(limitMs: number, end: () => void): void;
  /** Stands still from now on, until every one who holds it has called what they got. */
  hold(): () => void;
  /** How long it has stood still. */
  heldMs(): number;
  /** `end` is not called any more. */
  stop(): void;
}

export function createTimeLimit(): TimeLimit {
  const holders = new Set<object>();
  let timer: NodeJS.Timeout | undefined;
  let leftMs: number | null = null;
  let end = () => {};
  let runsSince = 0;
  let heldSince = 0;
  let heldBeforeMs = 0;
  const run = () => {
    if (leftMs === null) return;
    runsSince = performance.now();
    timer = setTimeout(end, Math.max(0, leftMs));
  };
  return {
    start(limitMs, whenOver) {
      leftMs = limitMs;
      end = whenOver;
      if (holders.size === 0) run();
    },
    hold() {
      const holder = {};
      if (holders.size === 0) {
        heldSince = performance.now();
        clearTimeout(timer);
        if (leftMs !== null) leftMs -= performance.now() - runsSince;
      }
      holders.add(holder);
      return () => {
        if (!holders.delete(holder) || holders.size > 0) return;
        heldBeforeMs += performance.now() - heldSince;
        run();
      };
    },
    heldMs: () => heldBeforeMs + (holders.size > 0 ? performance.now() - heldSince : 0),
    stop() {
      clearTimeout(timer);
      leftMs = null;
    },
  };
}
