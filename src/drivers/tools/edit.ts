/** edit: replaces a piece of a text file. */
import * as z from 'zod';
import { changedLines } from '../../core/changed-lines.ts';
import type { Tool } from '../../core/contracts.ts';
import { editText } from '../../core/text-edit.ts';
import { failed, fileFailure, readText, replaceFile, resolvePath } from '../native-agent/tool-files.ts';

const parameters = z.strictObject({
  path: z.string().min(1).describe('File, absolute or relative to the working directory'),
  old: z.string().min(1).describe('The text to replace, exactly as in the file, without line numbers; must occur once'),
  new: z.string().describe('The text to put there'),
  all: z.boolean().optional().describe('Replace every occurrence'),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'edit',
  action: 'file.write',
  description:
    'Replace a piece of a text file. `old` must be exact and occur once: take in enough lines around it. Read the file first. To create a file use write.',
  parameters,
  subject: (args) => args.path,
  detail: (args) => `${args.all ? 'At every place:\n' : ''}${changedLines(args.old, args.new)}`,
  async run(args, host) {
    if (args.old === args.new) return failed('`old` and `new` are the same: there is nothing to change.');
    try {
      const file = resolvePath(args.path, host.cwd);
      const current = await readText(file, args.path);
      if ('ok' in current) return current;
      const edit = editText(current.text, args.old, args.new, args.all ?? false);
      if (!edit.ok) return failed(explain(edit, args.path));
      await replaceFile(file, edit.text);
      const many = edit.count > 1 ? ` in ${edit.count} places, the first` : '';
      const drift = edit.drifted
        ? ' The white space of `old` differed from the file; the only lines that fit were replaced.'
        : '';
      return { ok: true, text: `Edited ${args.path}${many} at line ${edit.line}.${drift}` };
    } catch (error) {
      return fileFailure(error, args.path);
    }
  },
};
export default tool;

function explain(edit: Exclude<ReturnType<typeof editText>, { ok: true }>, given: string): string {
  if (edit.why === 'ambiguous') {
    const more = edit.lines.length > 20 ? ', …' : '';
    const but = edit.drifted ? ' (but for white space)' : '';
    const all = edit.drifted ? '' : ', or set all: true';
    return `\`old\` occurs ${edit.lines.length} times in ${given}${but}, at lines ${edit.lines.slice(0, 20).join(', ')}${more}. Take in more lines around the one you mean${all}. Nothing was changed.`;
  }
  const nearest = edit.nearest ? ` The most similar line is ${edit.nearest.line}: ${edit.nearest.text}` : '';
  return `\`old\` does not occur in ${given}. Read the file again and copy the text exactly. Nothing was changed.${nearest}`;
}
