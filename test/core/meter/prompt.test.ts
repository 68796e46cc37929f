import { expect, test } from 'vitest';
import { askForUsage, promptBytes, readPrompt } from '../../../src/core/meter/prompt.ts';

const asked = (body: string) => askForUsage(body, readPrompt(body));

test('a stream is asked for its usage, and nothing else of the request changes by a byte', () => {
  const body = ' {"model":"m", "seed":9223372036854775807, "stream":true,"a":1,"a":2}';
  expect(asked(body)).toBe(
    ' {"stream_options":{"include_usage":true},"model":"m", "seed":9223372036854775807, "stream":true,"a":1,"a":2}',
  );
  expect(JSON.parse(asked('{"stream":true,"stream_options":{"x":1}}')!)).toEqual({
    stream: true,
    stream_options: { x: 1, include_usage: true },
  });
  expect(JSON.parse(asked('{"stream":true,"stream_options":null}')!)).toEqual({
    stream: true,
    stream_options: { include_usage: true },
  });
});

test.each([
  '{"stream":false}',
  '{}',
  '[]',
  'null',
  '{"stream":tru',
  '',
  '{"stream":true,"stream_options":{"include_usage":false}}',
  '{"stream":true,"stream_options":{"include_usage":true}}',
  '{"stream":true,"stream_options":"odd"}',
])('nothing is added to %s', (body) => expect(asked(body)).toBe(null));

test('the model a request names, or null', () => {
  expect(readPrompt('{"model":"m1","stream":true}')).toMatchObject({ model: 'm1', stream: true });
  for (const body of ['{}', '{"model":7}', '{"model":""}', 'nonsense', '"text"'])
    expect(readPrompt(body).model).toBe(null);
});

test('the size of a prompt is that of its words: no images, no settings', () => {
  const words = { system: 'Be brief.', messages: [{ role: 'user', content: 'Grüße' }] };
  const size = promptBytes(JSON.stringify({ ...words, max_tokens: 100_000 }));
  expect(size).toBe(Buffer.byteLength(JSON.stringify([words.system, words.messages])));
  const image = { type: 'image', source: { type: 'base64', data: 'A'.repeat(100_000) } };
  const link = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } };
  expect(promptBytes(JSON.stringify({ messages: [{ content: [image, link] }] }))).toBeLessThan(300);
  expect(promptBytes('no json')).toBe(7);
});
