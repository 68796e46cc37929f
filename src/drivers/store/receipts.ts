/** `receipts.jsonl`: the append-only, hash-chained truth about finished dispatches. Written by the daemon alone. */
import fs from 'node:fs';
import { chainFault, seal } from '../../core/chain.ts';
import type { Amendment, Integrity, Receipt } from '../../protocol/receipt.ts';

export type ChainLine = Receipt | Amendment;

/** Whether a line has what the index needs. A line of the file may be anything: a person can edit it. */
export function isReceipt(line: unknown): line is Receipt {
  const { schema, id, project, time, agent, worker, outcome, session, cost } = (line ?? {}) as Partial<Receipt>;
  const words = [id, project, agent?.name, worker?.id, outcome?.status, cost?.billing];
  return (
    schema === 1 &&
    words.every((word) => typeof word === 'string') &&
    [worker?.model, session].every((word) => typeof (word ?? '') === 'string') &&
    !Number.isNaN(Date.parse(time?.ended ?? '')) &&
    (cost?.usd === null || Number.isFinite(cost?.usd))
  );
}

export function isAmendment(line: unknown): line is Amendment {
  const { schema, id, at, type } = (line ?? {}) as Partial<Amendment & Receipt>;
  return schema === undefined && [id, at, type].every((word) => typeof word === 'string');
}

/** Where a line lies in the file, in bytes. */
export interface LinePlace {
  offset: number;
  length: number;
}

/** Appends records, each sealed after the one before and the first after `prev`, and flushes them to disk before returning. All or none. */
export function appendToChain<T extends object>(
  file: string,
  records: readonly T[],
  prev: string | null,
): (T & { integrity: Integrity })[] {
  const sealed: (T & { integrity: Integrity })[] = [];
  for (const record of records) sealed.push(seal(record, sealed.at(-1)?.integrity.self ?? prev));
  const fd = fs.openSync(file, 'a', 0o600);
  const before = fs.fstatSync(fd).size;
  try {
    const buffer = Buffer.from(sealed.map((record) => `${JSON.stringify(record)}\n`).join(''));
    let done = 0;
    while (done < buffer.length) done += fs.writeSync(fd, buffer, done);
    fs.fsyncSync(fd);
  } catch (cause) {
    fs.ftruncateSync(fd, before);
    throw cause;
  } finally {
    fs.closeSync(fd);
  }
  return sealed;
}

/**
 * Walks the whole lines from byte `from`, or, with `least`, those that begin in the next so many bytes. A torn last line is not visited.
 * Returns the offset after the last line visited. `visit` gets `null` for a line that is not JSON.
 */
export function walkChain(
  file: string,
  from: number,
  visit: (record: ChainLine | null, place: LinePlace) => void,
  least = Number.POSITIVE_INFINITY,
): number {
  let fd: number;
  try {
    fd = fs.openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return from;
    throw error;
  }
  try {
    let offset = from;
    let rest = Buffer.alloc(0);
    const chunk = Buffer.alloc(Math.min(least, 1 << 20));
    for (;;) {
      const n = fs.readSync(fd, chunk, 0, chunk.length, offset + rest.length);
      if (n === 0 || offset - from >= least) return offset;
      rest = Buffer.concat([rest, chunk.subarray(0, n)]);
      let start = 0;
      for (let end = rest.indexOf(10, start); end >= 0; end = rest.indexOf(10, start)) {
        visit(parseLine(rest.subarray(start, end)), { offset: offset + start, length: end - start });
        start = end + 1;
      }
      offset += start;
      rest = rest.subarray(start);
    }
  } finally {
    fs.closeSync(fd);
  }
}

export function readLine(file: string, place: LinePlace): ChainLine {
  const fd = fs.openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(place.length);
    fs.readSync(fd, buffer, 0, place.length, place.offset);
    return JSON.parse(buffer.toString('utf8')) as ChainLine;
  } finally {
    fs.closeSync(fd);
  }
}

/** Offset after the last whole line. */
export function endOfLines(file: string): number {
  let end = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (end === 0) return 0;
  const fd = fs.openSync(file, 'r');
  try {
    const block = Buffer.alloc(1 << 16);
    while (end > 0) {
      const begin = Math.max(0, end - block.length);
      const read = fs.readSync(fd, block, 0, end - begin, begin);
      const found = block.subarray(0, read).lastIndexOf(10);
      if (found >= 0) return begin + found + 1;
      end = begin;
    }
    return 0;
  } finally {
    fs.closeSync(fd);
  }
}

/** Cuts a torn last line off (its writer was killed before the line was whole), keeping the bytes beside the file. */
export function mendTail(file: string, whole: number): number {
  const size = fs.existsSync(file) ? fs.statSync(file).size : 0;
  if (size <= whole) return 0;
  const fd = fs.openSync(file, 'r+');
  try {
    const bytes = Buffer.alloc(size - whole);
    fs.readSync(fd, bytes, 0, bytes.length, whole);
    fs.writeFileSync(`${file}.torn`, Buffer.concat([bytes, Buffer.from('\n')]), { flag: 'a', mode: 0o600 });
    fs.ftruncateSync(fd, whole);
    return bytes.length;
  } finally {
    fs.closeSync(fd);
  }
}

/** Checks every link. `faults` names line numbers from 1. */
export function verifyChain(file: string): { lines: number; faults: { line: number; what: string }[] } {
  let lines = 0;
  let prev: string | null = null;
  const faults: { line: number; what: string }[] = [];
  const whole = walkChain(file, 0, (record) => {
    lines += 1;
    const what = record ? chainFault(record, prev) : 'it is not JSON';
    if (what) faults.push({ line: lines, what });
    prev = record?.integrity?.self ?? prev;
  });
  if ((fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > whole)
    faults.push({ line: lines + 1, what: 'it has no end: its writer was killed, or is writing it now' });
  return { lines, faults };
}

function parseLine(bytes: Buffer): ChainLine | null {
  try {
    return JSON.parse(bytes.toString('utf8')) as ChainLine;
  } catch {
    // The caller decides what an unreadable line means; verifyChain names it.
    return null;
  }
}
