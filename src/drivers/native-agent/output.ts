/** Output of a command as the model gets it: whole where it is short, else head and tail, with the rest in a file it can read. */
import { closeSync, mkdtempSync, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const HEAD_BYTES = 12_000;
const TAIL_BYTES = 12_000;
/** Largest file kept of one command's output; what comes after is counted and dropped. */
const FILE_BYTES = 20_000_000;

export class ClippedOutput {
  /** Everything while it is short, then only the head. */
  #head = Buffer.alloc(0);
  #tail: Buffer | null = null;
  #total = 0;
  #file: { path: string; fd: number } | null = null;

  add(chunk: Buffer): void {
    const before = this.#total;
    this.#total += chunk.length;
    if (this.#tail === null && this.#total <= HEAD_BYTES + TAIL_BYTES) {
      this.#head = Buffer.concat([this.#head, chunk]);
      return;
    }
    if (this.#tail === null) {
      this.#file = openFile();
      const all = Buffer.concat([this.#head, chunk]);
      this.#keep(all, 0);
      this.#head = all.subarray(0, HEAD_BYTES);
      this.#tail = all.subarray(-TAIL_BYTES);
      return;
    }
    this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
    this.#keep(chunk, before);
  }

  /** The text for the model; closes the file. */
  end(): string {
    if (this.#tail === null) return this.#head.toString('utf8');
    const left = this.#total - HEAD_BYTES - TAIL_BYTES;
    return `${this.#head.toString('utf8')}\n[… ${left} bytes left out; ${this.#kept()} …]\n${this.#tail.toString('utf8')}`;
  }

  #kept(): string {
    if (!this.#file) return 'they could not be kept';
    closeSync(this.#file.fd);
    return `${this.#total > FILE_BYTES ? `the first ${FILE_BYTES} bytes are` : 'all of it is'} in ${this.#file.path}`;
  }

  #keep(chunk: Buffer, at: number): void {
    if (!this.#file || at >= FILE_BYTES) return;
    try {
      writeSync(this.#file.fd, chunk.subarray(0, FILE_BYTES - at));
    } catch {
      // No space left: the command goes on, and the result says that its output was not kept.
      closeSync(this.#file.fd);
      this.#file = null;
    }
  }
}

function openFile(): { path: string; fd: number } | null {
  try {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'output-')), 'output.txt');
    return { path: file, fd: openSync(file, 'wx', 0o600) };
  } catch {
    // No writable directory for it: head and tail are shown all the same, and the result says so.
    return null;
  }
}
