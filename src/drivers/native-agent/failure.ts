/** What went wrong with a model request, as facts and as one sentence. */
import { isRateLimit } from '../../core/loop.ts';
import { retryAfter } from '../../core/retry-after.ts';
import type { AgentEnd } from '../../protocol/event.ts';

export interface ModelFailure {
  /** HTTP status; null where there was no answer, or the stream failed after it began well. */
  status: number | null;
  retryAfterMs: number | null;
  message: string;
}

/** Reads any error the SDK throws or streams; its own classes are told by their fields, so that no second copy of the SDK matters. */
export function failureOf(error: unknown, now: number): ModelFailure {
  if (typeof error !== 'object' || error === null)
    return { status: null, retryAfterMs: null, message: oneLine(String(error)) };
  const fields = error as { statusCode?: unknown; responseHeaders?: Record<string, string>; responseBody?: unknown };
  const status = typeof fields.statusCode === 'number' ? fields.statusCode : null;
  return { status, retryAfterMs: retryAfter(fields.responseHeaders ?? {}, now), message: messageOf(error, status) };
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

function saidIn(body: string): string | null {
  try {
    const parsed = JSON.parse(body) as { error?: { message?: unknown } | string; message?: unknown };
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
  if (status === 401 || status === 403)
    return { status: 'auth-required', reason: `The model server ${server} refused the key (${status}): ${message}` };
  if (isRateLimit(status)) {
    const until = failure.retryAfterMs === null ? '' : ` It asks to wait ${Math.ceil(failure.retryAfterMs / 1_000)} s.`;
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
