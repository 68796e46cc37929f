/** Both wires as the real SDKs and a plain client read them. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, type LanguageModel, streamText, tool } from 'ai';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Wire } from '../../../src/protocol/words.ts';
import { ask, body, events, json, pathOf, said, saying, WIRES } from './talk.ts';

function client(wire: Wire, url: string): LanguageModel {
  const settings = { baseURL: `${url}/v1`, apiKey: 'the-key' };
  return wire === 'openai-chat'
    ? createOpenAICompatible({ ...settings, name: 'simulated', includeUsage: true }).chatModel('m1')
    : createAnthropic(settings).languageModel('m1');
}
const tools = {
  write: tool({ inputSchema: z.object({ path: z.string(), content: z.string() }) }),
  bash: tool({ inputSchema: z.object({ command: z.string() }) }),
};
const USAGE = { input: 11, cacheRead: 22, cacheWrite: 33, output: 44, reasoning: 5 };
const TURN = {
  thinking: 'Let me think — 思う.',
  text: 'I write it. 👍🏽',
  calls: [{ write: { path: 'a "b".txt', content: 'ü\n\0\u2028' } }, { run: 'true' }],
  usage: USAGE,
};

describe.each(WIRES)('%s', (wire) => {
  const sent = wire === 'openai-chat' ? { ...USAGE, input: 44, cacheWrite: 0 } : USAGE;

  it.each(['streamText', 'generateText'] as const)('is understood by the SDK: %s', async (way) => {
    const model = await saying(TURN);
    const options = { model: client(wire, model.url), prompt: 'Do it', tools, maxOutputTokens: 100, maxRetries: 0 };
    const answer = way === 'generateText' ? await generateText(options) : streamText(options);
    expect(await answer.text).toBe(TURN.text);
    expect(await answer.reasoningText).toBe(TURN.thinking);
    expect((await answer.toolCalls).map(({ toolName, input }) => [toolName, input])).toEqual([
      ['write', TURN.calls[0]!.write],
      ['bash', { command: 'true' }],
    ]);
    expect(await answer.finishReason).toBe('tool-calls');
    const usage = await answer.usage;
    expect(usage).toMatchObject({
      inputTokens: 66,
      outputTokens: 44,
      inputTokenDetails: { cacheReadTokens: 22 },
      outputTokenDetails: { reasoningTokens: 5 },
    });
    expect(model.sent).toMatchObject({ ...sent, requests: 1 });
    expect(model.requests[0]).toMatchObject({
      wire,
      model: 'm1',
      key: 'the-key',
      conversation: 0,
      turn: 0,
      attempt: 1,
    });
  });

  it('goes through a whole conversation with the SDK, turn by turn', async () => {
    const model = await saying(TURN, { text: 'The tool said: {lastResult}' });
    const call = { execute: async () => 'all is well' };
    const { text, steps, totalUsage } = await generateText({
      model: client(wire, model.url),
      prompt: 'Do it',
      tools: { write: tool({ ...tools.write, ...call }), bash: tool({ ...tools.bash, ...call }) },
      stopWhen: ({ steps }) => steps.length === 5,
      maxOutputTokens: 100,
      maxRetries: 0,
    });
    expect([steps.length, text]).toEqual([2, 'The tool said: all is well']);
    expect(totalUsage.outputTokens).toBe(model.sent.output);
    expect(totalUsage.inputTokens).toBe(model.sent.input + model.sent.cacheRead + model.sent.cacheWrite);
    expect(model.requests.map((request) => request.turn)).toEqual([0, 1]);
  });

  it.each([
    ['stop', 'end_turn', 'stop'],
    ['length', 'max_tokens', 'length'],
    ['content-filter', 'refusal', 'content_filter'],
    ['tool-calls', 'tool_use', 'tool_calls'],
    ['pause_turn', 'pause_turn', 'pause_turn'],
  ])('says why it stopped: %s', async (finish, messages, chat) => {
    const model = await saying({ text: 'x', finish });
    const streamed = events(await ask(model.url + pathOf(wire), { body: body(wire, 't', true) }));
    const whole = json(await ask(model.url + pathOf(wire), { body: body(wire, 't', false) }));
    if (wire === 'openai-chat') {
      expect(whole.choices[0].finish_reason).toBe(chat);
      expect(streamed.map((event) => event.choices?.[0]?.finish_reason).filter(Boolean)).toEqual([chat]);
    } else {
      expect(whole.stop_reason).toBe(messages);
      expect(streamed.find((event) => event.type === 'message_delta').delta.stop_reason).toBe(messages);
    }
  });

  it('does not say why it stopped where the script says so', async () => {
    const model = await saying({ text: 'x', finish: null });
    const reply = await ask(model.url + pathOf(wire), { body: body(wire, 't', true) });
    expect(reply.bytes.toString()).not.toMatch(/"(finish|stop)_reason":"/);
    expect(said(reply).text).toBe('x');
  });

  it('sends arguments that are no JSON', async () => {
    const model = await saying({ calls: [{ call: { name: 'write', args: '{"path": "a' } }] });
    expect(said(await ask(model.url + pathOf(wire), { body: body(wire, 't', true) })).calls).toEqual([
      { name: 'write', args: '{"path": "a' },
    ]);
  });

  it('carries any text in pieces that make up the whole, and counts what it said', async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '\n', '"', '\\', 'é', '💡', '\u0000', 'data: ', '{', '\r'),
      maxLength: 3_000,
    });
    await fc.assert(
      fc.asyncProperty(text, text, text, async (thinking, words, content) => {
        const model = await saying({
          thinking,
          text: words,
          calls: [{ write: { path: 'p', content } }],
          usage: { input: 7 },
        });
        const offered =
          wire === 'openai-chat'
            ? [{ type: 'function', function: { name: 'write', parameters: {} } }]
            : [{ name: 'write', input_schema: {} }];
        const request = (stream: boolean) => ({ body: body(wire, 't', stream, { tools: offered }) });
        const streamed = await ask(model.url + pathOf(wire), request(true));
        const { calls, ...rest } = said(streamed);
        expect(rest).toEqual({ thinking, text: words });
        expect(calls.map(({ args }) => JSON.parse(args))).toEqual([{ path: 'p', content }]);
        const whole = json(await ask(model.url + pathOf(wire), request(false)));
        const usage = events(streamed).findLast((event) => event.usage)?.usage;
        expect(whole.usage).toEqual(usage);
        expect(model.sent.output).toBe(2 * (usage.completion_tokens ?? usage.output_tokens));
        await model.close();
      }),
      { numRuns: 25 },
    );
  });
});

it('on Chat Completions a stream carries usage only where it is asked for', async () => {
  const model = await saying(TURN);
  const request = (options: object | undefined) => ({
    body: body('openai-chat', 't', true, { stream_options: options }),
  });
  for (const options of [undefined, {}, { include_usage: false }]) {
    const reply = await ask(model.url + pathOf('openai-chat'), request(options));
    expect(events(reply).some((event) => event.usage)).toBe(false);
    expect(events(reply).at(-1)).toBe('[DONE]');
  }
  expect(model.sent).toMatchObject({ input: 0, output: 0, requests: 3 });
});

it('counts each model for itself', async () => {
  const model = await saying({ text: 'x', usage: USAGE });
  for (const name of ['a', 'b', 'b', '__proto__'])
    await ask(model.url + pathOf('anthropic-messages'), {
      body: { ...body('anthropic-messages', 't', true), model: name },
    });
  expect([...model.sent.byModel].map(([name, totals]) => [name, totals.requests, totals.output])).toEqual([
    ['a', 1, 44],
    ['b', 2, 88],
    ['__proto__', 1, 44],
  ]);
  expect(model.sent.output).toBe(4 * 44);
});
