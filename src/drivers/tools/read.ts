/** read: a text file, with line numbers. */
import * as z from 'zod';
import type { Tool, ToolHost, ToolResult } from '../../core/contracts.ts';
import { failed, fileFailure, openRegular, resolvePath } from '../native-agent/tool-files.ts';

const MAX_BYTES = 40_000;
const MAX_LINES = 2_000;
const MAX_LINE = 2_000;

const parameters = z.strictObject({
  path: z.string().min(1).describe('File, absolute or relative to the working directory'),
  offset: z.coerce.number().int().positive().optional().describe('First line to show, counted from 1'),
  limit: z.coerce.number().int().positive().optional().describe(`Number of lines; at most ${MAX_LINES}`),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'read',
  action: 'file.read',
  description:
    'Read a text file. Lines come as "number<tab>text". A long file is clipped; the last line then says how to go on with offset.',
  parameters,
  subject: (args) => args.path,
  async run(args, host) {
    try {
      return await readLines(args, host);
    } catch (error) {
      return fileFailure(error, args.path);
    }
  },
};
export default tool;

async function readLines(args: Args, host: ToolHost): Promise<ToolResult> {
  const opened = await openRegular(resolvePath(args.path, host.cwd), args.path);
  if ('ok' in opened) return opened;
  const { handle, size } = opened;
  try {
    const start = Buffer.alloc(Math.min(size, 8_192));
    await handle.read(start, 0, start.length, 0);
    if (start.includes(0)) return failed(`"${args.path}" is a binary file of ${size} bytes.`);
    if (size === 0) return { ok: true, text: '(the file is empty)' };
    const first = args.offset ?? 1;
    const last = first + Math.min(args.limit ?? MAX_LINES, MAX_LINES) - 1;
    const page = new Page(first, last);
    for await (const chunk of handle.createReadStream({
      start: 0,
      encoding: 'utf8',
      autoClose: false,
      signal: host.signal,
    }))
      if (!page.add(chunk as string)) break;
    return page.result(args.path);
  } finally {
    await handle.close();
  }
}

/** Lines `first` to `last` of a text that comes in pieces; holds no more than it shows, however long a line is. */
class Page {
  readonly #first: number;
  readonly #last: number;
  #line = 1;
  #text = '';
  #length = 0;
  #shown: string[] = [];
  #bytes = 0;
  #full = false;

  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
  }

  /** False once the page is full. */
  add(chunk: string): boolean {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf('\n', from);
      const piece = chunk.slice(from, end === -1 ? undefined : end);
      if (this.#line >= this.#first) this.#text += piece.slice(0, Math.max(0, MAX_LINE - this.#text.length));
      this.#length += piece.length;
      if (end === -1) return true;
      this.#endLine();
      if (this.#full) return false;
      from = end + 1;
    }
  }

  #endLine(): void {
    if (this.#line >= this.#first) {
      const cut = this.#length > MAX_LINE ? ` [… ${this.#length - MAX_LINE} more characters]` : '';
      const shown = `${this.#line}\t${this.#text.replace(/\r$/, '')}${cut}`;
      this.#bytes += shown.length + 1;
      if (this.#line > this.#last || (this.#bytes > MAX_BYTES && this.#shown.length > 0)) this.#full = true;
      else this.#shown.push(shown);
    }
    if (!this.#full) this.#line += 1;
    this.#text = '';
    this.#length = 0;
  }

  result(given: string): ToolResult {
    if (!this.#full && this.#length > 0) this.#endLine();
    const text = this.#shown.join('\n');
    if (this.#full) return { ok: true, text: `${text}\n[clipped; go on with offset ${this.#line}]` };
    if (this.#shown.length === 0)
      return failed(`"${given}" has only ${this.#line - 1} lines; offset ${this.#first} is past its end.`);
    return { ok: true, text };
  }
}
