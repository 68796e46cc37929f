import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, readJournal } from '../../../src/drivers/store/journal.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pancode journal-'));
  file = path.join(dir, 'journal.jsonl');
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));
const now = () => new Date('2026-01-01T00:00:00.000Z');

describe('the journal', () => {
  it('counts from 1 without gaps and reads back from any whole line', () => {
    const journal = openJournal(file, now);
    journal.append({ type: 'notice', text: 'one' });
    const middle = readJournal(file);
    journal.append({ type: 'notice', text: 'two ☃\nlines' });
    journal.close();
    expect(readJournal(file).events.map((event) => event.seq)).toEqual([1, 2]);
    expect(readJournal(file, middle.bytes).events).toMatchObject([{ seq: 2, text: 'two ☃\nlines' }]);
  });

  it('goes on after a torn last line without repeating or leaving out a number', () => {
    const journal = openJournal(file, now);
    journal.append({ type: 'notice', text: 'one' });
    journal.close();
    fs.appendFileSync(file, '{"seq":2,"type":"noti');
    expect(readJournal(file).events).toHaveLength(1);
    const again = openJournal(file, now);
    expect(again.append({ type: 'notice', text: 'two' }).seq).toBe(2);
    again.close();
    expect(readJournal(file).events.map((event) => event.seq)).toEqual([1, 2]);
  });

  it('counts damaged lines and reads the rest; a missing file is empty', () => {
    fs.writeFileSync(file, '{"seq":1,"type":"notice"}\ngarbage\n{"seq":2,"type":"notice"}\n');
    expect(readJournal(file)).toMatchObject({ events: [{ seq: 1 }, { seq: 2 }], unreadable: 1 });
    expect(readJournal(path.join(dir, 'none'))).toEqual({ events: [], bytes: 0, unreadable: 0 });
  });
});
