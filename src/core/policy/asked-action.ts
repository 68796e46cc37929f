/** An action of a writer as a question (`ask: action`): which ones are put, how, and what the agent hears. Pure. */
import path from 'node:path';
import type { Job } from '../../protocol/job.ts';
import type { AnswerEvent, RiskLevel } from '../../protocol/question.ts';
import type { QuestionRecord } from '../../protocol/receipt.ts';
import type { ActionAnswer, ActionRequest } from '../contracts.ts';
import type { Put } from '../questions.ts';
import { contentMatters, rankPath } from './paths.ts';

/** Longest text of a change that is put to a person, in UTF-16 units; how much is left out is said. */
const MAX_DETAIL = 20_000;

/** Reading never asks, and a reader's commands are held by the kernel. */
export function mustAsk(action: ActionRequest['action'], job: Pick<Job, 'ask' | 'stance'>): boolean {
  return job.ask === 'action' && !job.stance.readonly && (action === 'file.write' || action === 'command.run');
}

export function actionQuestion({ action, subject, detail }: ActionRequest, project: Job['project']): Put {
  const file = action === 'file.write' ? inProject(subject, project) : null;
  return {
    kind: 'action',
    action,
    subject: file ?? subject,
    detail: action === 'command.run' ? 'A yes runs this command.' : clipped(detail),
    risk: file === null || path.isAbsolute(file) ? 'ordinary' : riskOfWriting(file),
    bound: null,
    patchSha256: null,
    files: [],
  };
}

function clipped(detail: string): string {
  const more = detail.length - MAX_DETAIL;
  return more > 0 ? `${detail.slice(0, MAX_DETAIL)}\n… and ${more} more characters` : detail;
}

/** Relative to the project where it is inside, else absolute: one file has one name, whatever the agent calls it. */
function inProject(subject: string, { root, cwd }: Job['project']): string {
  const absolute = path.resolve(cwd, subject);
  return absolute.startsWith(`${root}/`) ? absolute.slice(root.length + 1) : absolute;
}

/** What a change will hold is not known yet, so a file whose text decides counts as guarded. */
function riskOfWriting(file: string): RiskLevel {
  const mode = '100644';
  const { rank } = rankPath({ path: file, oldMode: mode, newMode: mode, link: null, oldText: null, newText: null });
  if (rank === 'trust-boundary') return 'boundary';
  return rank === 'ordinary' && contentMatters(file) ? 'protected' : rank;
}

export function toldOfAction({ decision, reason }: Pick<AnswerEvent, 'decision' | 'reason'>): ActionAnswer {
  if (decision === 'allow') return { allow: true, reason: '' };
  if (decision === 'deny')
    return {
      allow: false,
      reason: `A person said no${reason ? `: ${reason}` : '.'}\nFollow that, and do not try the same in another way.`,
    };
  return {
    allow: false,
    reason: 'Nobody answered, so it was not done. Go on without it, and say in your final answer what is missing.',
  };
}

/** How many actions were not done because nobody answered. */
export const unanswered = (questions: QuestionRecord[]): number =>
  questions.filter(({ kind, by, decision }) => kind === 'action' && by === 'nobody' && decision !== 'allow').length;
