/** find: files by name. */
import * as z from 'zod';
import type { Tool } from '../../core/contracts.ts';
import { fileGlob } from '../../core/file-glob.ts';
import { ripgrep } from '../native-agent/ripgrep.ts';

const MAX_FILES = 500;

const parameters = z.strictObject({
  pattern: z.string().min(1).describe('Glob such as *.test.ts or src/**/*.css; matches at any depth'),
  path: z.string().min(1).optional().describe('Directory to look in; the working directory if not given'),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'find',
  action: 'search',
  description: 'Find files by a glob on their path. Files that git ignores are left out. To see directories use ls.',
  parameters,
  subject: (args) => args.pattern,
  async run(args, host) {
    const wanted = fileGlob(args.pattern);
    const found = await ripgrep(['--files', '--', args.path ?? './'], host, {
      separator: '\0',
      maxLines: MAX_FILES,
      take: (file) => (wanted(file) ? file.replaceAll('\n', '\\n') : null),
    });
    if ('ok' in found) return found;
    if (found.lines.length === 0) return { ok: true, text: 'No files match.' };
    return { ok: true, text: found.lines.join('\n') + (found.cut ? '\n[clipped; narrow the pattern]' : '') };
  },
};
export default tool;
