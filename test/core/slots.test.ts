import { expect, test } from 'vitest';
import { DEFAULTS } from '../../src/core/config.ts';
import { type SlotFacts, slotsOf } from '../../src/core/slots.ts';
import type { Config } from '../../src/protocol/config.ts';
import type { Upstream } from '../../src/protocol/job.ts';

const local: Upstream = { wire: 'openai-chat', baseUrl: 'http://127.0.0.1:11434', apiKeyEnv: null, billing: 'local' };
const keyed: Upstream = {
  wire: 'anthropic-messages',
  baseUrl: 'https://api.anthropic.com',
  apiKeyEnv: 'ANTHROPIC_API_KEY',
  billing: 'api',
};
const facts = (change: Partial<SlotFacts> = {}): SlotFacts => ({
  worker: { runtime: 'native', endpoint: 'ollama' },
  endpoint: { id: 'ollama' },
  upstream: local,
  config: DEFAULTS,
  concurrency: 4,
  projectRoot: '/p',
  ...change,
});
const of = (slots: ReturnType<typeof slotsOf>, name: string) => slots.find((slot) => slot.of === name)?.atMost;

test('a local engine serves as many as it says, one where it does not say, and what the user says beats both', () => {
  expect(of(slotsOf(facts()), 'endpoint ollama')).toBe(1);
  expect(of(slotsOf(facts({ endpoint: { id: 'ollama', slots: 4 } })), 'endpoint ollama')).toBe(4);
  const config: Config = {
    ...DEFAULTS,
    endpoints: [{ id: 'ollama', provider: 'ollama', url: 'http://127.0.0.1:11434', concurrency: 3 }],
  };
  expect(of(slotsOf(facts({ config })), 'endpoint ollama')).toBe(3);
});

test('one key is one account for every endpoint and runtime that uses it', () => {
  const account = 'the account of ANTHROPIC_API_KEY at api.anthropic.com';
  const own = slotsOf(facts({ worker: { runtime: 'claude-code', endpoint: null }, endpoint: null, upstream: keyed }));
  const native = slotsOf(facts({ endpoint: { id: 'anthropic' }, upstream: keyed }));
  expect(of(own, account)).toBeNull();
  expect(of(native, account)).toBeNull();
});

test('a project may ask for fewer than the user allows on the machine, a runtime has its own limit', () => {
  const config: Config = {
    ...DEFAULTS,
    limits: { ...DEFAULTS.limits, concurrency: 2 },
    runtimes: { native: { concurrency: 3 } },
  };
  const slots = slotsOf(facts({ config }));
  expect(of(slots, 'this machine')).toBe(4);
  expect(of(slots, 'project /p')).toBe(2);
  expect(of(slots, 'runtime native')).toBe(3);
});
