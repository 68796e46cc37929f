import { describe, expect, it } from 'vitest';
import { followLink, linksPassed } from '../../../src/core/policy/links.ts';

const links = (entries: Record<string, string>) => new Map(Object.entries(entries));

describe('followLink', () => {
  it('follows a chain through directories to where it ends', () => {
    const tree = links({ 'lib.so': 'lib.so.1', 'lib.so.1': 'real/lib.so.1.2', dir: 'real', 'a/up': '../dir/x' });
    expect(followLink('lib.so', tree)).toBe('real/lib.so.1.2');
    expect(followLink('a/up', tree)).toBe('real/x');
    expect(linksPassed('a/up', tree)).toEqual(new Set(['dir']));
  });

  it('reaches the top as ""', () => {
    expect(followLink('a/b', links({ 'a/b': '..' }))).toBe('');
  });

  it('says null where it leaves the tree, on any step', () => {
    expect(followLink('a', links({ a: '/etc' }))).toBeNull();
    expect(followLink('a', links({ a: '../x' }))).toBeNull();
    expect(followLink('a', links({ a: 'b/secret', b: '/etc' }))).toBeNull();
    // By its text alone this one stays inside.
    expect(followLink('a', links({ a: 'deep/x/../../..', 'deep/x': '../y' }))).toBeNull();
  });

  it('says null for a circle', () => {
    expect(followLink('a', links({ a: 'b', b: 'a' }))).toBeNull();
    expect(followLink('a', links({ a: 'a' }))).toBeNull();
  });
});
