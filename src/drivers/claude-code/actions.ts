/** What Claude Code's tools do, in our words; and which of them a job is offered. */
import { changedLines } from '../../core/changed-lines.ts';
import type { ActionRequest } from '../../core/contracts.ts';
import { offeredActions } from '../../core/offered-actions.ts';
import type { Job } from '../../protocol/job.ts';
import type { ActionClass } from '../../protocol/words.ts';

/** Class and the input field that names the object. A tool that is not here is `other`: none such is offered. */
const TOOLS: Record<string, [ActionClass, field: string]> = {
  Read: ['file.read', 'file_path'],
  Glob: ['search', 'pattern'],
  Grep: ['search', 'pattern'],
  Edit: ['file.write', 'file_path'],
  Write: ['file.write', 'file_path'],
  NotebookEdit: ['file.write', 'notebook_path'],
  Bash: ['command.run', 'command'],
  Task: ['delegate', 'description'],
  // Its name on the wire; `Task` in flags and in `init` (2.1.331).
  Agent: ['delegate', 'description'],
  WebFetch: ['network', 'url'],
  WebSearch: ['network', 'query'],
};

export function actionOf(tool: string, input: Record<string, unknown>): ActionRequest {
  const [action, field] = TOOLS[tool] ?? ['other', ''];
  const named = input[field];
  return { action, subject: typeof named === 'string' ? named : '', detail: detailOf(input) };
}

/** The lines that go and come, where an input holds such; else the input as it is. */
function detailOf(input: Record<string, unknown>): string {
  const text = (field: string) => (typeof input[field] === 'string' ? input[field] : null);
  const now = text('new_string') ?? text('content') ?? text('new_source');
  if (now === null) return JSON.stringify(input);
  return `${input.replace_all === true ? 'At every place:\n' : ''}${changedLines(text('old_string'), now)}`;
}

/**
 * Tools by name for `--tools`, which removes every other one from the model's requests, sub-agents included. Left out on purpose:
 * what needs a network, asks a person in its own way, plans for later sessions or leaves the copy (worktrees).
 */
export function offeredTools(job: Job): string[] {
  const actions: ActionClass[] = [...offeredActions(job), 'delegate'];
  return Object.keys(TOOLS).filter((name) => name !== 'Agent' && actions.includes(TOOLS[name]![0]));
}

/** Tools whose every call is put to a person where `ask: action`; by itself it asks only for what it does not hold for harmless. */
export const ASKED_TOOLS: readonly string[] = Object.keys(TOOLS).filter((name) =>
  ['file.write', 'command.run'].includes(TOOLS[name]![0]),
);
