import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, chainFault, seal, selfHash } from '../../src/core/chain.ts';

describe('canonical JSON', () => {
  it('sorts keys at every depth and has no white space', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x y' }], a: true })).toBe('{"a":true,"b":[1,{"c":"x y","d":null}]}');
  });

  it('is the same for the same value whatever the order of its keys, and reads back as the value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('the chain', () => {
  const first = seal({ id: 'a', n: 1 }, null);
  const second = seal({ id: 'b', n: 2 }, first.integrity.self);

  it('accepts a line that follows the one before', () => {
    expect(chainFault(first, null)).toBeNull();
    expect(chainFault(second, first.integrity.self)).toBeNull();
  });

  it('sees a changed, a missing and an unsealed line', () => {
    expect(chainFault({ ...second, n: 3 } as object, first.integrity.self)).toContain('content');
    expect(chainFault(second, null)).toContain('follow');
    expect(chainFault({ id: 'c' } as object, null)).toContain('no integrity');
  });

  it('hashes the content without its integrity', () => {
    expect(selfHash(second)).toBe(selfHash({ n: 2, id: 'b' }));
  });
});
