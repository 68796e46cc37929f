import { expect, test } from 'vitest';
import { endOfFailure, failureOf } from '../../../src/drivers/native-agent/failure.ts';

const failed = (statusCode: number, body: object, responseHeaders = {}) =>
  failureOf({ message: 'x', statusCode, responseHeaders, responseBody: JSON.stringify(body) }, 0);
const google = (code: number, message: string, details: object[] = []) => ({ error: { code, message, details } });
const RETRY = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '39.5s' };

test.each([
  [
    'OpenAI: wrong key',
    failed(401, { error: { message: 'Incorrect API key provided', code: 'invalid_api_key' } }),
    'key',
    null,
    'auth-required',
  ],
  [
    'Google: wrong key, as 400',
    failed(400, google(400, 'API key not valid. Please pass a valid API key.', [{ reason: 'API_KEY_INVALID' }])),
    'key',
    null,
    'auth-required',
  ],
  [
    'Google: its reason alone',
    failed(400, google(400, 'Nope.', [{ reason: 'API_KEY_EXPIRED' }])),
    'key',
    null,
    'auth-required',
  ],
  ['Google: another 400', failed(400, google(400, 'Invalid JSON payload received.')), null, null, 'failed'],
  ['Google: no permission', failed(403, google(403, 'denied')), 'key', null, 'auth-required'],
  [
    'OpenAI: a limit',
    failed(429, { error: { message: 'Rate limit reached. Please try again in 1.5s.', code: 'rate_limit_exceeded' } }),
    null,
    1_500,
    'rate-limited',
  ],
  [
    'OpenAI: a limit with its header',
    failed(429, { error: { message: 'slow' } }, { 'retry-after': '3' }),
    null,
    3_000,
    'rate-limited',
  ],
  [
    'OpenAI: no money',
    failed(429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } }),
    'quota',
    null,
    'rate-limited',
  ],
  [
    'Google: a limit of the minute',
    failed(
      429,
      google(429, 'Quota exceeded', [{ violations: [{ quotaId: 'GenerateRequestsPerMinutePerProject' }] }, RETRY]),
    ),
    null,
    39_500,
    'rate-limited',
  ],
  [
    'Google: a limit of the day',
    failed(
      429,
      google(429, 'Quota exceeded', [
        { violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }] },
        RETRY,
      ]),
    ),
    'quota',
    39_500,
    'rate-limited',
  ],
  [
    'a context that is too long',
    failed(400, { error: { message: 'too long', code: 'context_length_exceeded' } }),
    null,
    null,
    'failed',
  ],
  ['an overload', failed(503, google(503, 'The model is overloaded.')), null, null, 'failed'],
  [
    'a limit in the middle of a stream',
    failureOf(
      {
        message: 'Please try again in 250ms.',
        statusCode: 429,
        data: { error: { message: 'Please try again in 250ms.' } },
      },
      0,
    ),
    null,
    250,
    'rate-limited',
  ],
])('%s', (_, failure, lasts, retryAfterMs, status) => {
  expect(failure).toMatchObject({ lasts, retryAfterMs });
  expect(endOfFailure(failure, 'lab').status).toBe(status);
});

test('the reason is the service’s own sentence, also where OpenAI’s event holds it', () => {
  const event = {
    type: 'response.failed',
    response: { error: { code: 'server_error', message: 'Sorry about that.' } },
  };
  expect(failed(500, event).message).toBe('Sorry about that.');
  expect(failed(429, google(429, 'Quota exceeded', [RETRY])).message).toBe('Quota exceeded');
  expect(endOfFailure(failed(429, google(429, 'Quota exceeded', [RETRY])), 'lab').reason).toContain('wait 40 s');
  const day = failed(429, google(429, 'Quota exceeded', [{ quotaId: 'XPerDay' }, RETRY]));
  expect(endOfFailure(day, 'lab').reason).not.toContain('wait');
});
