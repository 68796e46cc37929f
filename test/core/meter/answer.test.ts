import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countedFrom, NOT_COUNTED } from '../../../src/core/meter/counted.ts';
import { WIRES, type Wire } from '../../../src/protocol/words.ts';
import {
  chatStream,
  chunk,
  delta,
  event,
  geminiPieces,
  geminiStream,
  messagesStream,
  read,
  readIn,
  responsesStream,
  said,
} from './answers.ts';

const counted = (wire: Wire, text: string, promptBytes = 4000) => countedFrom(read(wire, text), () => promptBytes);

test('a Messages stream: input side from its start, cumulative output, the split of cache writes is not added to their sum', () => {
  const reading = read('anthropic-messages', messagesStream());
  expect(reading).toMatchObject({
    model: 'claude-sonnet-5',
    input: 12,
    cacheRead: 4001,
    cacheWrite: 300,
    output: 57,
    reasoning: 8,
    stopped: true,
    complete: true,
    error: null,
  });
  const content = ['Hmm — überlegen…', 'Grüße, 世界 🎉\n\ndata: not an event\n', 'Write', '{"a":"ü"}'];
  expect(reading.answerBytes).toBe(Buffer.byteLength(content.join('')));
  expect(countedFrom(reading, () => 0).grade).toBe('measured');
});

test('a Chat Completions stream: cached tokens are taken out of the input, reasoning stays in the output', () => {
  const reading = read('openai-chat', chatStream());
  expect(reading).toMatchObject({
    input: 400,
    cacheRead: 600,
    cacheWrite: null,
    output: 40,
    reasoning: 25,
    complete: true,
  });
  expect(reading.answerBytes).toBe(Buffer.byteLength('Erst denken 🤔Grüßebash{"command":"ls »ü«"}'));
});

const SAID = 'Erst denken 🤔Grüßebash{"command":"ls »ü«"}';

test('a Responses stream: cached and written tokens are taken out of the input, reasoning stays in the output', () => {
  const reading = read('openai-responses', responsesStream());
  expect(reading).toMatchObject({
    model: 'gpt-5.5-2026-04-23',
    input: 300,
    cacheRead: 600,
    cacheWrite: 100,
    output: 40,
    reasoning: 25,
    stopped: true,
    complete: true,
    error: null,
  });
  expect(reading.answerBytes).toBe(Buffer.byteLength(SAID));
  expect(countedFrom(reading, () => 0).grade).toBe('measured');
});

test('a Gemini stream: thoughts are added to what was written, the last usage holds', () => {
  const reading = read('gemini', geminiStream());
  expect(reading).toMatchObject({
    model: 'gemini-2.5-pro',
    input: 400,
    cacheRead: 600,
    cacheWrite: null,
    output: 40,
    reasoning: 25,
    stopped: true,
    complete: true,
    error: null,
  });
  expect(reading.answerBytes).toBe(Buffer.byteLength(SAID));
  expect(countedFrom(reading, () => 0).grade).toBe('measured');
});

const WHOLE: [Wire, string][] = [
  ['anthropic-messages', messagesStream()],
  ['anthropic-messages', messagesStream('\r\n')],
  ['anthropic-messages', messagesStream('\r')],
  ['openai-chat', chatStream()],
  ['openai-chat', chatStream('\r\n')],
  ['openai-responses', responsesStream()],
  ['openai-responses', responsesStream('\r\n')],
  ['openai-responses', responsesStream('\r')],
  ['gemini', geminiStream()],
  ['gemini', geminiStream('\r\n')],
  ['gemini', geminiStream('\r')],
  ['openai-chat', `\uFEFF${chatStream()}`],
  ['openai-responses', `${responsesStream()}data: [DONE]\n\n`],
  ['gemini', ` [${geminiPieces().map((piece) => JSON.stringify(piece))}]`],
  ['gemini', JSON.stringify(geminiPieces().at(-1))],
  [
    'openai-responses',
    JSON.stringify({
      model: 'm',
      status: 'completed',
      error: null,
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'ü🎉' }] }],
      usage: { input_tokens: 3, output_tokens: 2 },
    }),
  ],
  [
    'openai-chat',
    JSON.stringify({
      choices: [{ message: { content: 'ü🎉' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    }),
  ],
];

test.each(WHOLE)('%s in any pieces gives the same reading (%#)', (wire, text) => {
  const bytes = Buffer.from(text);
  const whole = readIn(wire, [bytes]);
  expect(whole.complete).toBe(true);
  const cuts = fc
    .array(fc.nat(bytes.length), { maxLength: 40 })
    .map((at) => [0, ...at.sort((a, b) => a - b), bytes.length]);
  fc.assert(
    fc.property(cuts, (at) => {
      const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
      expect(readIn(wire, pieces)).toEqual(whole);
    }),
    { numRuns: 60 },
  );
  expect(
    readIn(
      wire,
      [...bytes].map((byte) => Uint8Array.of(byte)),
    ),
  ).toEqual(whole);
});

/** What the end of each stream and its last count are told by. */
const MARKER: Record<Wire, { end: string; count: string }> = {
  'anthropic-messages': { end: '"type":"message_stop"', count: '"output_tokens":57' },
  'openai-responses': { end: '"type":"response.completed"', count: '"output_tokens":40' },
  'openai-chat': { end: '"finish_reason":"tool_calls"', count: '"completion_tokens":40' },
  gemini: { end: '"finishReason":"STOP"', count: '"candidatesTokenCount":15' },
};

test.each(WHOLE.slice(0, 11))(
  '%s cut at any byte is never called complete before its end marker, nor measured before its last count (%#)',
  (wire, text) => {
    const bytes = Buffer.from(text);
    const marker = bytes.indexOf(MARKER[wire].end);
    const final = bytes.indexOf(MARKER[wire].count);
    expect(Math.min(marker, final)).toBeGreaterThan(0);
    for (let end = 0; end < bytes.length; end += 7) {
      const reading = readIn(wire, [bytes.subarray(0, end)], 'stream');
      if (end <= marker) expect(reading.complete).toBe(false);
      const { grade, input, output } = countedFrom(reading, () => 4000);
      if (end <= final) expect(grade).toBe('estimated');
      expect(input).toBeTypeOf('number');
      expect(output).toBeGreaterThanOrEqual(0);
    }
  },
);

test('a stream cut before its usage: what the service said of the input stands, the output is counted from the text that came', () => {
  const start = event({ type: 'message_start', message: { model: 'm', usage: { input_tokens: 9, output_tokens: 1 } } });
  expect(counted('anthropic-messages', start + event(delta('x'.repeat(41))))).toMatchObject({
    input: 9,
    output: 11,
    grade: 'estimated',
  });
  expect(counted('openai-chat', chunk(said('x'.repeat(41))))).toMatchObject({
    input: 1000,
    cacheRead: null,
    output: 11,
    grade: 'estimated',
  });
});

test('a count from the middle of a stream is a lower bound, not the final one', () => {
  const running = chunk({ ...said('x'.repeat(4)), usage: { prompt_tokens: 7, completion_tokens: 90 } });
  expect(counted('openai-chat', running)).toMatchObject({ input: 7, output: 90, grade: 'estimated' });
});

test('an error inside a good stream: not complete, its words kept, however it ends', () => {
  const overloaded = event({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
  expect(read('anthropic-messages', overloaded + event({ type: 'message_stop' }))).toMatchObject({
    complete: false,
    error: 'Overloaded',
  });
  const broken = chunk(said('Hi')) + chunk({ error: { message: 'CUDA out of memory', code: 500 } }) + chunk('[DONE]');
  expect(read('openai-chat', broken)).toMatchObject({ complete: false, error: 'CUDA out of memory' });
  const failed = {
    type: 'response.failed',
    response: { error: { code: 'server_error', message: 'Sorry' }, usage: null },
  };
  for (const last of [
    failed,
    { type: 'error', code: 'server_error', message: 'Sorry', param: null },
    { error: 'Sorry' },
  ])
    expect(
      read('openai-responses', chunk({ type: 'response.output_text.delta', delta: 'Hi' }) + chunk(last)),
    ).toMatchObject({ complete: false, stopped: false, error: 'Sorry', answerBytes: 2 });
  const overload = { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } };
  for (const text of [geminiStream() + chunk(overload), JSON.stringify([...geminiPieces(), overload])])
    expect(read('gemini', text)).toMatchObject({ complete: false, error: 'The model is overloaded.', input: 400 });
});

test('a response that stopped at a limit is whole and measured; one that is still made is neither', () => {
  const usage = { input_tokens: 10, output_tokens: 4 };
  const response = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: [], usage };
  for (const text of [chunk({ type: 'response.incomplete', response }), JSON.stringify(response)])
    expect([read('openai-responses', text).complete, counted('openai-responses', text)]).toMatchObject([
      true,
      { input: 10, output: 4, grade: 'measured' },
    ]);
  const queued = JSON.stringify({ status: 'queued', output: [], usage: null, error: null });
  expect(read('openai-responses', queued)).toMatchObject({
    complete: false,
    error: expect.stringContaining('background'),
  });
  expect(counted('openai-responses', queued)).toEqual(NOT_COUNTED);
});

test('items that come whole count as what was said', () => {
  const output = [
    { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }] },
    { type: 'message', content: [{ type: 'output_text', text: 'Grüße' }] },
    { type: 'custom_tool_call', name: 'apply_patch', input: '***' },
  ];
  const text = chunk({ type: 'response.completed', response: { output } });
  expect(read('openai-responses', text).answerBytes).toBe(Buffer.byteLength('HmGrüßeapply_patch***'));
  expect(counted('openai-responses', text)).toMatchObject({ input: 1000, grade: 'estimated' });
});

test('answers that are one JSON document, under any content type', () => {
  const message = {
    type: 'message',
    model: 'claude-x',
    content: [{ type: 'text', text: 'Hi' }],
    stop_reason: 'end_turn',
  };
  expect(
    read('anthropic-messages', JSON.stringify({ ...message, usage: { input_tokens: 5, output_tokens: 3 } })),
  ).toMatchObject({
    model: 'claude-x',
    input: 5,
    cacheRead: null,
    cacheWrite: null,
    output: 3,
    complete: true,
  });
  expect(counted('anthropic-messages', JSON.stringify(message))).toMatchObject({
    input: 1000,
    output: 1,
    grade: 'estimated',
  });
  const completion = {
    model: 'm',
    choices: [{ message: { content: [{ type: 'text', text: 'Hi' }] }, finish_reason: 'stop' }],
  };
  expect(counted('openai-chat', JSON.stringify(completion))).toMatchObject({
    input: 1000,
    output: 1,
    grade: 'estimated',
  });
});

test.each([
  [
    'DeepSeek',
    { prompt_tokens: 100, completion_tokens: 5, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 },
    { input: 36, cacheRead: 64, output: 5 },
  ],
  [
    'Ollama, which has no cache field',
    { prompt_tokens: 26, completion_tokens: 298, total_tokens: 324 },
    { input: 26, cacheRead: null, output: 298, reasoning: null },
  ],
  [
    'llama.cpp with an empty cache',
    { prompt_tokens: 26, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 0 } },
    { input: 26, cacheRead: 0, output: 2 },
  ],
  [
    'vLLM with null details',
    { prompt_tokens: 7, completion_tokens: 2, prompt_tokens_details: null },
    { input: 7, cacheRead: null, output: 2 },
  ],
  [
    'xAI, whose reasoning is outside',
    { prompt_tokens: 32, completion_tokens: 9, total_tokens: 124, completion_tokens_details: { reasoning_tokens: 83 } },
    { input: 32, output: 92, reasoning: 83 },
  ],
  [
    'more cached than prompt',
    { prompt_tokens: 10, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 90 } },
    { input: 10, cacheRead: 90 },
  ],
  ['numbers that are none', { prompt_tokens: '10', completion_tokens: -1 }, { input: null, output: null }],
])('usage as %s writes it', (_, usage, expected) => {
  expect(read('openai-chat', chunk(said('x')) + chunk({ choices: [], usage }))).toMatchObject(expected);
});

test.each([
  [
    'nothing but the prompt, and a total that tells the rest',
    { promptTokenCount: 10, totalTokenCount: 17 },
    { input: 10, output: 7, reasoning: null },
  ],
  [
    'thoughts alone, stopped before a word',
    { promptTokenCount: 10, thoughtsTokenCount: 5 },
    { input: 10, output: 5, reasoning: 5 },
  ],
  [
    'thoughts beside the words',
    { promptTokenCount: 10, candidatesTokenCount: 3, thoughtsTokenCount: 5, totalTokenCount: 18 },
    { output: 8, reasoning: 5 },
  ],
  [
    'thoughts inside the words',
    { promptTokenCount: 10, candidatesTokenCount: 8, thoughtsTokenCount: 5, totalTokenCount: 18 },
    { output: 8, reasoning: 5 },
  ],
  [
    'results of the provider’s own tools',
    {
      promptTokenCount: 10,
      cachedContentTokenCount: 4,
      toolUsePromptTokenCount: 30,
      candidatesTokenCount: 3,
      totalTokenCount: 43,
    },
    { input: 36, cacheRead: 4, output: 3 },
  ],
  [
    'more cached than prompt',
    { promptTokenCount: 10, cachedContentTokenCount: 40, candidatesTokenCount: 1 },
    { input: 10, cacheRead: 40, output: 1 },
  ],
  [
    'numbers that are none',
    { promptTokenCount: -1, candidatesTokenCount: '3', totalTokenCount: 1e300 },
    { input: null, output: null },
  ],
  ['a total below the prompt', { promptTokenCount: 10, totalTokenCount: 3 }, { input: 10, output: null }],
])('Gemini’s usage with %s', (_, usageMetadata, expected) => {
  expect(read('gemini', chunk({ candidates: [], usageMetadata }))).toMatchObject(expected);
});

test('Gemini: a later usage that lacks a side leaves it, a blocked prompt is an end', () => {
  const [first] = geminiPieces();
  const text =
    chunk({ ...first, usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 4 } }) + chunk({ usageMetadata: {} });
  expect(read('gemini', text)).toMatchObject({ input: 9, output: 4, complete: false });
  const blocked = JSON.stringify({
    promptFeedback: { blockReason: 'SAFETY' },
    usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
  });
  expect(counted('gemini', blocked)).toMatchObject({ input: 9, output: 0, grade: 'measured' });
});

test.each([
  [
    'xAI, whose reasoning is outside',
    { input_tokens: 32, output_tokens: 9, output_tokens_details: { reasoning_tokens: 83 }, total_tokens: 124 },
    { input: 32, output: 92, reasoning: 83 },
  ],
  [
    'a server without details',
    { input_tokens: 7, output_tokens: 2 },
    { input: 7, cacheRead: null, cacheWrite: null, reasoning: null },
  ],
  [
    'more cached than prompt',
    { input_tokens: 10, input_tokens_details: { cached_tokens: 90 }, output_tokens: 1 },
    { input: 10, cacheRead: 90 },
  ],
  ['numbers that are none', { input_tokens: 1.5, output_tokens: null }, { input: null, output: null }],
])('Responses usage of %s', (_, usage, expected) => {
  expect(read('openai-responses', chunk({ type: 'response.completed', response: { usage } }))).toMatchObject(expected);
});

test('usage in the places Groq and Moonshot put it', () => {
  const usage = { prompt_tokens: 10, completion_tokens: 2, cached_tokens: 4 };
  expect(read('openai-chat', chunk({ choices: [], x_groq: { usage } }))).toMatchObject({
    input: 6,
    cacheRead: 4,
    output: 2,
  });
  expect(read('openai-chat', chunk({ choices: [{ delta: {}, finish_reason: 'stop', usage }] }))).toMatchObject({
    input: 6,
    output: 2,
    complete: true,
  });
});

test('what is no answer of the wire is unknown, never 0', () => {
  for (const text of ['', '<html>busy</html>', '{"hello":1}', '\0\u0001\u0002', 'event: x\n\n'])
    for (const wire of WIRES)
      expect(counted(wire, text)).toEqual({
        input: null,
        cacheRead: null,
        cacheWrite: null,
        output: null,
        reasoning: null,
        grade: 'unknown',
      });
  for (const wire of WIRES)
    expect(countedFrom(read(wire, '', 'stream'), () => 40)).toMatchObject({ input: 10, output: 0, grade: 'estimated' });
});

test('garbage of any kind never throws and is never complete', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(...WIRES), (bytes, wire) => {
      expect(readIn(wire, [Buffer.from('data: '), bytes]).complete).toBe(false);
    }),
  );
  const nested = fc.object({
    key: fc.constantFrom(
      ...['type', 'usage', 'message', 'choices', 'delta', 'error', 'content', 'x', 'response', 'output', 'item'],
      ...['candidates', 'parts', 'usageMetadata', 'promptFeedback', 'functionCall'],
    ),
    maxDepth: 4,
  });
  fc.assert(
    fc.property(nested, fc.constantFrom(...WIRES), (value, wire) => {
      read(wire, chunk(value));
      read(wire, chunk({ type: 'response.completed', response: value, candidates: [value] }));
      read(wire, JSON.stringify(value));
    }),
  );
});

test('an event without end does not grow without bound, and what was read before it stands', () => {
  const start = event({ type: 'message_start', message: { model: 'm', usage: { input_tokens: 9 } } });
  const piece = Buffer.alloc(1024 * 1024, 'x');
  const reading = readIn('anthropic-messages', [
    Buffer.from(`${start}data: `),
    ...Array.from({ length: 20 }, () => piece),
    Buffer.from(`\n\n${event({ type: 'message_stop' })}`),
  ]);
  expect(reading).toMatchObject({ input: 9, complete: false, answerBytes: 0 });
  const document = readIn('openai-chat', [
    Buffer.from('{"choices":"'),
    ...Array.from({ length: 20 }, () => piece),
    Buffer.from('"}'),
  ]);
  expect(document).toMatchObject({ input: null, complete: false, understood: true });
});
