/** Words of a person to the native agent: what it sees, when, and what comes too late. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeAll, expect, it } from 'vitest';
import native from '../../../src/drivers/runtimes/native.ts';
import { type Simulated, startSimulated } from '../../../src/drivers/simulated/server.ts';
import { collect, endOf, until } from '../../conformance/runtimes.ts';
import { bundleNativeAgent } from '../../fixtures/native-agent.ts';
import { type TestHost, testJob, testRunHost } from '../../fixtures/run-host.ts';
import { tempDir } from '../../fixtures/temp.ts';

let command: string[];
beforeAll(async () => {
  command = await bundleNativeAgent(tempDir());
});

let model: Simulated;
let host: TestHost;
afterEach(async () => {
  await host.close();
  await model.close();
});

const start = async (turns: object[], ask?: () => Promise<void>) => {
  model = await startSimulated({ script: { conversations: [{ turns }] } });
  const cwd = tempDir();
  host = testRunHost({
    cwd,
    nativeCommand: command,
    endpoint: { baseUrl: model.url, token: 't', wire: 'openai-chat' },
    ask: async () => {
      await ask?.();
      return { allow: true, reason: '' };
    },
  });
  return collect(native.run(testJob(cwd), host));
};
const asked = () =>
  model.requests.filter((request) => request.method === 'POST').map((request) => JSON.stringify(request.body));
const tell = (text: string) => host.steer?.(text);

it('sees them in order, after the results of its calls and before its next model request', async () => {
  const answers: unknown[] = [];
  const events = await start([{ calls: [{ write: { path: 'a', content: 'x' } }] }, { text: 'Heard.' }], async () => {
    answers.push(await tell('one'), await tell('two'));
  });
  expect(answers).toEqual([null, null]);
  expect(endOf(events)).toMatchObject({ ok: true, answer: 'Heard.' });
  expect(asked()).toHaveLength(2);
  expect(asked()[1]).toMatch(/"role":"tool".*"one".*"two"/);
});

it('goes on where they come while it gives its last answer', async () => {
  const over = start([{ text: 'Finished.', delayMs: 400 }, { text: 'Done that too.' }]);
  await until(() => asked().length === 1);
  expect(await tell('one more thing')).toBeNull();
  expect(endOf(await over)).toMatchObject({ ok: true, answer: 'Done that too.' });
  expect(asked()[1]).toMatch(/Finished\..*one more thing/);
});

it('says so where its model fails before it has seen them', async () => {
  const over = start([{ text: 'Half an', delayMs: 400, then: 'cut' }]);
  await until(() => asked().length === 1);
  expect(await tell('one more thing')).toBeNull();
  const events = await over;
  expect(endOf(events).ok).toBe(false);
  expect(events).toContainEqual({ type: 'notice', text: 'It ended before it saw: one more thing' });
});

it('takes nothing any more once it has ended', async () => {
  await start([{ text: 'Finished.' }]);
  // The shim stops waiting for an answer when the agent has ended.
  expect(await Promise.race([tell('too late'), wait(200, 'no answer')])).not.toBeNull();
});
