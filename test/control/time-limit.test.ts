import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createTimeLimit } from '../../src/control/time-limit.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const started = (limitMs: number) => {
  const time = createTimeLimit();
  const end = vi.fn();
  time.start(limitMs, end);
  return { time, end };
};

it('ends after its time', () => {
  const { end } = started(100);
  vi.advanceTimersByTime(99);
  expect(end).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(end).toHaveBeenCalledOnce();
});

it('stands still until the last who holds it lets go, who may do so twice', () => {
  const { time, end } = started(100);
  vi.advanceTimersByTime(40);
  const first = time.hold();
  vi.advanceTimersByTime(1_000);
  const second = time.hold();
  first();
  first();
  vi.advanceTimersByTime(1_000);
  expect([time.heldMs(), end.mock.calls.length]).toEqual([2_000, 0]);
  second();
  vi.advanceTimersByTime(59);
  expect(end).not.toHaveBeenCalled();
  const again = time.hold();
  vi.advanceTimersByTime(500);
  again();
  expect(time.heldMs()).toBe(2_500);
  vi.advanceTimersByTime(1);
  expect(end).toHaveBeenCalledOnce();
});

it('may be held before it starts, and does not end once it is stopped', () => {
  const time = createTimeLimit();
  const end = vi.fn();
  const release = time.hold();
  time.start(10, end);
  vi.advanceTimersByTime(100);
  expect(end).not.toHaveBeenCalled();
  release();
  const last = time.hold();
  time.stop();
  last();
  vi.advanceTimersByTime(100);
  expect(end).not.toHaveBeenCalled();
});
