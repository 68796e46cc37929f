/** When Claude Code's own retries are no longer worth waiting for. It would try a refused key ten times, for more than 90 s. Pure. */
import { isRateLimit } from '../../core/loop.ts';
import type { AgentEnd } from '../../protocol/event.ts';
import { refusedKey } from './verdict.ts';

/** What it is told; reached only by a rate limit that says no time, where `waitMs` allows that much. */
export const MAX_RETRIES = 10;
/** Retries of a server error or a broken connection (together about 4 s). */
const SERVER_RETRIES = 3;

export interface RetryFacts {
  /** HTTP status; null = no answer. */
  status: number | null;
  /** Counts from 1 for each model request. */
  attempt: number;
  delayMs: number | null;
}

/** How long the same request has waited for a limit before this retry. */
export function waitedBefore(waitedMs: number, retry: RetryFacts): number {
  return retry.attempt <= 1 ? 0 : waitedMs;
}

/** null = let it try again. `waitMs`: the longest wait for a provider's limit. */
export function giveUp(
  retry: RetryFacts,
  waitedMs: number,
  limits: { waitMs: number; server: string; keyEnv: string | null },
): Pick<AgentEnd, 'status' | 'reason'> | null {
  const { status, attempt } = retry;
  if (status === 401 || status === 403) return refusedKey(status, '', limits);
  if (isRateLimit(status)) {
    if (waitedMs + (retry.delayMs ?? 0) <= limits.waitMs) return null;
    return {
      status: 'rate-limited',
      reason: `The model server ${limits.server} is at its limit (${status}), and waiting for it would take longer than limits.waitMinutes allows.`,
    };
  }
  if (attempt <= SERVER_RETRIES) return null;
  const how = status === null ? 'could not be reached or broke off' : `answered ${status}`;
  return { status: 'failed', reason: `The model server ${limits.server} ${how}, ${attempt} times in a row.` };
}
