import fc from 'fast-check';
import { expect, it } from 'vitest';
import { offsetSpans } from '../../src/core/time-zone.ts';

const QUARTER = 900_000;
const day = (zone: string, ms: number) =>
  new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(ms);

it('gives every quarter of an hour the day a calendar gives it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(
        'UTC',
        'Europe/Berlin',
        'America/St_Johns',
        'Asia/Kathmandu',
        'Australia/Lord_Howe',
        'Pacific/Apia',
        'Africa/Casablanca',
      ),
      fc.integer({ min: Date.UTC(2010, 0), max: Date.UTC(2030, 0) }),
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 0, max: 1_000_000 }),
      (zone, from, days, pick) => {
        const to = from + days * 86_400_000;
        const spans = offsetSpans(zone, from, to, QUARTER);
        for (const [i, span] of spans.entries()) if (i > 0) expect(span.from).toBe(spans[i - 1]?.to);
        expect(spans[0]?.from).toBeLessThanOrEqual(from);
        expect(spans.at(-1)?.to).toBeGreaterThanOrEqual(to);
        const at = Math.floor((from + (pick / 1_000_001) * (to - from)) / QUARTER) * QUARTER;
        const span = spans.find((one) => one.from <= at && at < one.to);
        if (!span) expect(to - from).toBeLessThan(QUARTER);
        else expect(new Date(at + span.offsetMs).toISOString().slice(0, 10)).toBe(day(zone, at));
      },
    ),
    { numRuns: 60 },
  );
});

it('finds the two changes of a year to the quarter of an hour', () => {
  const spans = offsetSpans('Europe/Berlin', Date.UTC(2026, 0), Date.UTC(2027, 0), QUARTER);
  expect(spans.map(({ from, offsetMs }) => [new Date(from).toISOString(), offsetMs / 3_600_000])).toEqual([
    ['2026-01-01T00:00:00.000Z', 1],
    ['2026-03-29T01:00:00.000Z', 2],
    ['2026-10-25T01:00:00.000Z', 1],
  ]);
  expect(() => offsetSpans('Not/AZone', 0, 1, QUARTER)).toThrow(RangeError);
});
