/** Ids stay in order when the clock does not. */
import fs from 'node:fs';
import path from 'node:path';
import { decodeTime } from 'ulid';
import { expect, it } from 'vitest';
import { newId, noteId } from '../../src/drivers/ids.ts';
import { tempDir } from '../fixtures/temp.ts';

it('ids go on where the clock was put back, and follow it again later', () => {
  const file = path.join(tempDir(), 'last-id');
  const [now, before] = [1_800_000_000_000, 1_700_000_000_000];
  const made: string[] = [];
  for (const clock of [now, now, before, before, now + 60_000]) {
    const id = newId(file, clock);
    noteId(file, id);
    made.push(id);
  }
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
  expect(decodeTime(made.at(-1) as string)).toBe(now + 60_000);
});

it('an older id does not take the place of a newer one, and a damaged file is no obstacle', () => {
  const file = path.join(tempDir(), 'last-id');
  const [older, newer] = [newId(file, 1), newId(file, 2)];
  noteId(file, newer);
  noteId(file, older);
  expect(fs.readFileSync(file, 'utf8')).toBe(newer);
  fs.writeFileSync(file, '01ABC');
  expect(decodeTime(newId(file, 5))).toBe(5);
  noteId(file, older);
  expect(fs.readFileSync(file, 'utf8')).toBe(older);
});
