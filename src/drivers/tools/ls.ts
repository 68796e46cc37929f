/** ls: what is in a directory. */
import { readdir, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { Tool } from '../../core/contracts.ts';
import { fileFailure, resolvePath } from '../native-agent/tool-files.ts';

const MAX_ENTRIES = 500;

const parameters = z.strictObject({
  path: z.string().min(1).optional().describe('Directory; the working directory if not given'),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'ls',
  action: 'file.read',
  description:
    'List a directory: directories end in "/", files come with their size in bytes, links with what they point to.',
  parameters,
  subject: (args) => args.path ?? '.',
  async run(args, host) {
    const given = args.path ?? '.';
    try {
      const dir = resolvePath(given, host.cwd);
      const entries = (await readdir(dir, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
      if (entries.length === 0) return { ok: true, text: '(the directory is empty)' };
      const lines = await Promise.all(
        entries.slice(0, MAX_ENTRIES).map(async (entry) => {
          const name = entry.name.replaceAll('\n', '\\n');
          if (entry.isDirectory()) return `${name}/`;
          const full = path.join(dir, entry.name);
          if (entry.isSymbolicLink()) return `${name} -> ${await readlink(full).catch(() => '?')}`;
          if (!entry.isFile()) return `${name} (not a regular file)`;
          // It may have gone since it was listed; then its size is simply not known.
          const size = await stat(full).then(
            (info) => info.size,
            () => '?',
          );
          return `${name} ${size}`;
        }),
      );
      const more = entries.length > MAX_ENTRIES ? `\n[${entries.length - MAX_ENTRIES} more entries]` : '';
      return { ok: true, text: lines.join('\n') + more };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR')
        return { ok: false, text: `"${given}" is a file. Use read to see it.` };
      return fileFailure(error, given);
    }
  },
};
export default tool;
