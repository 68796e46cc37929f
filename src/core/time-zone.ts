/** Offsets of a time zone to UTC, for calendar days as a person counts them. Pure: the zone is given, the clock is not read. */

const WEEK_MS = 604_800_000;

/** A stretch of time with one offset. `from` is inside, `to` is not; ms since 1970, multiples of `step`. */
export interface OffsetSpan {
  from: number;
  to: number;
  offsetMs: number;
}

/** The spans that cover `from`..`to`, each boundary exact to `step` ms. Throws RangeError on an unknown zone. */
export function offsetSpans(zone: string, from: number, to: number, step: number): OffsetSpan[] {
  const offsetAt = offsetsOf(zone);
  const spans: OffsetSpan[] = [];
  let start = Math.floor(from / step) * step;
  let offsetMs = offsetAt(start);
  // The shortest time between two changes of any zone is four weeks (summer time left off for Ramadan), so looking once a week finds them all.
  for (let at = start; at < to; at += WEEK_MS) {
    const next = Math.min(at + WEEK_MS, Math.ceil(to / step) * step);
    const later = offsetAt(next);
    if (later === offsetMs) continue;
    let [before, after] = [at, next];
    while (after - before > step) {
      const middle = before + Math.floor((after - before) / 2 / step) * step;
      if (offsetAt(middle) === offsetMs) before = middle;
      else after = middle;
    }
    spans.push({ from: start, to: after, offsetMs });
    [start, offsetMs] = [after, later];
  }
  return [...spans, { from: start, to: Math.max(start, Math.ceil(to / step) * step), offsetMs }];
}

function offsetsOf(zone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (ms) => {
    const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const local = Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second);
    return local - Math.floor(ms / 1000) * 1000;
  };
}
