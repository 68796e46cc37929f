/** The decisions of an agent loop: when to go on, when to nudge the model, when to stop. Pure; the loop itself is in drivers/native-agent. */

/** Replies in a row that may be cut at the model's output limit before the run fails. */
const MAX_CUTS = 3;
/** Turns in a row with the same calls and the same results: from the first number on the model is told, at the second the run ends. */
const REPEATS_TOLD = 3;
const REPEATS_END = 6;

export interface LoopState {
  /** Model turns that are complete. */
  turns: number;
  /** Empty replies, and replies cut at the output limit, since the last turn that got somewhere. */
  empty: number;
  cuts: number;
  /** Times in a row the last turn's calls came with the same results. */
  repeats: number;
  lastTurn: string | null;
}

export const START: LoopState = { turns: 0, empty: 0, cuts: 0, repeats: 0, lastTurn: null };

/** What the model's reply was. `finish` is why it stopped; anything else than the known reasons is `other`. */
export interface ReplyFacts {
  finish: 'stop' | 'tool-calls' | 'length' | 'content-filter' | 'other';
  /** The server's own word for it, for reasons. */
  rawFinish: string | null;
  hasText: boolean;
  calls: number;
}

export type ReplyDecision =
  | { do: 'tools' }
  | { do: 'done' }
  /** Add this as a user message and ask again. */
  | { do: 'nudge'; text: string }
  | { do: 'fail'; reason: string };

/** Reason to stop before the next request; null = go on. */
export function turnCap(state: LoopState, limit: number | null): string | null {
  if (limit === null || state.turns < limit) return null;
  return `It reached its limit of ${limit} model turns before it was finished.`;
}

export function afterReply(state: LoopState, reply: ReplyFacts): { state: LoopState; next: ReplyDecision } {
  const turns = state.turns + 1;
  if (reply.finish === 'length') {
    const cuts = state.cuts + 1;
    const next: ReplyDecision =
      cuts < MAX_CUTS
        ? {
            do: 'nudge',
            text: 'Your reply was cut off at the output limit, and no tool call in it was run. Go on from where it stopped; split large writes into several smaller calls.',
          }
        : { do: 'fail', reason: `The model’s reply was cut off at its output limit ${cuts} times in a row.` };
    return { state: { ...state, turns, cuts }, next };
  }
  if (reply.finish === 'content-filter')
    return {
      state: { ...state, turns },
      next: { do: 'fail', reason: 'The model server refused to answer (content filter).' },
    };
  if (reply.calls > 0) return { state: { ...state, turns, empty: 0, cuts: 0 }, next: { do: 'tools' } };
  if (reply.finish === 'other')
    return {
      state: { ...state, turns },
      next: {
        do: 'fail',
        reason: `The model stopped for a reason that is not known here: ${reply.rawFinish ?? 'none given'}.`,
      },
    };
  if (reply.hasText) return { state: { ...state, turns, empty: 0, cuts: 0 }, next: { do: 'done' } };
  const empty = state.empty + 1;
  const next: ReplyDecision =
    empty < 2
      ? { do: 'nudge', text: 'Your reply was empty. Go on with the task, or say in plain text what you have done.' }
      : { do: 'fail', reason: 'The model answered with nothing, twice.' };
  return { state: { ...state, turns, empty }, next };
}

export type ToolsDecision = { do: 'go-on'; note: string | null } | { do: 'fail'; reason: string };

/** `fingerprint`: of the turn's calls together with their results, so that waiting for something that changes is no repetition. */
export function afterTools(state: LoopState, fingerprint: string): { state: LoopState; next: ToolsDecision } {
  const repeats = fingerprint === state.lastTurn ? state.repeats + 1 : 1;
  const after = { ...state, repeats, lastTurn: fingerprint };
  if (repeats >= REPEATS_END)
    return {
      state: after,
      next: {
        do: 'fail',
        reason: `The model repeated the same call with the same result ${repeats} times; it was stopped.`,
      },
    };
  const note =
    repeats >= REPEATS_TOLD
      ? `You made exactly this call ${repeats} times in a row and the result did not change. Do something else, or finish with what you know.`
      : null;
  return { state: after, next: { do: 'go-on', note } };
}

export interface RetryState {
  /** Attempts that failed in a row. */
  attempts: number;
  /** Time waited so far for this request. */
  waitedMs: number;
}

/** Retries of a server error, as the model SDK does by itself. */
const MAX_RETRIES = 2;
/** Retries of a rate limit that does not say how long it lasts. */
const MAX_BLIND_WAITS = 5;
const FIRST_DELAY_MS = 1_000;

/**
 * How long to wait before the same request is sent again; null = do not. A rate limit (429, 529) is waited for as long as `waitMs` allows;
 * one that says it will last longer ends at once. Server errors are tried twice more.
 */
export function retryDelayMs(
  status: number | null,
  retryAfterMs: number | null,
  state: RetryState,
  waitMs: number,
): number | null {
  if (status === null) return null;
  const limited = isRateLimit(status);
  if (!limited && status !== 408 && status < 500) return null;
  if (!limited && state.attempts >= MAX_RETRIES) return null;
  if (limited && retryAfterMs === null && state.attempts >= MAX_BLIND_WAITS) return null;
  const delay = Math.max(retryAfterMs ?? FIRST_DELAY_MS * 2 ** state.attempts, 0);
  return state.waitedMs + delay > waitMs ? null : delay;
}

export function isRateLimit(status: number | null): boolean {
  return status === 429 || status === 529;
}
