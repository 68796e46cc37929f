import { expect, test } from 'vitest';
import { neededWindow, windowFull } from '../../src/core/window.ts';

test('a conversation is sent as long as it leaves room for an answer', () => {
  expect(windowFull(8192, 7000, 4 * 680)).toBeNull();
  expect(windowFull(8192, 7000, 4 * 681)).toContain('about 7681 tokens');
});

test('an unknown window stops nothing', () => {
  expect(windowFull(null, 1_000_000, 1_000_000)).toBeNull();
});

test('a dispatch needs room for its prompt, the tools and an answer', () => {
  expect(neededWindow(4_000)).toBe(1_000 + 1_200 + 512);
});
