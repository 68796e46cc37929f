/** The journal of one dispatch: JSON Lines, appended before anything is delivered, `seq` from 1 without gaps. */
import fs from 'node:fs';
import type { JournalEvent } from '../../protocol/event.ts';

export type NewEvent = JournalEvent extends infer E ? (E extends JournalEvent ? Omit<E, 'seq' | 'at'> : never) : never;

export interface Journal {
  /** Writes the event and returns it as written. Throws when the disk refuses (full, read-only). */
  append(event: NewEvent): JournalEvent;
  close(): void;
}

/**
 * Opens a journal for appending, continuing after the last whole line. A torn last line (its writer was killed) is cut off:
 * it was never delivered to anybody.
 */
export function openJournal(file: string, now: () => Date): Journal {
  const fd = fs.openSync(file, 'a+', 0o600);
  const { events, bytes } = readJournal(file);
  fs.ftruncateSync(fd, bytes);
  let seq = events.at(-1)?.seq ?? 0;
  return {
    append(event) {
      const written = { seq: seq + 1, at: now().toISOString(), ...event } as JournalEvent;
      writeWhole(fd, `${JSON.stringify(written)}\n`);
      seq += 1;
      return written;
    },
    close: () => fs.closeSync(fd),
  };
}

/** Writes all of `text` or none of it: a half-written line after ENOSPC is cut off again. */
function writeWhole(fd: number, text: string): void {
  const before = fs.fstatSync(fd).size;
  const buffer = Buffer.from(text);
  let done = 0;
  try {
    while (done < buffer.length) done += fs.writeSync(fd, buffer, done);
  } catch (cause) {
    fs.ftruncateSync(fd, before);
    throw cause;
  }
}

/**
 * Reads whole lines from byte offset `from`. Lines that are not JSON are skipped and counted in `unreadable`.
 * `bytes` is the offset after the last whole line. A missing file reads as empty.
 */
export function readJournal(file: string, from = 0): { events: JournalEvent[]; bytes: number; unreadable: number } {
  let fd: number;
  try {
    fd = fs.openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { events: [], bytes: from, unreadable: 0 };
    throw error;
  }
  try {
    const length = Math.max(0, fs.fstatSync(fd).size - from);
    const buffer = Buffer.alloc(length);
    let read = 0;
    while (read < length) {
      const n = fs.readSync(fd, buffer, read, length - read, from + read);
      if (n === 0) break;
      read += n;
    }
    const end = buffer.subarray(0, read).lastIndexOf(10) + 1;
    const events: JournalEvent[] = [];
    let unreadable = 0;
    for (const line of buffer.subarray(0, end).toString('utf8').split('\n')) {
      if (!line) continue;
      try {
        events.push(JSON.parse(line) as JournalEvent);
      } catch {
        // A damaged line is reported by its count; the rest of the journal is still worth reading.
        unreadable += 1;
      }
    }
    return { events, bytes: from + end, unreadable };
  } finally {
    fs.closeSync(fd);
  }
}
