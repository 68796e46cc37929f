/** The live state of a dispatch, derived from its events. Pure; never stored. */
import type { JournalEvent } from '../protocol/event.ts';
import type { LiveState } from '../protocol/words.ts';

/** Silence after which a working agent without an open model request counts as stalled, ms. */
const STALL_MS = 5 * 60_000;

export interface LiveView {
  state: LiveState;
  /** When it came into this state; ISO-8601. */
  since: string;
}

/** What is remembered of a journal while it grows: fold `step` over its events, then ask `liveView`. */
export interface LiveFold {
  phase: LiveState;
  since: string;
  last: string;
  openRequests: number[];
  openQuestions: string[];
  questionSince: string | null;
  limitSince: string | null;
  limitUntilMs: number | null;
  agentPid: number | null;
}

export function startFold(queued: string): LiveFold {
  return {
    phase: 'queued',
    since: queued,
    last: queued,
    openRequests: [],
    openQuestions: [],
    questionSince: null,
    limitSince: null,
    limitUntilMs: null,
    agentPid: null,
  };
}

const PHASES: Partial<Record<string, LiveState>> = {
  snapshot: 'starting',
  copy: 'starting',
  sandbox: 'starting',
  agent: 'working',
  harvest: 'ending',
  verify: 'verifying',
};

export function step(fold: LiveFold, event: JournalEvent): LiveFold {
  const next = { ...fold, last: event.at };
  const enter = (phase: LiveState) => {
    if (next.phase !== phase) Object.assign(next, { phase, since: event.at });
  };
  switch (event.type) {
    case 'started':
      enter('starting');
      break;
    case 'phase':
      enter(PHASES[event.phase] ?? next.phase);
      break;
    case 'agent-process':
      next.agentPid = event.pid;
      break;
    case 'request-started':
      next.openRequests = [...next.openRequests, event.n];
      break;
    case 'request': {
      next.openRequests = next.openRequests.filter((n) => n !== event.request.n);
      const limited = event.request.status === 429 || event.request.status === 529;
      if (limited) {
        next.limitSince ??= event.at;
        next.limitUntilMs =
          event.request.retryAfterMs === null ? null : Date.parse(event.at) + event.request.retryAfterMs;
      } else Object.assign(next, { limitSince: null, limitUntilMs: null });
      break;
    }
    case 'question':
      next.openQuestions = [...next.openQuestions, event.id];
      next.questionSince ??= event.at;
      break;
    case 'answer':
      next.openQuestions = next.openQuestions.filter((id) => id !== event.id);
      if (next.openQuestions.length === 0) next.questionSince = null;
      break;
    case 'cancel':
      enter('ending');
      break;
    default:
      break;
  }
  return next;
}

/** The state at `nowMs`: a person or a limit being waited for is not a stall, nor is an open model request. */
export function liveView(fold: LiveFold, nowMs: number): LiveView {
  if (fold.questionSince && (fold.phase === 'working' || fold.phase === 'applying'))
    return { state: 'waiting-question', since: fold.questionSince };
  if (fold.phase !== 'working') return { state: fold.phase, since: fold.since };
  if (fold.limitSince && fold.openRequests.length === 0) return { state: 'waiting-limit', since: fold.limitSince };
  if (fold.openRequests.length === 0 && nowMs - Date.parse(fold.last) > STALL_MS)
    return { state: 'stalled', since: fold.last };
  return { state: 'working', since: fold.since };
}
