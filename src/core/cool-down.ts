/** When a model service that fails is left alone, and until when. Pure: moments are given, in ms since 1970. */
import type { MeteredRequest } from '../protocol/usage.ts';
import { asksModel } from './usage.ts';

export interface CoolDown {
  /** Failures in a row. */
  failures: number;
  /** Left alone until then; null = it is used. */
  until: number | null;
  /** When it was last found failing. */
  at: number;
  state: 'unavailable' | 'auth-required';
  /** One sentence without its full stop; empty while nothing is wrong. */
  reason: string;
  /** The service itself said how long: asking it sooner only makes that longer. */
  asked: boolean;
}

export const WELL: CoolDown = { failures: 0, until: null, at: 0, state: 'unavailable', reason: '', asked: false };

/** One failure is an accident; agents retry by themselves. */
const PATIENCE = 3;
/** The first pause that we set, the longest one, and the longest a service may ask for. */
const FIRST_MS = 15_000;
const LONGEST_MS = 300_000;
const LONGEST_ASKED_MS = 3_600_000;
/** A key that was refused is tried again after this long: it may have been allowed meanwhile. */
const KEY_MS = 60_000;

export type Outcome = Pick<MeteredRequest, 'path' | 'status' | 'error' | 'complete' | 'retryAfterMs' | 'brokenBy'>;

/**
 * What a request that ended at `at` says of the service it went to. Requests that the agent or we broke off, and those the service refused
 * for what was in them (400, 404, 413 …), say nothing.
 */
export function afterRequest(before: CoolDown, outcome: Outcome, at: number): CoolDown {
  const { path, status, error, complete, retryAfterMs, brokenBy } = outcome;
  // A list of models proves as little as an answer to a probe.
  if (status !== null && status >= 200 && status < 300 && complete) return asksModel(path) ? WELL : before;
  if (status === 401 || status === 403)
    return {
      failures: before.failures + 1,
      until: at + KEY_MS,
      at,
      state: 'auth-required',
      reason: `it refused the key (HTTP ${status})`,
      asked: false,
    };
  const limited = status === 429 || status === 529;
  if (!limited && !(status !== null && status >= 500) && brokenBy !== 'service') return before;
  const failures = before.failures + 1;
  const what = status === null || status < 300 ? plain(error) : `it answered HTTP ${status}`;
  const reason = limited ? `it is at its limit (HTTP ${status})` : what;
  if (retryAfterMs !== null && (limited || status === 503)) {
    const until = at + Math.min(retryAfterMs, LONGEST_ASKED_MS);
    return { failures, until: Math.max(until, before.until ?? 0), at, state: 'unavailable', reason, asked: true };
  }
  // Fifty requests that fail together are one failure.
  if (before.until !== null && at < before.until) return before;
  if (!limited && failures < PATIENCE) return { ...before, failures, at, reason };
  const doubled = FIRST_MS * 2 ** Math.max(0, failures - PATIENCE);
  return {
    failures,
    until: at + Math.min(doubled, LONGEST_MS),
    at,
    state: 'unavailable',
    reason: failures > 1 ? `${failures} requests in a row failed, the last because ${reason}` : reason,
    asked: false,
  };
}

/** null: it is used. A pause from the future is none: the clock was put back, and it could last for days. */
export function cooling(health: CoolDown, now: number): (CoolDown & { until: number }) | null {
  const { until, at } = health;
  return until !== null && at <= now && now < until ? { ...health, until } : null;
}

/** The gateway's sentence, about `it`. */
const plain = (error: string | null): string =>
  (error ?? '')
    .replace(/^The (?:answer of the )?model server/, 'it')
    .replace(/^it cannot be reached: /, '')
    .replace(/\.$/, '');
