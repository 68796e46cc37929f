/** write: a file as a whole. */
import * as z from 'zod';
import { changedLines } from '../../core/changed-lines.ts';
import type { Tool } from '../../core/contracts.ts';
import { fileFailure, replaceFile, resolvePath } from '../native-agent/tool-files.ts';

const parameters = z.strictObject({
  path: z.string().min(1).describe('File, absolute or relative to the working directory'),
  content: z.string().describe('The whole new content'),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'write',
  action: 'file.write',
  description:
    'Create a file or replace it as a whole; missing directories are made. To change a part of a file use edit.',
  parameters,
  subject: (args) => args.path,
  detail: (args) => changedLines(null, args.content),
  async run(args, host) {
    try {
      const { created } = await replaceFile(resolvePath(args.path, host.cwd), args.content);
      const lines = args.content === '' ? 0 : args.content.split('\n').length - (args.content.endsWith('\n') ? 1 : 0);
      return { ok: true, text: `${created ? 'Created' : 'Replaced'} ${args.path} (${lines} lines).` };
    } catch (error) {
      return fileFailure(error, args.path);
    }
  },
};
export default tool;
