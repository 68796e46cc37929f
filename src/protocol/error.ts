import type { Status } from './words.ts';

/** Exit statuses of the command line (design §9). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  limit: 4,
  unavailable: 5,
  timedOut: 124,
  cancelled: 130,
} as const;

const STATUS_EXIT: Record<Status, number> = {
  succeeded: EXIT.ok,
  'no-change': EXIT.ok,
  failed: EXIT.failed,
  'verify-failed': EXIT.failed,
  conflict: EXIT.failed,
  crashed: EXIT.failed,
  lost: EXIT.failed,
  refused: EXIT.refused,
  denied: EXIT.refused,
  'needs-approval': EXIT.refused,
  'over-budget': EXIT.limit,
  'rate-limited': EXIT.limit,
  'auth-required': EXIT.unavailable,
  'timed-out': EXIT.timedOut,
  cancelled: EXIT.cancelled,
};

export function exitOfStatus(status: Status): number {
  return STATUS_EXIT[status];
}

/** What crosses a process when something is refused: a code for programs, what happened, what to do next. */
export interface ErrorBody {
  code: string;
  what: string;
  do: string;
}

/** An expected failure: says what happened and what to do next, one sentence each. Anything else thrown is a bug. */
export class PanError extends Error {
  readonly code: string;
  readonly do: string;
  readonly exit: number;

  constructor(code: string, what: string, toDo: string, exit: number = EXIT.usage, cause?: unknown) {
    super(what, cause === undefined ? undefined : { cause });
    this.name = 'PanError';
    this.code = code;
    this.do = toDo;
    this.exit = exit;
  }

  body(): ErrorBody {
    return { code: this.code, what: this.message, do: this.do };
  }
}
