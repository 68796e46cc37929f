/** Every wire as the real SDKs and a plain client read it. */
import { generateText, streamText, tool } from 'ai';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { WIRES, type Wire } from '../../../src/protocol/words.ts';
import { FORMS } from './forms.ts';
import { sdkModel } from './sdk-model.ts';
import { ask, body, events, json, pathOf, said, saying } from './talk.ts';

const client = (wire: Wire, url: string) => sdkModel(wire, { url, key: 'the-key', model: 'm1' });
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
  const sent = wire === 'anthropic-messages' ? USAGE : { ...USAGE, input: 44, cacheWrite: 0 };

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
      // Nothing is stored here; what a client refers to by its id is not found.
      providerOptions: { openai: { store: false } },
      maxOutputTokens: 100,
      maxRetries: 0,
    });
    expect([steps.length, text]).toEqual([2, 'The tool said: all is well']);
    expect(totalUsage.outputTokens).toBe(model.sent.output);
    expect(totalUsage.inputTokens).toBe(model.sent.input + model.sent.cacheRead + model.sent.cacheWrite);
    expect(model.requests.map((request) => request.turn)).toEqual([0, 1]);
  });

  it.each([
    ['stop', 'end_turn', 'stop', null, 'STOP'],
    ['length', 'max_tokens', 'length', 'max_output_tokens', 'MAX_TOKENS'],
    ['content-filter', 'refusal', 'content_filter', 'content_filter', 'SAFETY'],
    ['tool-calls', 'tool_use', 'tool_calls', null, 'STOP'],
    ['pause_turn', 'pause_turn', 'pause_turn', 'pause_turn', 'pause_turn'],
  ])('says why it stopped: %s', async (finish, messages, chat, responses, gemini) => {
    const model = await saying({ text: 'x', finish });
    const streamed = events(await ask(model.url + pathOf(wire), { body: body(wire, 't', true) }));
    const whole = json(await ask(model.url + pathOf(wire, false), { body: body(wire, 't', false) }));
    const expected = { 'anthropic-messages': messages, 'openai-responses': responses, 'openai-chat': chat, gemini };
    expect(reasonOf(wire, whole)).toBe(expected[wire]);
    const last = streamed.filter((event) => event !== '[DONE]' && reasonOf(wire, event) !== undefined);
    expect(last.map((event) => reasonOf(wire, event))).toEqual([expected[wire]]);
  });

  it('does not say why it stopped where the script says so', async () => {
    const model = await saying({ text: 'x', finish: null });
    const reply = await ask(model.url + pathOf(wire), { body: body(wire, 't', true) });
    expect(reply.bytes.toString()).not.toMatch(/"(finish_?|stop_)[rR]eason":"/);
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
        const request = (stream: boolean) => ({
          body: body(wire, 't', stream, { tools: [FORMS[wire].tool('write')] }),
        });
        const streamed = await ask(model.url + pathOf(wire), request(true));
        const { calls, ...rest } = said(streamed);
        expect(rest).toEqual({ thinking, text: words });
        expect(calls.map(({ args }) => JSON.parse(args))).toEqual([{ path: 'p', content }]);
        const whole = json(await ask(model.url + pathOf(wire, false), request(false)));
        const counted = FORMS[wire].output(events(streamed).findLast((event) => FORMS[wire].output(event)));
        expect(FORMS[wire].output(whole)).toBe(counted);
        expect(model.sent.output).toBe(2 * counted!);
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

it('on Responses a tool that takes text is called with text', async () => {
  const patch = '*** Begin Patch\n*** Add File: a\n+"x"\n*** End Patch';
  const model = await saying({ calls: [{ call: { name: 'apply_patch', args: patch } }] }, { text: '{lastResult}' });
  const url = model.url + pathOf('openai-responses');
  const tools = [{ type: 'custom', name: 'apply_patch' }, { type: 'web_search' }];
  const { output } = json(await ask(url, { body: body('openai-responses', 't', false, { tools }) }));
  expect(output).toMatchObject([{ type: 'custom_tool_call', name: 'apply_patch', input: patch }]);
  const streamed = events(await ask(url, { body: body('openai-responses', 't', true, { tools }) }));
  const deltas = streamed.filter((event) => event.type === 'response.custom_tool_call_input.delta');
  expect(deltas.map((event) => event.delta).join('')).toBe(patch);
  expect(streamed.at(-1).response.output).toEqual(output);
  const result = { type: 'custom_tool_call_output', call_id: output[0].call_id, output: 'Added a.' };
  const input = [FORMS['openai-responses'].user('t'), ...output, result];
  expect(said(await ask(url, { body: body('openai-responses', '', true, { input }) })).text).toBe('Added a.');
});

/** Why the model stopped, in the wire's own word; undefined where this part of a stream does not say. */
// biome-ignore lint/suspicious/noExplicitAny: parts of four wires.
function reasonOf(wire: Wire, part: any): string | null | undefined {
  const of = {
    'anthropic-messages': () => part.stop_reason ?? part.delta?.stop_reason,
    'openai-responses': () => {
      const response = part.response ?? part;
      return ['completed', 'incomplete'].includes(response.status) && response.object === 'response'
        ? (response.incomplete_details?.reason ?? null)
        : undefined;
    },
    'openai-chat': () => part.choices?.[0]?.finish_reason ?? undefined,
    gemini: () => part.candidates?.[0]?.finishReason,
  };
  return of[wire]();
}
