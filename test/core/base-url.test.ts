import { expect, test } from 'vitest';
import { serviceUrl, withoutVersion } from '../../src/core/base-url.ts';

test.each([
  ['http://h:1', 'http://h:1'],
  ['http://h:1/', 'http://h:1'],
  ['http://h:1/v1', 'http://h:1'],
  ['http://h:1/v1/', 'http://h:1'],
  ['http://h:1/v1beta', 'http://h:1'],
  ['https://h/openai/v1//', 'https://h/openai'],
  ['https://h/v1?x=1#y', 'https://h'],
  ['https://h/api/paas/v4/', 'https://h/api/paas/v4'],
  ['https://h/v2', 'https://h/v2'],
  ['https://h/v1x', 'https://h/v1x'],
])('%s is %s without its version', (url, base) => expect(withoutVersion(url)).toBe(base));

test('what is no URL is refused', () => expect(() => withoutVersion('localhost')).toThrow(TypeError));

test.each([
  ['openai-chat', 'http://h:1', '/v1/chat/completions', 'http://h:1/v1/chat/completions'],
  ['openai-chat', 'https://h/api/paas/v4', '/v1/chat/completions', 'https://h/api/paas/v4/chat/completions'],
  ['openai-chat', 'https://h/v1beta/openai', '/v1/models?x=/v1/', 'https://h/v1beta/openai/models?x=/v1/'],
  [
    'openai-responses',
    'https://h/v1/account/gateway/openai',
    '/v1/responses',
    'https://h/v1/account/gateway/openai/responses',
  ],
  [
    'anthropic-messages',
    'https://h/v1/account/gateway/anthropic',
    '/v1/messages',
    'https://h/v1/account/gateway/anthropic/v1/messages',
  ],
  ['anthropic-messages', 'https://h/api/v2', '/v1/messages', 'https://h/api/v2/messages'],
  ['gemini', 'https://h', '/v1beta/models/m:generateContent', 'https://h/v1beta/models/m:generateContent'],
  ['gemini', 'https://h/v3', '/v1beta/models/m:generateContent', 'https://h/v3/models/m:generateContent'],
  ['gemini', 'https://v4.example', '/v1beta/models', 'https://v4.example/v1beta/models'],
] as const)('on %s a request below %s for %s goes to %s', (wire, base, path, url) =>
  expect(serviceUrl(wire, base, path)).toBe(url),
);
