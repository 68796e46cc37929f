import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tierOfModel } from '../../src/core/tiers.ts';
import { buildWorkers, findWorker, parseWorkerId, workerId } from '../../src/core/workers.ts';
import { endpoint, fleetOf, runtime } from '../fixtures/fleet.ts';

const known = { runtimes: ['native', 'claude-code', 'claude'], endpoints: ['lab', 'ollama', 'lab.2'] };

describe('worker ids', () => {
  it.each([
    ['native/ollama/qwen3:8b', { runtime: 'native', endpoint: 'ollama', model: 'qwen3:8b' }],
    ['native/lab/org/model:free/x', { runtime: 'native', endpoint: 'lab', model: 'org/model:free/x' }],
    ['native/lab.2/m', { runtime: 'native', endpoint: 'lab.2', model: 'm' }],
    ['claude-code/claude-sonnet-5', { runtime: 'claude-code', endpoint: null, model: 'claude-sonnet-5' }],
    ['claude/org/m', { runtime: 'claude', endpoint: null, model: 'org/m' }],
    ['native/nowhere/m', null],
    ['native/lab', null],
    ['native/lab/', null],
    ['claude-code/', null],
    ['codex/gpt', null],
    ['', null],
  ])('%s', (id, name) => expect(parseWorkerId(id, known)).toEqual(name));

  it('come back from what they were made of', () => {
    const model = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(fc.constantFrom(...known.endpoints), model, (endpointId, name) => {
        const worker = { runtime: 'native', endpoint: endpointId, model: name };
        expect(parseWorkerId(workerId(worker), known)).toEqual(worker);
      }),
    );
  });
});

describe('buildWorkers', () => {
  it('pairs native with every endpoint and another runtime with its own models', () => {
    const workers = buildWorkers(
      [
        { entry: runtime('native'), throughEndpoints: true, models: [] },
        {
          entry: runtime('claude-code', { state: 'auth-required', reason: 'no key' }),
          throughEndpoints: false,
          models: [{ id: 'sonnet', tier: 'frontier' }],
        },
      ],
      [
        endpoint('lab', [{ id: 'm1' }, { id: 'no-tools', tools: false }]),
        endpoint('down', [{ id: 'm' }], { state: 'unavailable', reason: 'gone' }),
      ],
    );
    expect(workers.map(({ id, state, reason }) => [id, state, reason])).toEqual([
      ['native/lab/m1', 'ready', null],
      ['native/lab/no-tools', 'unsupported', 'no-tools cannot call tools, which every agent needs'],
      ['native/down/m', 'unavailable', 'gone'],
      ['claude-code/sonnet', 'auth-required', 'no key'],
    ]);
  });
});

describe('findWorker', () => {
  const fleet = fleetOf(
    [runtime('native'), runtime('claude-code')],
    [endpoint('lab', [{ id: 'm1' }]), endpoint('open', [], { openEnded: true })],
  );
  it.each([
    ['native/lab/m1', 'ready'],
    ['native/lab/m2', undefined],
    ['native/open/any:thing', 'ready'],
    ['claude-code/claude-next', 'ready'],
    ['claude-code/lab/m1', undefined],
    ['codex/x', undefined],
  ])('%s is %s', (id, state) => expect(findWorker(fleet, id, tierOfModel)?.state).toBe(state));
});

describe('tierOfModel', () => {
  it.each([
    ['claude-opus-4-8', 'frontier'],
    ['claude-sonnet-5', 'frontier'],
    ['sonnet', 'frontier'],
    ['claude-haiku-4-5', 'mid'],
    ['gpt-5.5', 'frontier'],
    ['openai/gpt-5-mini', 'mid'],
    ['gpt-5-nano', 'small'],
    ['gemini-2.5-pro', 'frontier'],
    ['gemini-2.5-flash-lite', 'small'],
    ['qwen3:8b', 'small'],
    ['llama-3.3-70b-instruct', 'small'],
    ['mixtral:8x7b', 'small'],
    ['deepseek-r1:671b', 'mid'],
    ['gpt-oss-120b', 'small'],
    ['m1', 'any'],
    ['scripted', 'any'],
  ])('%s → %s', (model, tier) => expect(tierOfModel(model)).toBe(tier));
});
