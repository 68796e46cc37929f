/** The gateway between real model SDKs and the simulated model: what is counted equals what was sent. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import { expect, test } from 'vitest';
import { usageOf } from '../../../src/core/usage.ts';
import type { Wire } from '../../../src/protocol/words.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { simulated } from '../simulated/talk.ts';
import { gatewayTo, KEY, TOKEN } from './client.ts';

const dir = tempDir();
const usage = { input: 1100, cacheRead: 1200, cacheWrite: 50, output: 70, reasoning: 20 };
const script = {
  conversations: [
    { when: 'flaky', turns: [{ text: 'Better now.', usage, fail: [{ status: 500, times: 1 }] }] },
    { turns: [{ thinking: 'Überlegen…', text: 'Done. 🎉', usage }] },
  ],
};

test.each(['anthropic-messages', 'openai-chat'] as const)('%s', async (wire: Wire) => {
  const model = await simulated(script);
  const gateway = await gatewayTo(model.url, wire, dir, { listenTcp: true });
  const settings = { baseURL: `http://127.0.0.1:${gateway.port}/v1`, apiKey: TOKEN };
  // includeUsage is left off: the gateway asks for it.
  const sdk =
    wire === 'openai-chat'
      ? createOpenAICompatible({ ...settings, name: 'gateway' }).chatModel('m1')
      : createAnthropic(settings).languageModel('m1');
  const asked = { model: sdk, maxOutputTokens: 100, maxRetries: 1 };
  expect(await streamText({ ...asked, prompt: 'Do it' }).text).toBe('Done. 🎉');
  expect((await generateText({ ...asked, prompt: 'Do it whole' })).text).toBe('Done. 🎉');
  expect(await streamText({ ...asked, prompt: 'Do the flaky one' }).text).toBe('Better now.');

  const { input, cacheRead, cacheWrite, output, reasoning, requests } = model.sent;
  expect(requests).toBe(4);
  expect(input).toBeGreaterThan(0);
  // Chat Completions has no word for cache writes: there they are unknown, and inside the input.
  expect(usageOf(gateway.finished, null, null)).toMatchObject({
    input,
    cacheRead,
    cacheWrite: wire === 'openai-chat' ? null : cacheWrite,
    output,
    reasoning,
    requests,
    grade: 'measured',
  });
  expect(gateway.finished.every((request) => request.simulated)).toBe(true);
  expect(gateway.finished.map((request) => request.status)).toEqual([200, 200, 500, 200]);
  expect(new Set(model.requests.map((request) => request.key))).toEqual(new Set([KEY]));
  expect(JSON.stringify(model.requests)).not.toContain(TOKEN);
});
