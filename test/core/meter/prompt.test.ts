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
  const deep = `{"stream":true,"stream_options":{},"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  expect(promptBytes(deep)).toBe(deep.length);
  expect(askForUsage(deep, readPrompt(deep))).toBeNull();
});

test('the same on the other wires', () => {
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Grüße' }] }];
  const encrypted = { type: 'reasoning', summary: [], encrypted_content: 'A'.repeat(9_000) };
  const picture = { type: 'input_image', image_url: `data:image/png;base64,${'A'.repeat(9_000)}` };
  const responses = { instructions: 'Be brief.', input, tools: [{ type: 'function', name: 'ls' }] };
  const size = (parts: unknown[]) => Buffer.byteLength(JSON.stringify(parts));
  expect(promptBytes(JSON.stringify({ model: 'm', ...responses }))).toBe(size([responses.tools, 'Be brief.', input]));
  expect(promptBytes(JSON.stringify({ input: [encrypted, { content: [picture] }] }))).toBeLessThan(300);
  const contents = [
    { role: 'user', parts: [{ text: 'Grüße' }, { inlineData: { mimeType: 'image/png', data: 'A'.repeat(9_000) } }] },
  ];
  const systemInstruction = { parts: [{ text: 'Be brief.' }] };
  const bytes = promptBytes(JSON.stringify({ contents, systemInstruction, generationConfig: { x: 'y'.repeat(900) } }));
  expect(bytes).toBeLessThan(300);
  expect(bytes).toBeGreaterThan(size(['Be brief.', 'Grüße']));
});
