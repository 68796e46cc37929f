/** ask: a question to the person the work is for. */
import * as z from 'zod';
import type { Tool } from '../../core/contracts.ts';

const parameters = z.strictObject({
  question: z
    .string()
    .min(1)
    .max(4_000)
    .describe('One question, with what the reader needs to answer it and the answers you see'),
});
type Args = z.infer<typeof parameters>;

const tool: Tool<Args> = {
  name: 'ask',
  action: 'ask',
  description:
    'Ask the person you work for, and wait for their words; that can take long. Only where the answer changes what you do, a wrong guess would cost them more than the wait, and neither the task nor the project says it.',
  parameters,
  subject: (args) => args.question,
  run: (args, host) => host.askPerson(args.question),
};
export default tool;
