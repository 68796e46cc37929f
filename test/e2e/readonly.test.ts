/** Read-only is the kernel's word: agents whose model tries to write change nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { treeState } from '../fixtures/pancode.ts';
import { type Bench, createBench, WORKERS } from '../fixtures/workers.ts';

const ATTEMPTS = {
  turns: [
    { calls: [{ write: { path: 'evil.txt', content: 'evil' } }] },
    {
      calls: [
        {
          run: 'echo evil > evil2.txt; echo evil >> README.md; rm -f src/app.js; touch ../evil3 "$HOME/../evil4"; echo rc=$?',
        },
      ],
    },
    {
      calls: [
        {
          run: 'git add -A; git -c user.name=e -c user.email=e@e commit -qm evil; git branch evil; git config core.pager evil; echo rc=$?',
        },
      ],
    },
    { text: 'I tried. {lastResult}' },
  ],
};
const SCRIPT = { conversations: [{ when: 'Try to write', ...ATTEMPTS }] };

let bench: Bench;
afterEach(() => bench.close());

describe.each(WORKERS)('%s', (worker) => {
  it.each([
    ['scout', 'build', 'R'],
    ['scout', 'plan', 'R'],
    ['reviewer', 'review', 'RX'],
  ])('%s in mode %s changes nothing, by tool, by shell or by git', async (agent, mode, profile) => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const before = treeState(user.project);
    const { code, value: receipt } = await user.json<Receipt>([
      'dispatch',
      agent,
      'Try to write',
      '--worker',
      worker,
      '--mode',
      mode,
    ]);
    expect([receipt.outcome.status, receipt.outcome.reason, code]).toEqual(['succeeded', expect.any(String), 0]);
    expect(receipt).toMatchObject({
      enforcement: { profile, label: 'enforced' },
      changes: { files: [], applied: false },
      stance: { readonly: true },
    });
    expect(receipt.result).toContain('I tried.');
    expect(treeState(user.project)).toEqual(before);
    expect(user.git('branch', '--list', 'evil')).toBe('');
  });
});

it('refuses a writer in plan and review, whoever asks, with a receipt', async () => {
  bench = await createBench(SCRIPT);
  const { user, model } = bench;
  for (const mode of ['plan', 'review']) {
    const { code, value } = await user.json<Receipt>(['dispatch', 'builder', 'Try to write', '--mode', mode]);
    expect([value.outcome.status, code]).toEqual(['refused', 3]);
  }
  expect(model.requests).toEqual([]);
});
