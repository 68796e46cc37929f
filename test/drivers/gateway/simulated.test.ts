/** The gateway between real model SDKs and the simulated model: what is counted equals what was sent. */
import { generateText, streamText } from 'ai';
import { expect, test } from 'vitest';
import { usageOf } from '../../../src/core/usage.ts';
import { WIRES } from '../../../src/protocol/words.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { sdkModel } from '../simulated/sdk-model.ts';
import { ask, body, pathOf, simulated } from '../simulated/talk.ts';
import { gatewayTo, KEY, TOKEN, until } from './client.ts';

const dir = tempDir();
const usage = { input: 1100, cacheRead: 1200, cacheWrite: 50, output: 70, reasoning: 20 };
const script = {
  conversations: [
    { when: 'flaky', turns: [{ text: 'Better now.', usage, fail: [{ status: 500, times: 1 }] }] },
    { turns: [{ thinking: 'Überlegen…', text: 'Done. 🎉', usage }] },
  ],
};

test.each(WIRES)('%s', async (wire) => {
  const model = await simulated(script);
  const gateway = await gatewayTo(model.url, wire, dir, { listenTcp: true });
  // A Chat Completions stream is not asked for its usage: the gateway does that.
  const sdk = sdkModel(wire, { url: `http://127.0.0.1:${gateway.port}`, key: TOKEN, model: 'm1', usage: false });
  const asked = { model: sdk, maxOutputTokens: 100, maxRetries: 1 };
  expect(await streamText({ ...asked, prompt: 'Do it' }).text).toBe('Done. 🎉');
  expect((await generateText({ ...asked, prompt: 'Do it whole' })).text).toBe('Done. 🎉');
  expect(await streamText({ ...asked, prompt: 'Do the flaky one' }).text).toBe('Better now.');

  const { input, cacheRead, cacheWrite, output, reasoning, requests } = model.sent;
  expect(requests).toBe(4);
  expect(input).toBeGreaterThan(0);
  // Only Messages has a word for what the simulated model writes to a cache: elsewhere that is unknown, and inside the input.
  expect(usageOf(gateway.finished, null, null)).toMatchObject({
    input,
    cacheRead,
    cacheWrite: wire === 'anthropic-messages' ? cacheWrite : null,
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

test.each(WIRES)('%s: failures, cuts and missing usage are told as they were', async (wire) => {
  const text = 'One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen.';
  const endings = { cut: 'cut', unfinished: 'unfinished', error: 'error', bare: 'end-without-usage' };
  const model = await simulated({
    conversations: [
      ...Object.entries(endings).map(([when, then]) => ({
        when,
        turns: [{ text, usage, ...Object.fromEntries([['then', then]]) }],
      })),
      { when: 'limit', turns: [{ fail: [{ status: 429, retryAfter: 7 }], text }] },
      { turns: [{ text, usage }] },
    ],
  });
  const gateway = await gatewayTo(model.url, wire, dir, { listenTcp: true });
  const one = async (task: string) => {
    await ask(`http://127.0.0.1:${gateway.port}${pathOf(wire)}`, {
      body: body(wire, task, true),
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    await until(() => gateway.finished.length === gateway.started.length);
    return gateway.finished.at(-1)!;
  };
  for (const task of ['cut', 'unfinished', 'error', 'bare']) {
    const { grade, complete, error, output } = await one(task);
    expect([task, grade, complete, error !== null]).toEqual([task, 'estimated', task === 'bare', task !== 'bare']);
    expect(output).toBeGreaterThan(0);
  }
  expect(await one('limit')).toMatchObject({ status: 429, retryAfterMs: 7_000, error: 'scripted failure 429' });
  expect(await one('good')).toMatchObject({ status: 200, grade: 'measured', complete: true, output: 70, model: 'm1' });
});

test('a Gemini stream that is one array is measured as well, whatever comes at once', async () => {
  const model = await simulated(script);
  const gateway = await gatewayTo(model.url, 'gemini', dir, { listenTcp: true });
  await ask(`http://127.0.0.1:${gateway.port}/v1beta/models/m1:streamGenerateContent?key=${TOKEN}`, {
    body: body('gemini', 't', true),
  });
  await until(() => gateway.finished.length === 1);
  const { output, input } = model.sent;
  expect(gateway.finished[0]).toMatchObject({ grade: 'measured', complete: true, input, output, model: 'm1' });
});
