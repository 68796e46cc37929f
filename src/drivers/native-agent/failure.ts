/** What went wrong with a model request, as facts and as one sentence. */
import { isRateLimit } from '../../core/loop.ts';
import { retryAfter, retryAfterSaid } from '../../core/retry-after.ts';
import type { AgentEnd } from '../../protocol/event.ts';

export interface ModelFailure {
  /** HTTP status, or the one an error in the middle of a stream stands for; null where there was no answer, or it stands for none. */
  status: number | null;
  retryAfterMs: number | null;
  /** Asking again is no use before somebody does something: about the key, or about a quota that is used up for the day or for good. */
  lasts: 'key' | 'quota' | null;
  message: string;
}

/** Reads any error the SDK throws or streams; its own classes are told by their fields, so that no second copy of the SDK matters. */
export function failureOf(error: unknown, now: number): ModelFailure {
  if (typeof error !== 'object' || error === null)
    return { status: null, retryAfterMs: null, lasts: null, message: oneLine(String(error)) };
  const { statusCode, responseHeaders, responseBody, data } = error as {
    statusCode?: unknown;
    responseHeaders?: Record<string, string>;
    responseBody?: unknown;
    data?: unknown;
  };
  const status = typeof statusCode === 'number' ? statusCode : null;
  // Of an error in a stream there is no body: only what the SDK made of it, and the event itself.
  const said = typeof responseBody === 'string' ? responseBody : JSON.stringify(data ?? null);
  return {
    status,
    retryAfterMs:
      retryAfter(responseHeaders ?? {}, now) ?? (status === null || status < 400 ? null : retryAfterSaid(said)),
    lasts: lastsOf(status, said),
    message: messageOf(error, status),
  };
}

/**
 * Google answers a wrong key with 400 and the reason API_KEY_INVALID (google.rpc.ErrorInfo), a quota of the day with 429 and a `quotaId`
 * that ends in PerDay… (google.rpc.QuotaFailure); OpenAI money that is used up with 429 and the code insufficient_quota.
 */
function lastsOf(status: number | null, said: string): ModelFailure['lasts'] {
  if (status === 401 || status === 403) return 'key';
  if (status === 400 && /"reason"\s*:\s*"API_KEY_|\bAPI key not valid\b|\bAPI key expired\b/.test(said)) return 'key';
  if (status === 429 && /"insufficient_quota"|"quotaId"\s*:\s*"[^"]*PerDay/.test(said)) return 'quota';
  return null;
}

/** The server's own words where it sent any, else what the connection said. */
function messageOf(error: object, status: number | null): string {
  const { message, responseBody, cause } = error as { message?: unknown; responseBody?: unknown; cause?: unknown };
  // An error answer without a message of its own is told by its body; a good answer's body would say nothing about what broke.
  if (status !== null && status >= 400 && typeof responseBody === 'string' && responseBody.trim() !== '') {
    const said = saidIn(responseBody);
    return oneLine(said ?? responseBody);
  }
  const inner =
    cause instanceof Error && typeof message === 'string' && !message.includes(cause.message)
      ? `: ${cause.message}`
      : '';
  return oneLine(typeof message === 'string' && message !== '' ? message + inner : JSON.stringify(error));
}

interface ErrorDocument {
  error?: { message?: unknown } | string;
  message?: unknown;
}

function saidIn(body: string): string | null {
  try {
    const document = JSON.parse(body) as ErrorDocument & { response?: ErrorDocument };
    // The event `response.failed` of OpenAI's streams holds the response that holds the error.
    const parsed = document.response ?? document;
    const said = typeof parsed.error === 'string' ? parsed.error : (parsed.error?.message ?? parsed.message);
    return typeof said === 'string' && said !== '' ? said : null;
  } catch {
    // Not JSON (a proxy's page, for example): the caller shows the text itself.
    return null;
  }
}

/** The end of a run whose model request failed for good. */
export function endOfFailure(failure: ModelFailure, server: string): Pick<AgentEnd, 'status' | 'reason'> {
  const { status, message } = failure;
  if (status === null) return { status: 'failed', reason: `The model server ${server} failed: ${message}` };
  if (failure.lasts === 'key')
    return { status: 'auth-required', reason: `The model server ${server} refused the key (${status}): ${message}` };
  if (isRateLimit(status)) {
    const until =
      failure.lasts === 'quota' || failure.retryAfterMs === null
        ? ''
        : ` It asks to wait ${Math.ceil(failure.retryAfterMs / 1_000)} s.`;
    return {
      status: 'rate-limited',
      reason: `The model server ${server} is at its limit (${status}): ${message}${until}`,
    };
  }
  return { status: 'failed', reason: `The model server ${server} answered ${status}: ${message}` };
}

/** The first 300 characters, on one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 300);
}
