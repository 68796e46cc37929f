/** How long a server asks to wait, from its answer's headers or its error document. Pure. */

/**
 * `retry-after-ms`, else `retry-after` in seconds or as a date (RFC 9110 §10.2.3), else Anthropic's `anthropic-ratelimit-*-reset` times
 * (RFC 3339; seconds since 1970 in the `unified` ones): the latest of the limits that are used up, or of all where none says so.
 * Milliseconds from `nowMs`; null where it does not say.
 */
export function retryAfter(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): number | null {
  const first = (name: string): string => {
    const value = headers[name];
    return (Array.isArray(value) ? value[0] : value)?.trim() ?? '';
  };
  const ms = Number.parseFloat(first('retry-after-ms'));
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const value = first('retry-after');
  if (value !== '') {
    const seconds = Number(value);
    if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
    const date = Date.parse(value);
    if (!Number.isNaN(date)) return Math.max(0, date - nowMs);
  }
  const limits = Object.keys(headers).flatMap((name) => {
    const limit = /^anthropic-ratelimit-(.+)-reset$/.exec(name)?.[1];
    const at = limit === undefined ? Number.NaN : moment(first(name));
    return Number.isNaN(at) ? [] : [{ at, used: first(`anthropic-ratelimit-${limit}-remaining`) === '0' }];
  });
  const usedUp = limits.filter((limit) => limit.used);
  const times = (usedUp.length > 0 ? usedUp : limits).map((limit) => limit.at);
  return times.length === 0 ? null : Math.max(0, Math.max(...times) - nowMs);
}

const moment = (value: string): number => (/^\d+(\.\d+)?$/.test(value) ? Number(value) * 1_000 : Date.parse(value));

/**
 * The same from the text of an error: Google says it in `error.details` (google.rpc.RetryInfo, a Duration such as "39.5s"), OpenAI also in
 * words ("Please try again in 1.5s", "… in 250ms"). Milliseconds; null where it does not say.
 */
export function retryAfterSaid(body: string): number | null {
  const said =
    /"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)(s)"/.exec(body) ?? /\btry again in (\d+(?:\.\d+)?) ?(m?s)\b/i.exec(body);
  return said ? Math.round(Number(said[1]) * (said[2]!.toLowerCase() === 'ms' ? 1 : 1_000)) : null;
}
