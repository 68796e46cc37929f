import { describe, expect, it } from 'vitest';
import { decideApply, type GateFacts } from '../../../src/core/policy/apply.ts';
import type { Stance } from '../../../src/protocol/receipt.ts';
import { MODES, SAFETY_LEVELS } from '../../../src/protocol/words.ts';

const stance = (safety: Stance['safety'], mode: Stance['mode'] = 'build'): Stance => ({
  mode,
  safety,
  readonly: false,
});
const facts = (more: Partial<GateFacts> = {}): GateFacts => ({
  files: [{ path: 'src/a.ts' }, { path: 'Makefile' }],
  forbidden: [],
  protected: [],
  risky: [],
  ...more,
});
const guarded = { path: 'Makefile', why: 'is run by builds', boundary: false };
const boundary = { path: '.envrc', why: 'is run by shells', boundary: true };
const risky = [{ reason: 'deletes 21 of 30 files', paths: ['x', 'y'] }];

describe('decideApply', () => {
  it('never applies the work of a reader, in no cell', () => {
    for (const mode of MODES)
      for (const safety of SAFETY_LEVELS)
        expect(decideApply({ mode, safety, readonly: true }, facts(), true).decision).toBe('never');
  });

  it('does not apply what was asked not to be', () => {
    expect(decideApply(stance('full-auto'), facts(), false).decision).toBe('never');
  });

  it('applies ordinary files at auto-edit and full-auto', () => {
    for (const safety of ['auto-edit', 'full-auto'] as const)
      expect(decideApply(stance(safety), facts(), true)).toMatchObject({ decision: 'apply', asking: [] });
  });

  it('asks for everything at suggest, and outside build mode', () => {
    const all = ['src/a.ts', 'Makefile'];
    expect(decideApply(stance('suggest'), facts(), true)).toMatchObject({ decision: 'ask', asking: all });
    for (const mode of ['plan', 'review'] as const)
      expect(decideApply(stance('full-auto', mode), facts(), true)).toMatchObject({ decision: 'ask', asking: all });
  });

  it('asks for protected paths at auto-edit only, for trust-boundary paths always', () => {
    expect(decideApply(stance('auto-edit'), facts({ protected: [guarded] }), true)).toMatchObject({
      decision: 'ask',
      asking: ['Makefile'],
      reason: expect.stringContaining('Makefile is run by builds'),
    });
    expect(decideApply(stance('full-auto'), facts({ protected: [guarded] }), true).decision).toBe('apply');
    expect(decideApply(stance('full-auto'), facts({ protected: [guarded, boundary] }), true)).toMatchObject({
      decision: 'ask',
      asking: ['.envrc'],
    });
  });

  it('asks for risky shapes at auto-edit only', () => {
    expect(decideApply(stance('auto-edit'), facts({ risky }), true)).toMatchObject({
      decision: 'ask',
      asking: ['x', 'y'],
    });
    expect(decideApply(stance('full-auto'), facts({ risky }), true).decision).toBe('apply');
  });

  it('stops at a forbidden path at every level, before anything else', () => {
    const forbidden = [{ path: '.git/config', why: 'it is inside a git directory' }];
    for (const safety of SAFETY_LEVELS) {
      const decided = decideApply(stance(safety), facts({ forbidden, protected: [boundary], risky }), true);
      expect(decided).toMatchObject({ decision: 'ask', asking: ['.git/config'] });
      expect(decided.reason).toContain('never applied');
    }
  });
});
