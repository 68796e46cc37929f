import { expect, test } from 'vitest';
import { retryAfter, retryAfterSaid } from '../../src/core/retry-after.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

test.each([
  [{ 'retry-after': '7' }, 7_000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': '1.5' }, 1_500],
  [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
  [{ 'retry-after': 'Wed, 31 Dec 2025 23:00:00 GMT' }, 0],
  [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
  [{ 'retry-after': ['3', '4'] }, 3_000],
  [{ 'retry-after': 'soon' }, null],
  [{ 'retry-after': '' }, null],
  [{}, null],
  [
    {
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:20Z',
      'anthropic-ratelimit-tokens-remaining': '500',
      'anthropic-ratelimit-tokens-reset': '2026-01-01T00:05:00Z',
    },
    20_000,
  ],
  [
    {
      'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:20Z',
      'anthropic-ratelimit-tokens-reset': '2026-01-01T00:00:40Z',
    },
    40_000,
  ],
  [{ 'anthropic-ratelimit-unified-reset': String(NOW / 1_000 + 3_600) }, 3_600_000],
  [{ 'retry-after': '1', 'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:20Z' }, 1_000],
  [{ 'anthropic-ratelimit-requests-reset': 'garbage' }, null],
])('%j', (headers, expected) => expect(retryAfter(headers, NOW)).toBe(expected));

test.each([
  ['{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"39.5s"}]}}', 39_500],
  ['{"error":{"message":"Rate limit reached for gpt-5.5. Please try again in 1.5s."}}', 1_500],
  ['{"error":{"message":"Rate limit reached. Please try again in 250ms."}}', 250],
  ['{"error":{"message":"Please try again in a minute"}}', null],
  ['{"error":{"details":[{"retryDelay":"soon"}]}}', null],
  ['', null],
])('said in an error: %s', (body, ms) => expect(retryAfterSaid(body)).toBe(ms));
