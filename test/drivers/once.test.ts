/** One makes it, the others wait; a failure is nobody's result. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { once } from '../../src/drivers/once.ts';
import { tempDir } from '../fixtures/temp.ts';

const dir = tempDir();
const { signal } = new AbortController();

it('is made once for all that ask at the same time, and for those that ask later', async () => {
  const file = path.join(dir, 'new', 'one.json');
  let made = 0;
  const make = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    made += 1;
    return { made };
  };
  const all = await Promise.all(Array.from({ length: 5 }, () => once(file, signal, make)));
  expect([...all, await once(file, signal, make)]).toEqual(Array(6).fill({ made: 1 }));
});

it('null and a failure are not kept, and a damaged file is made again', async () => {
  const file = path.join(dir, 'two.json');
  expect(await once(file, signal, async () => null)).toBeNull();
  await expect(once(file, signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  fs.writeFileSync(file, '{"half');
  expect(await once(file, signal, async () => 1)).toBe(1);
  expect(await once(file, signal, async () => 2)).toBe(1);
});

it('one that waits stops waiting when it is told to', async () => {
  const file = path.join(dir, 'three.json');
  let finish = () => {};
  const first = once(file, signal, () => new Promise<number>((resolve) => (finish = () => resolve(1))));
  const stop = new AbortController();
  const second = once(file, stop.signal, async () => 2);
  stop.abort();
  await expect(second).rejects.toThrow();
  finish();
  expect(await first).toBe(1);
});
