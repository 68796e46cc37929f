import { expect, test } from 'vitest';
import { gatewayRoute } from '../../src/core/gateway-route.ts';

test.each([
  ['anthropic-messages', 'POST', '/v1/messages', '/v1/messages', true],
  ['anthropic-messages', 'POST', '/v1/messages?beta=true', '/v1/messages?beta=true', true],
  ['anthropic-messages', 'POST', '/messages', '/v1/messages', true],
  ['anthropic-messages', 'POST', '/v1/messages/count_tokens?beta=true', '/v1/messages/count_tokens?beta=true', false],
  ['anthropic-messages', 'GET', '/v1/models/claude-sonnet-5', '/v1/models/claude-sonnet-5', false],
  ['openai-chat', 'POST', '/v1/chat/completions', '/v1/chat/completions', true],
  ['openai-chat', 'POST', '/chat/completions', '/v1/chat/completions', true],
  ['openai-chat', 'GET', '/v1/models', '/v1/models', false],
] as const)('%s carries %s %s', (wire, method, target, path, generates) =>
  expect(gatewayRoute(wire, method, target)).toEqual({ kind: 'forward', path, generates }),
);

test.each(['anthropic-messages', 'openai-chat'] as const)('%s answers a client’s "anybody there" itself', (wire) =>
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
])('neither wire carries %s %s', (method, target) => {
  for (const wire of ['anthropic-messages', 'openai-chat'] as const)
    expect(gatewayRoute(wire, method, target).kind).toBe('refused');
});

test('one wire does not carry the other’s requests', () => {
  expect(gatewayRoute('openai-chat', 'POST', '/v1/messages').kind).toBe('refused');
  expect(gatewayRoute('anthropic-messages', 'POST', '/v1/chat/completions').kind).toBe('refused');
});
