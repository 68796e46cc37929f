/** The engines' providers on the simulated model posing as each engine: two readings of the vendors' pages that must meet. */
import { afterEach, expect, it } from 'vitest';
import { identify } from '../../../src/control/endpoints.ts';
import { PROVIDERS } from '../../../src/control/providers.ts';
import { type Simulated, startSimulated } from '../../../src/drivers/simulated/server.ts';

const kinds = PROVIDERS.filter((provider) => provider.discoverUrls({}).length > 0);
const open: Simulated[] = [];
afterEach(() => Promise.all(open.splice(0).map((model) => model.close())));

async function look(pose: object | string) {
  const model = await startSimulated({ script: { pose, conversations: [{ turns: [{ text: 'Hello.' }] }] } });
  open.push(model);
  return identify(model.url, kinds, 5_000);
}
const ONE = { id: 'm1:8b', context: 4_096, trainedContext: 32_768, tools: true, loaded: true };

it.each([
  ['ollama', 'ollama'],
  ['lmstudio', 'lmstudio'],
  ['lmstudio-v0', 'lmstudio'],
  ['llamacpp', 'llamacpp'],
])('%s is %s', async (engine, provider) => {
  const found = await look({ engine, models: [ONE] });
  expect(found?.provider.id).toBe(provider);
  expect(found?.answer).toMatchObject({
    state: 'ready',
    models: [{ id: 'm1:8b', context: 4_096, trainedContext: 32_768, loaded: true, tier: 'small' }],
  });
});

it.each([
  ['ollama', true],
  ['lmstudio', true],
  ['llamacpp', true],
  ['ollama', false],
  ['lmstudio', false],
  ['llamacpp', false],
])('%s says whether its model calls tools: %s', async (engine, tools) => {
  expect((await look({ engine, models: [{ ...ONE, tools }] }))?.answer.models[0]?.tools).toBe(tools);
});

it.each(['ollama', 'lmstudio', 'lmstudio-v0'])(
  '%s: the window of a model that is not loaded is unknown',
  async (engine) => {
    const models = [{ ...ONE, loaded: false }];
    const found = await look({ engine, models });
    expect(found?.answer.models).toMatchObject([{ loaded: false, context: null, trainedContext: 32_768 }]);
    // And looking has loaded nothing.
    expect((await identify(open.at(-1)!.url, kinds, 5_000))?.answer.models[0]?.loaded).toBe(false);
  },
);

it.each(['ollama', 'lmstudio', 'lmstudio-v0', 'llamacpp'])('%s of an earlier version is known too', async (engine) => {
  expect((await look({ engine, old: true, models: [ONE] }))?.answer.models).toMatchObject([{ id: 'm1:8b' }]);
});

it('a router’s models stay unloaded', async () => {
  const models = [ONE, { ...ONE, id: 'm2:8b', loaded: false }];
  const states = async () =>
    (await identify(open.at(-1)!.url, kinds, 5_000))?.answer.models.map(({ id, loaded, context }) => [
      id,
      loaded,
      context,
    ]);
  await look({ engine: 'llamacpp', models });
  await states();
  expect(await states()).toEqual([
    ['m1:8b', true, 4_096],
    ['m2:8b', false, null],
  ]);
});

it('a llama-server that still loads is unavailable, not somebody else', async () => {
  const found = await look({ engine: 'llamacpp', models: [{ ...ONE, loaded: false }] });
  expect([found?.provider.id, found?.answer.state]).toEqual(['llamacpp', 'unavailable']);
});

it('Ollama’s remote and embedding models are left out', async () => {
  const models = [ONE, { ...ONE, id: 'big:cloud', remote: true }, { ...ONE, id: 'embed:1', embedding: true }];
  expect((await look({ engine: 'ollama', models }))?.answer.models.map(({ id }) => id)).toEqual(['m1:8b']);
});

it('without a pose it is no engine', async () => {
  const model = await startSimulated({ script: { conversations: [{ turns: [{ text: 'Hello.' }] }] } });
  open.push(model);
  expect(await identify(model.url, kinds, 5_000)).toBeNull();
});
