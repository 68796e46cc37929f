/** Every way an answer goes wrong, as a client's connection sees it. */
import { describe, expect, it } from 'vitest';
import type { Ending } from '../../../src/drivers/simulated/script.ts';
import { WIRES } from '../../../src/protocol/words.ts';
import { FORMS } from './forms.ts';
import { ask, body, events, json, pathOf, said, saying } from './talk.ts';

const TEXT = 'One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen.';
const USAGE = { input: 100, cacheRead: 0, cacheWrite: 0, output: 50, reasoning: 0 };
const turn = (ending: Ending) => ({ text: TEXT, usage: USAGE, ...Object.fromEntries([['then', ending]]) });

describe.each(WIRES)('%s, a stream', (wire) => {
  const talk = async (ending: Ending) => {
    const model = await saying(turn(ending));
    const reply = await ask(model.url + pathOf(wire), { body: body(wire, 't', true) });
    return { model, reply, ended: reply.bytes.toString().includes(FORMS[wire].end) };
  };
  /** Half of it, and not nothing. */
  const half = (text: string) => text !== '' && text !== TEXT && TEXT.startsWith(text);

  it.each(['cut', 'reset'] as const)('%s: breaks off in the middle', async (ending) => {
    const { reply, ended, model } = await talk(ending);
    expect(reply.broke).toBe('ECONNRESET');
    expect(ended).toBe(false);
    // A reset may overtake what was sent before it.
    if (ending === 'cut') expect(half(said(reply).text)).toBe(true);
    expect(model.sent.output).toBeLessThan(USAGE.output);
  });

  it('drop: there is no answer at all', async () => {
    const { reply, model } = await talk('drop');
    expect(reply).toMatchObject({ status: null, broke: 'ECONNRESET' });
    expect(model.sent).toMatchObject({ requests: 1, input: 0, output: 0 });
  });

  it('garbage: comes after the middle, and the stream ends as if nothing were wrong', async () => {
    const { reply, ended } = await talk('garbage');
    expect([reply.status, reply.broke, ended]).toEqual([200, null, false]);
    expect(events(reply).filter((event) => typeof event === 'string')).toEqual(['{"choices": [{"delta": ']);
    expect(() => new TextDecoder('utf8', { fatal: true }).decode(reply.bytes)).toThrow();
  });

  it('error: the wire’s own error event', async () => {
    const { reply, ended } = await talk('error');
    expect([reply.status, reply.broke, ended]).toEqual([200, null, false]);
    const errors = {
      'anthropic-messages': { type: 'error', error: { type: 'overloaded_error' } },
      'openai-responses': { type: 'response.failed', response: { error: { code: 'server_error' } } },
      'openai-chat': { error: { type: 'server_error' } },
      gemini: { error: { code: 503, status: 'UNAVAILABLE' } },
    };
    expect(events(reply).at(-1)).toMatchObject(errors[wire]);
  });

  it('unfinished: all is said, the end marker is missing', async () => {
    const { reply, ended, model } = await talk('unfinished');
    expect([reply.status, reply.broke, ended, said(reply).text]).toEqual([200, null, false, TEXT]);
    expect(model.sent.output).toBe(wire === 'anthropic-messages' ? 1 : 0);
    expect(model.sent.input).toBe(wire === 'anthropic-messages' || wire === 'gemini' ? USAGE.input : 0);
  });

  it('end-without-usage: whole, with no tokens anywhere', async () => {
    const { reply, ended, model } = await talk('end-without-usage');
    expect([reply.status, reply.broke, ended, said(reply).text]).toEqual([200, null, true, TEXT]);
    expect(reply.bytes.toString()).not.toMatch(/_tokens|TokenCount/);
    expect(model.sent).toMatchObject({ input: 0, output: 0, requests: 1 });
  });

  it('hang: nothing more comes until the client gives up', async () => {
    const model = await saying(turn('hang'));
    const reply = await ask(model.url + pathOf(wire), {
      body: body(wire, 't', true),
      // All that will ever come is here: the first half, whose size is known.
      onData: (bytes, request) => {
        const far = said({ status: 200, headers: {}, bytes, broke: null }).text;
        if (far.length >= TEXT.length / 2 - 24 && far !== '') request.destroy(new Error('given up'));
      },
    });
    expect(reply.broke).toBe('given up');
    expect(half(said(reply).text)).toBe(true);
  });

  it('hang: does not keep the server from closing', async () => {
    const model = await saying(turn('hang'));
    let begun = () => {};
    const beginning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const reply = ask(model.url + pathOf(wire), { body: body(wire, 't', true), onData: () => begun() });
    await beginning;
    await model.close();
    expect((await reply).broke).toBe('ECONNRESET');
  });
});

describe.each(WIRES)('%s, whole', (wire) => {
  const talk = async (ending: Ending) => {
    const model = await saying(turn(ending));
    return { model, reply: await ask(model.url + pathOf(wire, false), { body: body(wire, 't', false) }) };
  };

  it.each(['cut', 'reset', 'drop'] as const)('%s: breaks off', async (ending) => {
    const { reply, model } = await talk(ending);
    expect(reply.broke).toBe('ECONNRESET');
    expect(() => json(reply)).toThrow();
    expect(model.sent).toMatchObject({ output: 0, requests: 1 });
  });

  it.each(['garbage', 'unfinished'] as const)('%s: is no JSON', async (ending) => {
    const { reply, model } = await talk(ending);
    expect([reply.status, reply.broke]).toEqual([200, null]);
    expect(reply.headers['content-type']).toBe('application/json');
    expect(() => json(reply)).toThrow();
    expect(model.sent.output).toBe(0);
  });

  it('error: comes instead of the answer', async () => {
    const { reply } = await talk('error');
    expect([reply.status, json(reply).error.message]).toEqual([500, 'the script breaks off here']);
  });

  it('end-without-usage: reports no tokens', async () => {
    const { reply, model } = await talk('end-without-usage');
    expect(FORMS[wire].output(json(reply))).toBe(undefined);
    expect(reply.bytes.toString()).toContain(TEXT);
    expect(model.sent.output).toBe(0);
  });
});

it('an answer in slow drops comes in the pace of the script', async () => {
  const model = await saying({ text: TEXT, delayMs: 60, betweenMs: 20 });
  const start = performance.now();
  const reply = await ask(model.url + pathOf('openai-chat'), { body: body('openai-chat', 't', true) });
  expect(said(reply).text).toBe(TEXT);
  // At least so slow; a timer may fire a millisecond early.
  expect(performance.now() - start).toBeGreaterThan(60 + 20 * 5 - 10);
});
