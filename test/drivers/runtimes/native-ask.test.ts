/** The native agent asks a person: what it gets, beside what, and what a stop does to it. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import type { RunHost } from '../../../src/core/contracts.ts';
import native from '../../../src/drivers/runtimes/native.ts';
import { type Simulated, startSimulated } from '../../../src/drivers/simulated/server.ts';
import { collect, endOf } from '../../conformance/runtimes.ts';
import { bundleNativeAgent } from '../../fixtures/native-agent.ts';
import { type TestHost, testJob, testRunHost } from '../../fixtures/run-host.ts';
import { tempDir } from '../../fixtures/temp.ts';

let command: string[];
beforeAll(async () => {
  command = await bundleNativeAgent(tempDir());
});

let model: Simulated;
let host: TestHost;
let cwd: string;
afterEach(async () => {
  await host.close();
  await model.close();
});

const ask = (question: string) => ({ call: { name: 'ask', args: { question } } });
const start = async (calls: object[], askPerson: RunHost['askPerson'], signal?: AbortSignal) => {
  model = await startSimulated({ script: { conversations: [{ turns: [{ calls }, { text: 'Heard.' }] }] } });
  cwd = tempDir();
  const endpoint = { baseUrl: model.url, token: 't', wire: 'openai-chat' } as const;
  host = testRunHost({ cwd, nativeCommand: command, endpoint, askPerson, ...(signal ? { signal } : {}) });
  return collect(native.run(testJob(cwd, { answers: 'kept' }), host));
};
const bodies = () =>
  model.requests.filter(({ method }) => method === 'POST').map((request) => JSON.stringify(request.body));

it('gets what it is told as the result of its call, without asking whether it may ask', async () => {
  const asked: string[] = [];
  const events = await start([ask('Which "one"?\n')], async (question) => {
    asked.push(question);
    return { ok: true, text: 'Line 1\n\u001bLine 2' };
  });
  expect(asked).toEqual(['Which "one"?\n']);
  expect(host.asked).toEqual([]);
  expect(bodies()[1]).toContain(JSON.stringify('Line 1\n\u001bLine 2'));
  expect(events).toContainEqual(expect.objectContaining({ type: 'tool', action: 'ask', subject: 'Which "one"?\n' }));
  expect(events).toContainEqual(expect.objectContaining({ type: 'tool-result', ok: true, denied: false }));
  expect(endOf(events)).toMatchObject({ ok: true, answer: 'Heard.' });
});

it('writes nothing of the same turn before it is answered', async () => {
  let written: boolean | null = null;
  await start([ask('May I?'), { write: { path: 'a', content: 'x' } }], async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    written = fs.existsSync(path.join(cwd, 'a'));
    return { ok: false, text: 'Nobody answered.' };
  });
  expect(written).toBe(false);
  expect(fs.existsSync(path.join(cwd, 'a'))).toBe(true);
  expect(bodies()[1]).toContain('Nobody answered.');
});

it('is told what is wrong with a question nobody would read, and asks nobody', async () => {
  await start([ask(''), ask('x'.repeat(4_001))], () => Promise.reject(new Error('not to be asked')));
  expect(bodies()[1]?.match(/Wrong arguments for ask/g)).toHaveLength(2);
});

it('stops at once while it waits', async () => {
  const stop = new AbortController();
  const events = await start(
    [ask('Which?')],
    () => {
      stop.abort();
      return new Promise(() => {});
    },
    stop.signal,
  );
  expect(endOf(events)).toMatchObject({ ok: false, status: 'cancelled' });
  expect(bodies()).toHaveLength(1);
});
