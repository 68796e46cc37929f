import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lackOfMemory, nextTurn, type Running, type Waiting } from '../../src/core/queue.ts';
import type { Slot } from '../../src/protocol/job.ts';

const MACHINE: Slot = { of: 'this machine', atMost: 4 };
const waiting = (id: string, party: string, more: Partial<Waiting> = {}): Waiting => ({
  id,
  party,
  ancestors: [],
  slots: [MACHINE],
  memoryMb: 100,
  ...more,
});
const running = (id: string, party: string, more: Partial<Running> = {}): Running => ({
  id,
  party,
  slots: [MACHINE],
  reservedMb: 0,
  ...more,
});
const PLENTY = 100_000;

test('parties take turns: a batch of one does not hold up the single task of another', () => {
  const queue = [...'abcdef'].map((id) => waiting(id, 'batch'));
  const turn = nextTurn([...queue, waiting('x', 'other')], [running('r', 'batch'), running('s', 'batch')], PLENTY);
  expect(turn.begin).toEqual(['x', 'a']);
  expect(turn.waits.get('b')).toBe('this machine (4 of 4 in use)');
});

test('among equals the one that asked first begins', () => {
  expect(nextTurn([waiting('a', 'p'), waiting('b', 'q')], [], PLENTY).begin).toEqual(['a', 'b']);
});

test('a local model with one slot serves one at a time, others pass', () => {
  const ollama: Slot = { of: 'endpoint ollama', atMost: 1 };
  const queue = [
    waiting('a', 'p', { slots: [MACHINE, ollama] }),
    waiting('b', 'p', { slots: [MACHINE, ollama] }),
    waiting('c', 'p'),
  ];
  const turn = nextTurn(queue, [], PLENTY);
  expect(turn.begin).toEqual(['a', 'c']);
  expect(turn.waits.get('b')).toBe('endpoint ollama (1 of 1 in use)');
});

test('whoever waits for a person holds no place and is nobody’s turn, but keeps the memory it will need', () => {
  const asking = running('asking', 'p', { party: null, slots: [], reservedMb: 300 });
  const busy = ['r', 's', 't'].map((id) => running(id, 'q'));
  const turn = nextTurn([waiting('a', 'p')], [...busy, asking], 256 + 400);
  expect(turn.begin).toEqual(['a']);
  expect(nextTurn([waiting('a', 'p', { memoryMb: 101 })], [...busy, asking], 256 + 400).begin).toEqual([]);
});

test('a child does not wait for the slot its waiting parent holds', () => {
  const ollama: Slot = { of: 'endpoint ollama', atMost: 1 };
  const parent = running('parent', 's', { slots: [ollama] });
  const child = waiting('child', 's', { ancestors: ['parent'], slots: [ollama] });
  expect(nextTurn([child], [parent], PLENTY).begin).toEqual(['child']);
  expect(nextTurn([{ ...child, ancestors: [] }], [parent], PLENTY).begin).toEqual([]);
});

test('what has begun and has not yet taken its memory is counted, and nobody passes one that waits for memory', () => {
  const large = waiting('large', 'p', { memoryMb: 400 });
  const small = waiting('small', 'p', { memoryMb: 10 });
  const turn = nextTurn([large, small], [running('r', 'q', { reservedMb: 300 })], 256 + 600);
  expect(turn.begin).toEqual([]);
  expect(turn.waits.get('large')).toBe('memory (about 400 MB are needed, 300 MB are free)');
  expect(turn.waits.get('small')).toBe(turn.waits.get('large'));
  expect(nextTurn([large, small], [], 256 + 600).begin).toEqual(['large', 'small']);
});

test('room for one more is told before a dispatch is accepted', () => {
  expect(lackOfMemory(300, 1000)).toBeNull();
  expect(lackOfMemory(300, 100)).toBe('about 300 MB of memory are needed, 0 MB are free');
});

test('no slot is ever held by more than it allows, and whoever waits is told why', () => {
  const slot = fc.record({ of: fc.constantFrom('a', 'b', 'c'), atMost: fc.option(fc.integer({ min: 1, max: 3 })) });
  const entry = fc.record({
    party: fc.constantFrom('p', 'q', 'r'),
    slots: fc.uniqueArray(slot, { selector: (one) => one.of }),
    memoryMb: fc.integer({ min: 0, max: 500 }),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), fc.integer({ min: 0, max: 3000 }), (entries, availableMb) => {
      const queue = entries.map((one, n) => ({ ...one, id: String(n), ancestors: [] }));
      const turn = nextTurn(queue, [], availableMb);
      const begun = turn.begin.map((id) => queue[Number(id)] as Waiting);
      begun.forEach((one, n) => {
        for (const { of, atMost } of one.slots)
          expect(
            begun.slice(0, n).filter((other) => other.slots.some((theirs) => theirs.of === of)).length,
          ).toBeLessThan(atMost ?? Infinity);
      });
      expect(begun.reduce((total, one) => total + one.memoryMb, 0)).toBeLessThanOrEqual(Math.max(0, availableMb - 256));
      expect(new Set([...turn.begin, ...turn.waits.keys()]).size).toBe(queue.length);
      expect(turn.begin.length + turn.waits.size).toBe(queue.length);
    }),
  );
});
