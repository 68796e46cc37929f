import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from '../../src/core/nearest.ts';

describe('nearest', () => {
  const agents = ['scout', 'planner', 'builder', 'reviewer', 'plan-reviewer'];
  it.each([
    ['buidler', 'builder'],
    ['BUILDER', 'builder'],
    ['build', 'builder'],
    ['planer', 'planner'],
    ['plan-review', 'plan-reviewer'],
    ['xyz', null],
    ['', null],
    ['q', null],
  ])('%s → %s', (name, expected) => expect(nearest(name, agents)).toBe(expected));

  it('finds the one name that holds the given one, and guesses nothing where two do', () => {
    expect(nearest('lab/m1', ['native/lab/m1', 'claude-code/claude-sonnet-5'])).toBe('native/lab/m1');
    expect(nearest('lab', ['native/lab/model-one', 'native/lab/model-two'])).toBeNull();
  });

  it('names all where none is near', () => {
    expect(didYouMean('zzz', ['a1', 'b2'])).toBe('Valid names: a1, b2.');
    expect(didYouMean('zzz', [])).toBe('There are none.');
    expect(didYouMean('sugest', ['suggest', 'auto-edit'])).toBe('Did you mean "suggest"?');
  });
});
