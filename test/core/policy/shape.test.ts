import { describe, expect, it } from 'vitest';
import { type FileShape, riskyShape } from '../../../src/core/policy/shape.ts';

const file = (path: string, shape: Partial<FileShape> = {}): FileShape => ({
  path,
  added: 1,
  deleted: 0,
  removed: false,
  bytes: null,
  ...shape,
});
const removals = (count: number) => Array.from({ length: count }, (_, n) => file(`f${n}`, { removed: true, added: 0 }));

describe('riskyShape', () => {
  it('finds nothing in an everyday change', () => {
    expect(riskyShape([file('a', { added: 2_000 }), ...removals(20)], 100)).toEqual([]);
    expect(riskyShape([], 0)).toEqual([]);
  });

  it('asks for more than 20 removed files, and for more than 30 % of the tree', () => {
    expect(riskyShape(removals(21), 1_000)).toEqual([
      { reason: 'deletes 21 of 1000 files', paths: removals(21).map((each) => each.path) },
    ]);
    expect(riskyShape(removals(3), 10)).toEqual([]);
    expect(riskyShape(removals(4), 10)[0]?.reason).toBe('deletes 4 of 10 files');
    expect(riskyShape(removals(1), 1)).toHaveLength(1);
  });

  it('asks for binary content over 1 MiB, not for text of that size', () => {
    const big = { added: null, deleted: null, bytes: (1 << 20) + 1 };
    expect(riskyShape([file('a.bin', big), file('b.bin', { ...big, bytes: 1 << 20 })], 9)).toEqual([
      { reason: 'adds binary content over 1 MiB', paths: ['a.bin'] },
    ]);
    expect(riskyShape([file('a.txt', { bytes: 1 << 24 })], 9)).toEqual([]);
    expect(riskyShape([file('gone.bin', { added: null, deleted: null, removed: true })], 9)).toEqual([]);
  });

  it('asks for more than 2000 changed lines of one file', () => {
    expect(riskyShape([file('a', { added: 1_000, deleted: 1_001 })], 9)[0]?.paths).toEqual(['a']);
    expect(riskyShape([file('a', { added: 1_500 }), file('b', { added: 1_500 })], 9)).toEqual([]);
  });

  it('names every shape it finds', () => {
    expect(riskyShape([...removals(21), file('a', { added: 3_000 })], 30)).toHaveLength(2);
  });
});
