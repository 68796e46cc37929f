import { describe, expect, it } from 'vitest';
import { DEFAULTS } from '../../src/core/config.ts';
import { chooseWorker, type RouteRequest, type WorkerFacts } from '../../src/core/router.ts';
import type { Config } from '../../src/protocol/config.ts';
import type { Fleet, WorkerEntry } from '../../src/protocol/fleet.ts';
import { ALL_CAN, endpoint, fleetOf, runtime } from '../fixtures/fleet.ts';

const fleet = fleetOf(
  [runtime('native'), runtime('claude-code')],
  [
    endpoint('ollama', [{ id: 'qwen3:8b', tier: 'small' }]),
    endpoint('lab', [
      { id: 'm1', tier: 'any' },
      { id: 'big', tier: 'frontier' },
    ]),
  ],
  {
    'claude-code': [
      { id: 'sonnet', tier: 'frontier' },
      { id: 'haiku', tier: 'mid' },
    ],
  },
);
const prices: Record<string, number> = { sonnet: 6, haiku: 2, 'qwen3:8b': 0, big: 9 };
const facts = (worker: WorkerEntry): WorkerFacts => ({
  local: worker.endpoint === 'ollama',
  price: prices[worker.model] ?? null,
  window: worker.model === 'qwen3:8b' ? 8_192 : null,
});

const ask = (
  request: Partial<RouteRequest> = {},
  changes: { fleet?: Fleet; route?: Partial<Config['route']>; agents?: Config['agents'] } = {},
) =>
  chooseWorker(
    { agent: { name: 'builder', tier: 'frontier' }, readonly: false, questions: false, window: 3_000, ...request },
    changes.fleet ?? fleet,
    { agents: changes.agents ?? {}, route: { ...DEFAULTS.route, ...changes.route } },
    facts,
  );
const agent = (tier: 'any' | 'small' | 'mid' | 'frontier') => ({ name: 'x', tier });

describe('chooseWorker ranks by tier, then price, then local', () => {
  it.each([
    ['frontier', 'claude-code/sonnet', 'native/lab/big'],
    ['mid', 'claude-code/haiku', 'claude-code/sonnet'],
    ['small', 'native/ollama/qwen3:8b', 'claude-code/haiku'],
    ['any', 'native/ollama/qwen3:8b', 'claude-code/haiku'],
  ] as const)('%s → %s', (tier, id, runnerUp) => {
    const { worker, route } = ask({ agent: agent(tier) });
    expect(worker.id).toBe(id);
    expect(route.runnerUp).toBe(runnerUp);
  });

  it('says why, in one sentence, and why not the others', () => {
    const { route } = ask();
    expect(route.reason).toBe(
      'first of 3 that fit: its tier frontier is the one needed, about $6.00 per million tokens, not local.',
    );
    expect(route.excluded).toContainEqual({
      worker: 'claude-code/haiku',
      reason: 'its tier mid is below frontier, and a better one is ready',
    });
  });

  it('prefers an unknown tier to one known to be too low, and takes a low one where nothing else is ready', () => {
    const local = fleetOf(
      [runtime('native')],
      [endpoint('ollama', [{ id: 'qwen3:8b', tier: 'small' }]), endpoint('lab', [{ id: 'm1' }])],
    );
    expect(ask({}, { fleet: local }).worker.id).toBe('native/lab/m1');
    const small = fleetOf([runtime('native')], [endpoint('ollama', [{ id: 'qwen3:8b', tier: 'small' }])]);
    const choice = ask({}, { fleet: small });
    expect(choice.worker.id).toBe('native/ollama/qwen3:8b');
    expect(choice.route.reason).toContain('no frontier worker is ready');
  });

  it('follows route.prefer and route.never', () => {
    expect(ask({}, { route: { never: ['cloud'] } }).worker.id).toBe('native/ollama/qwen3:8b');
    expect(ask({}, { route: { never: ['claude-code'] } }).worker.id).toBe('native/lab/big');
    expect(ask({}, { route: { never: ['claude-code/*'] } }).worker.id).toBe('native/lab/big');
    expect(ask({}, { route: { prefer: 'lab' } }).worker.id).toBe('native/lab/big');
  });

  it('leaves out what cannot do it', () => {
    const noQuestions = fleetOf(
      [runtime('native', { can: { ...ALL_CAN, questions: false, readonly: false } }), runtime('claude-code')],
      fleet.endpoints,
      {
        'claude-code': [{ id: 'haiku', tier: 'mid' }],
      },
    );
    const asked = ask({ questions: true }, { fleet: noQuestions });
    expect(asked.worker.id).toBe('claude-code/haiku');
    expect(asked.route.excluded).toContainEqual({
      worker: 'native/lab/big',
      reason: 'native cannot ask before each action',
    });
    expect(ask({ readonly: true }, { fleet: noQuestions }).worker.id).toBe('claude-code/haiku');
  });
});

describe('chooseWorker takes a worker by name', () => {
  it.each([
    [{ worker: 'native/lab/m1' }, 'native/lab/m1'],
    [{ worker: 'claude-code/claude-next' }, 'claude-code/claude-next'],
    [{ runtime: 'native' }, 'native/lab/big'],
    [{ model: 'haiku' }, 'claude-code/haiku'],
    [{ runtime: 'claude-code', model: 'claude-next' }, 'claude-code/claude-next'],
  ])('%j', (request, id) => expect(ask(request).worker.id).toBe(id));

  it('from the flag, then the configuration, then the agent’s file', () => {
    const agents = { builder: { worker: 'claude-code/haiku' } };
    expect(ask({}, { agents }).worker.id).toBe('claude-code/haiku');
    expect(ask({ worker: 'native/lab/m1' }, { agents }).worker.id).toBe('native/lab/m1');
    expect(ask({ runtime: 'native' }, { agents }).worker.id).toBe('native/lab/big');
    expect(ask({ agent: { name: 'builder', tier: 'small', worker: 'native/lab/big' } }).worker.id).toBe(
      'native/lab/big',
    );
  });
});

describe('a worker that failed lately', () => {
  const cooling = {
    state: 'unavailable' as const,
    reason: 'it answered HTTP 503',
    retryAt: '2026-11-25T10:00:00.000Z',
    cooling: true,
  };
  const tired = fleetOf(
    [runtime('native')],
    [
      endpoint('lab', [{ id: 'big', tier: 'frontier' }], cooling),
      endpoint('ollama', [{ id: 'qwen3:8b', tier: 'small' }]),
    ],
  );

  it('is not chosen', () => {
    const { worker, route, warning } = ask({}, { fleet: tired });
    expect([worker.id, warning]).toEqual(['native/ollama/qwen3:8b', null]);
    expect(route.excluded).toContainEqual({
      worker: 'native/lab/big',
      reason: 'unavailable: it answered HTTP 503; it is left alone until 2026-11-25T10:00:00.000Z',
    });
  });

  it('is taken by a person who names it, with a warning that the receipt keeps', () => {
    const { worker, route, warning } = ask({ worker: 'native/lab/big' }, { fleet: tired });
    expect(worker.id).toBe('native/lab/big');
    expect(warning).toContain('failed lately (it answered HTTP 503');
    expect(route.reason).toContain(warning);
  });

  it('is not taken because a file names it, nor against a rule', () => {
    const agents = { builder: { worker: 'native/lab/big' } };
    expect(() => ask({}, { fleet: tired, agents })).toThrow(
      expect.objectContaining({ exit: 5, do: expect.stringContaining('--worker native/lab/big') }),
    );
    expect(() => ask({ worker: 'native/lab/big' }, { fleet: tired, route: { never: ['lab'] } })).toThrow(
      expect.objectContaining({ exit: 3 }),
    );
  });

  it('cordoned, it is taken by nobody', () => {
    const out = fleetOf(
      [runtime('native')],
      [endpoint('lab', [{ id: 'big' }], { state: 'cordoned', reason: 'by you' })],
    );
    expect(() => ask({ worker: 'native/lab/big' }, { fleet: out })).toThrow(
      expect.objectContaining({ exit: 5, do: expect.stringContaining('uncordon') }),
    );
  });
});

describe('chooseWorker refuses with what would help', () => {
  const down = fleetOf(
    [runtime('native'), runtime('claude-code', { state: 'auth-required', reason: 'no key: set ANTHROPIC_API_KEY' })],
    [endpoint('lab', [{ id: 'm1' }], { state: 'unavailable', reason: 'nothing answers' })],
    { 'claude-code': [{ id: 'sonnet', tier: 'frontier' }] },
  );
  it.each([
    [
      'a misspelt worker',
      { worker: 'native/lab/m2' },
      fleet,
      2,
      /no worker "native\/lab\/m2".*Did you mean "native\/lab\/m1"/,
    ],
    ['a worker without its runtime', { worker: 'lab/m1' }, fleet, 2, /Did you mean "native\/lab\/m1"/],
    ['an unknown runtime', { runtime: 'claude' }, fleet, 2, /Did you mean "claude-code"/],
    ['an unknown model', { model: 'hiaku' }, fleet, 2, /Did you mean "haiku"/],
    ['flags that contradict', { worker: 'native/lab/m1', model: 'big' }, fleet, 2, /but --model says "big"/],
    ['a worker without a key', { worker: 'claude-code/sonnet' }, down, 5, /auth-required: no key/],
    ['a worker that is down', { worker: 'native/lab/m9' }, down, 5, /unavailable: nothing answers/],
    ['nothing ready', {}, down, 5, /No worker is ready for builder .*nothing answers/],
    ['nothing at all', {}, fleetOf([], []), 5, /no model is known/],
  ] as const)('%s', (_name, request, on, exit, message) => {
    expect(() => ask(request, { fleet: on })).toThrow(
      expect.objectContaining({ exit, message: expect.stringMatching(message) }),
    );
  });

  it('a named worker that route.never excludes: the rule holds', () => {
    expect(() => ask({ worker: 'claude-code/sonnet' }, { route: { never: ['cloud'] } })).toThrow(
      expect.objectContaining({ exit: 3 }),
    );
  });
});

it('a worker whose window is too small for the prompt is left out, and refused by name', () => {
  const small = { agent: agent('small'), window: 9_000 };
  expect(ask(small).route.excluded).toContainEqual({
    worker: 'native/ollama/qwen3:8b',
    reason: 'its window in use holds 8192 tokens, and this needs about 9000',
  });
  expect(() => ask({ ...small, worker: 'native/ollama/qwen3:8b' })).toThrow('holds 8192 tokens');
});
