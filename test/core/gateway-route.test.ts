import { expect, test } from 'vitest';
import { gatewayRoute } from '../../src/core/gateway-route.ts';
import { WIRES } from '../../src/protocol/words.ts';

test.each([
  ['anthropic-messages', 'POST', '/v1/messages', '/v1/messages', true],
  ['anthropic-messages', 'POST', '/v1/messages?beta=true', '/v1/messages?beta=true', true],
  ['anthropic-messages', 'POST', '/messages', '/v1/messages', true],
  ['anthropic-messages', 'POST', '/v1/messages/count_tokens?beta=true', '/v1/messages/count_tokens?beta=true', false],
  ['anthropic-messages', 'GET', '/v1/models/claude-sonnet-5', '/v1/models/claude-sonnet-5', false],
  ['openai-responses', 'POST', '/v1/responses', '/v1/responses', true],
  ['openai-responses', 'POST', '/responses', '/v1/responses', true],
  ['openai-responses', 'POST', '/v1/responses/input_tokens', '/v1/responses/input_tokens', false],
  ['openai-responses', 'GET', '/v1/models?client_version=0.169.0', '/v1/models?client_version=0.169.0', false],
  ['openai-chat', 'POST', '/v1/chat/completions', '/v1/chat/completions', true],
  ['openai-chat', 'POST', '/chat/completions', '/v1/chat/completions', true],
  ['openai-chat', 'GET', '/v1/models', '/v1/models', false],
  ['gemini', 'GET', '/v1beta/models?pageSize=50', '/v1beta/models?pageSize=50', false],
  ['gemini', 'GET', '/models/gemini-2.5-pro', '/v1beta/models/gemini-2.5-pro', false],
] as const)('%s carries %s %s', (wire, method, target, path, generates) =>
  expect(gatewayRoute(wire, method, target)).toEqual({ kind: 'forward', path, generates, model: null, key: null }),
);

test.each([
  [
    '/v1beta/models/gemini-2.5-pro:generateContent',
    '/v1beta/models/gemini-2.5-pro:generateContent',
    'gemini-2.5-pro',
    true,
  ],
  ['/v1/models/m:streamGenerateContent?alt=sse', '/v1/models/m:streamGenerateContent?alt=sse', 'm', true],
  ['/v1alpha/models/m:generateContent', '/v1alpha/models/m:generateContent', 'm', true],
  ['/models/qwen3:8b:streamGenerateContent', '/v1beta/models/qwen3:8b:streamGenerateContent', 'qwen3:8b', true],
  ['/v1beta/models/a%20b:countTokens', '/v1beta/models/a%20b:countTokens', 'a b', false],
])('gemini carries %s and knows its model', (target, path, model, generates) =>
  expect(gatewayRoute('gemini', 'POST', target)).toEqual({ kind: 'forward', path, generates, model, key: null }),
);

test.each([
  ['?key=the-token&alt=sse', '?alt=sse', 'the-token'],
  ['?alt=sse&key=a%2Bb%3D', '?alt=sse', 'a+b='],
  ['?%6Bey=hidden', '', 'hidden'],
  ['?access_token=x&api_key=y&alt=%73se&&x', '?alt=%73se&&x', null],
  ['?key', '', ''],
  ['?keys=1&monkey=2', '?keys=1&monkey=2', null],
])('credentials in the query %s go no further', (query, kept, key) => {
  const path = '/v1beta/models/m:streamGenerateContent';
  expect(gatewayRoute('gemini', 'POST', path + query)).toMatchObject({ path: path + kept, key });
  expect(gatewayRoute('openai-chat', 'POST', `/v1/chat/completions${query}`)).toMatchObject({
    path: `/v1/chat/completions${kept}`,
  });
});

test.each(WIRES)('%s answers a client’s "anybody there" itself', (wire) =>
  expect(gatewayRoute(wire, 'HEAD', '/')).toEqual({ kind: 'here' }),
);

test.each([
  ['POST', '/v1/files'],
  ['POST', '/v1/embeddings'],
  ['POST', '/v1/messages/batches'],
  ['POST', '/api/event_logging/batch'],
  ['POST', '/v1/messages/'],
  ['POST', '/v1/messages/../files'],
  ['POST', '/v1//messages'],
  ['POST', '//evil.example/v1/messages'],
  ['POST', '/v1/%6dessages'],
  ['POST', '/V1/messages'],
  ['POST', '/v1/v1/messages'],
  ['POST', 'http://evil.example/v1/messages'],
  ['POST', 'https://api.anthropic.com/v1/messages'],
  ['POST', '*'],
  ['POST', ''],
  ['GET', '/v1/messages'],
  ['DELETE', '/v1/models/m'],
  ['GET', '/v1/models/..'],
  ['GET', '/v1/models/a%2f..%2f..%2ffiles'],
  ['GET', '/v1/models/%2e%2e'],
  ['OPTIONS', '/v1/messages'],
  ['GET', '/v1/responses/resp_1'],
  ['DELETE', '/v1/responses/resp_1'],
  ['POST', '/v1/responses/compact'],
  ['POST', '/v1beta/responses'],
  ['POST', '/v2/messages'],
  ['POST', '/v1beta/models/m:embedContent'],
  ['POST', '/v1beta/models/m:batchGenerateContent'],
  ['POST', '/v1beta/tunedModels/m:generateContent'],
  ['POST', '/v1beta/models/a/b:generateContent'],
  ['POST', '/v1beta/models/..:generateContent'],
  ['POST', '/v1beta/models/%2e%2e%2fx:generateContent'],
  ['POST', '/v1beta/models/:generateContent'],
  ['POST', '/v1beta/models/m:generateContent:x'],
  ['POST', '/upload/v1beta/files'],
  ['GET', '/v1beta/models/m:generateContent/x'],
])('no wire carries %s %s', (method, target) => {
  for (const wire of WIRES) expect(gatewayRoute(wire, method, target).kind).toBe('refused');
});

test('one wire does not carry the others’ requests', () => {
  const own = {
    'anthropic-messages': '/v1/messages',
    'openai-responses': '/v1/responses',
    'openai-chat': '/v1/chat/completions',
    gemini: '/v1beta/models/m:generateContent',
  };
  for (const wire of WIRES)
    for (const other of WIRES)
      expect(gatewayRoute(wire, 'POST', own[other]).kind).toBe(wire === other ? 'forward' : 'refused');
});
