/** What a person may give for `--since`, as a point in time. */
import { PanError } from '../protocol/error.ts';

const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A date is its local midnight, a time without a zone is local, `24h` is that long ago. ISO-8601 UTC; exit 2 on anything else. */
export function sinceFlag(value: string | undefined, now: Date): string | undefined {
  if (value === undefined) return undefined;
  const ago = /^(\d{1,6})([mhdw])$/.exec(value);
  const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  const at = ago
    ? now.getTime() - Number(ago[1]) * (UNIT_MS[ago[2] as string] as number)
    : date
      ? localMidnight(Number(date[1]), Number(date[2]), Number(date[3]))
      : /^\d{4}-\d\d-\d\dT/.test(value)
        ? Date.parse(value)
        : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new PanError(
    'bad-flag',
    `--since cannot be "${value}".`,
    'Give a date such as 2026-11-01, a time such as 2026-11-01T09:00, or a length such as 90m, 24h, 7d, 2w.',
  );
}

/** `Date` makes 2026-02-30 the second of March; here it is no date. */
function localMidnight(year: number, month: number, day: number): number {
  const at = new Date(year, month - 1, day);
  return at.getMonth() === month - 1 && at.getDate() === day ? at.getTime() : Number.NaN;
}
