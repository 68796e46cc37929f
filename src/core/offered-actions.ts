/** Which tools an agent is offered, by what they do. A tool states its own class, so a new one is never offered by oversight. Pure. */
import type { Job } from '../protocol/job.ts';
import type { ActionClass } from '../protocol/words.ts';

const READING: ActionClass[] = ['file.read', 'search'];

/**
 * Asking a person is offered where one may answer. A reader gets no tool that writes files. It may run commands only where the kernel keeps them from writing:
 * without enforcement our own tools are the whole boundary, and a shell is a hole in it (safety-design §11).
 */
export function offeredActions(job: Pick<Job, 'stance' | 'enforcement' | 'unsandboxed' | 'answers'>): ActionClass[] {
  const asking: ActionClass[] = job.answers === 'nobody' ? [] : ['ask'];
  const reader = job.stance.readonly || job.stance.mode !== 'build';
  if (!reader) return [...READING, 'file.write', 'command.run', ...asking];
  const enforced = job.enforcement.label === 'enforced' && !job.unsandboxed;
  return [...READING, ...(enforced ? (['command.run'] as const) : []), ...asking];
}
