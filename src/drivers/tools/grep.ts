/** grep: searches file contents by ripgrep. */
import * as z from 'zod';
import type { Tool } from '../../core/contracts.ts';
import { fileGlob } from '../../core/file-glob.ts';
import { ripgrep } from '../native-agent/ripgrep.ts';

const MAX_LINES = 300;

const parameters = z.strictObject({
  pattern: z.string().min(1).describe('Regular expression (Rust syntax)'),
  path: z.string().min(1).optional().describe('File or directory to search in; the working directory if not given'),
  glob: z.string().min(1).optional().describe('Only files that match, for example *.ts'),
  context: z.coerce.number().int().min(0).max(20).optional().describe('Lines to show before and after each match'),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'grep',
  action: 'search',
  description: 'Search the contents of files. Lines come as "path:line:text". Files that git ignores are left out.',
  parameters,
  subject: (args) => args.pattern,
  async run(args, host) {
    const wanted = args.glob ? fileGlob(args.glob) : () => true;
    const found = await ripgrep(
      [
        '--line-number',
        '--no-heading',
        '--with-filename',
        '--max-columns=400',
        '--max-columns-preview',
        ...(args.context ? [`--context=${args.context}`] : []),
        `--regexp=${args.pattern}`,
        '--',
        args.path ?? './',
      ],
      host,
      {
        separator: '\n',
        maxLines: MAX_LINES,
        take(record) {
          // path NUL line-number (":" for a match, "-" for context) text; between groups of context there is a line without a path.
          const [file, rest] = record.split('\0', 2);
          if (file === undefined || rest === undefined) return args.glob ? null : record;
          return wanted(file) ? `${file}:${rest}` : null;
        },
      },
    );
    if ('ok' in found) return found;
    if (found.lines.length === 0) return { ok: true, text: 'No matches.' };
    const more = found.cut ? '\n[clipped; narrow the search with path or glob]' : '';
    return { ok: true, text: found.lines.join('\n') + more };
  },
};
export default tool;
