import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countedFrom } from '../../../src/core/meter/counted.ts';
import type { Wire } from '../../../src/protocol/words.ts';
import { chatStream, chunk, delta, event, messagesStream, read, readIn, said } from './answers.ts';

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

const WHOLE: [Wire, string][] = [
  ['anthropic-messages', messagesStream()],
  ['anthropic-messages', messagesStream('\r\n')],
  ['anthropic-messages', messagesStream('\r')],
  ['openai-chat', chatStream()],
  ['openai-chat', chatStream('\r\n')],
  ['openai-chat', `\uFEFF${chatStream()}`],
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

test.each(WHOLE.slice(0, 5))(
  '%s cut at any byte is never called complete before its end marker, nor measured before its last count (%#)',
  (wire, text) => {
    const bytes = Buffer.from(text);
    const marker = bytes.indexOf(wire === 'openai-chat' ? '"finish_reason":"tool_calls"' : '"type":"message_stop"');
    const final = bytes.indexOf(wire === 'openai-chat' ? '"completion_tokens":40' : '"output_tokens":57');
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
    for (const wire of ['anthropic-messages', 'openai-chat'] as const)
      expect(counted(wire, text)).toEqual({
        input: null,
        cacheRead: null,
        cacheWrite: null,
        output: null,
        reasoning: null,
        grade: 'unknown',
      });
  expect(countedFrom(read('openai-chat', '', 'stream'), () => 40)).toMatchObject({
    input: 10,
    output: 0,
    grade: 'estimated',
  });
});

test('garbage of any kind never throws and is never complete', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom<Wire>('anthropic-messages', 'openai-chat'),
      (bytes, wire) => {
        expect(readIn(wire, [Buffer.from('data: '), bytes]).complete).toBe(false);
      },
    ),
  );
  const nested = fc.object({
    key: fc.constantFrom('type', 'usage', 'message', 'choices', 'delta', 'error', 'content', 'x'),
    maxDepth: 4,
  });
  fc.assert(
    fc.property(nested, fc.constantFrom<Wire>('anthropic-messages', 'openai-chat'), (value, wire) => {
      read(wire, chunk(value));
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
