/** The tokens of a dispatch, from what the gateway saw of its requests, else from what its runtime reported. Pure. */
import type { MeteredRequest, Usage } from '../protocol/usage.ts';
import type { JournalFacts } from './journal-facts.ts';

type Counts = Pick<Usage, 'input' | 'cacheRead' | 'cacheWrite' | 'output' | 'reasoning'>;
const FIELDS = ['input', 'cacheRead', 'cacheWrite', 'output', 'reasoning'] as const;

/** True for a request that has a model answer, on any wire; token counting and model lists pass the gateway too, but use no model. */
export const asksModel = (path: string): boolean =>
  /^(\/v1[a-z]*)?\/(messages|chat\/completions|responses|models\/[^/]+:(generateContent|streamGenerateContent))$/.test(
    path,
  );

/**
 * `requests` counts every model request that was forwarded, failed ones included. One that failed (an error status, a server that gave no
 * answer) adds no tokens. A wire that does not report the cache or reasoning has them inside `input` and `output`, so a sum is null only
 * where no request knows its field, and what is known is never counted twice. The grade is that of the worst count.
 */
export function usageOf(requests: MeteredRequest[], reported: JournalFacts['reported'], turns: number | null): Usage {
  const asked = requests.filter((request) => asksModel(request.path));
  const rest = { requests: asked.length, turns };
  if (asked.length === 0 && reported) {
    const { input, cacheRead, cacheWrite, output } = reported;
    const known = [input, cacheRead, cacheWrite, output].some((count) => count !== null);
    return { input, cacheRead, cacheWrite, output, reasoning: null, ...rest, grade: known ? 'reported' : 'unknown' };
  }
  return { ...sums(asked), ...rest, grade: gradeOf(asked) };
}

function gradeOf(asked: MeteredRequest[]): Usage['grade'] {
  if (asked.every((request) => request.grade === 'unknown')) return 'unknown';
  return asked.some((request) => request.grade === 'estimated' || uncounted(request)) ? 'estimated' : 'measured';
}

/** It may have used tokens that nobody counted: its end was not seen, or its answer was not understood. */
const uncounted = ({ grade, status, error }: MeteredRequest): boolean =>
  grade === 'unknown' && (status === null ? error === null : status < 400);

function sums(asked: Counts[]): Counts {
  const sum: Counts = { input: null, cacheRead: null, cacheWrite: null, output: null, reasoning: null };
  for (const request of asked)
    for (const field of FIELDS) {
      const count = request[field];
      if (count !== null) sum[field] = (sum[field] ?? 0) + count;
    }
  return sum;
}
