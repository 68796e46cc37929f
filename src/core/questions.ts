/** What is put to a person, and what an answer may be. Pure. */
import { createHash } from 'node:crypto';
import type { JournalEvent } from '../protocol/event.ts';
import type { AnswerEvent, OpenQuestion, QuestionEvent, RiskLevel } from '../protocol/question.ts';
import type { ChangedFile, Stance } from '../protocol/receipt.ts';
import type { ToolResult } from './contracts.ts';
import type { ApplyDecision, GateFacts } from './policy/apply.ts';

export type Put = Pick<OpenQuestion, 'kind' | 'action' | 'subject' | 'detail' | 'risk' | 'bound' | 'patchSha256'> & {
  files: ChangedFile[];
};

type Found = Omit<GateFacts, 'files'> & { files: ChangedFile[]; patchSha256: string };

/** A change as a question. `base`: the commit the patch is against. */
export function applyQuestion(base: string, found: Found, decision: ApplyDecision): Put {
  return {
    kind: 'apply',
    subject: decision.asking.map(listed).join(', '),
    detail: `${decision.reason} A yes applies ${changeText(found.files)} to the working tree.`,
    risk: riskOf(found),
    bound: boundTo(base, found.patchSha256),
    patchSha256: found.patchSha256,
    files: found.files,
  };
}

/** What a running agent wants to know. */
export function agentQuestion(question: string): Put {
  return {
    kind: 'ask',
    subject: question,
    detail: 'The agent waits for your words and gets them as they are; where you do not want to answer, it decides.',
    risk: 'ordinary',
    bound: null,
    patchSha256: null,
    files: [],
  };
}

/** What the agent hears of the answer to a question of its own. */
export function toldAgent({ decision, reason, text }: Pick<AnswerEvent, 'decision' | 'reason' | 'text'>): ToolResult {
  if (decision === 'allow') return { ok: true, text: text ?? '' };
  const said = decision === 'deny' ? `The person does not want to answer this${reason ? `: ${reason}` : '.'}` : NOBODY;
  return { ok: false, text: `${said}\n${ALONE}` };
}

const NOBODY = 'Nobody answered.';
export const ALONE =
  'Decide by yourself: take the reading that fits the task and the project best, and say in your final answer what you assumed.';

/** Two lists of paths never read the same, whatever the names hold. */
const listed = (name: string): string => (/[,"\n]/.test(name) ? JSON.stringify(name) : name);

/** What a yes is for: another base or another patch is another question. */
export function boundTo(base: string, patchSha256: string): string {
  return createHash('sha256').update(`${base}\n${patchSha256}`).digest('hex');
}

function riskOf(found: Found): RiskLevel {
  if (found.forbidden.length > 0) return 'forbidden';
  if (found.protected.some((file) => file.boundary)) return 'boundary';
  if (found.protected.length > 0) return 'protected';
  return found.risky.length > 0 ? 'risky' : 'ordinary';
}

/** "2 files, +3 −1": lines of binary files are not counted, so they are told apart. */
export function changeText(files: Pick<ChangedFile, 'added' | 'deleted'>[]): string {
  const text = files.filter((file) => file.added !== null);
  const binary = files.length - text.length;
  const sum = (key: 'added' | 'deleted') => text.reduce((total, file) => total + (file[key] ?? 0), 0);
  const lines = text.length > 0 ? `, +${sum('added')} −${sum('deleted')}` : '';
  return `${files.length} file${files.length === 1 ? '' : 's'}${lines}${binary > 0 ? `, ${binary} of them binary` : ''}`;
}

export interface Asked {
  question: Extract<JournalEvent, { type: 'question' }>;
  answer: Extract<JournalEvent, { type: 'answer' }> | null;
}

/** Every question of a journal with its answer, the oldest first. */
export function askedIn(events: JournalEvent[]): Asked[] {
  const asked: Asked[] = [];
  for (const event of events) {
    if (event.type === 'question') asked.push({ question: event, answer: null });
    if (event.type !== 'answer') continue;
    // The first answer is the one that counted.
    const to = asked.find((each) => each.question.id === event.id);
    if (to) to.answer ??= event;
  }
  return asked;
}

/** Dispatch a question belongs to. */
export const dispatchOf = (question: string): string => question.replace(/-\d+$/, '');

/** A yes that stays: for exactly this subject of this kind in this project. */
export interface Always {
  project: string;
  kind: QuestionEvent['kind'];
  /** For `action`. */
  action?: QuestionEvent['action'];
  subject: string;
  at: string;
}

export const sameAlways = (one: Omit<Always, 'at'>, other: Omit<Always, 'at'>): boolean =>
  one.project === other.project &&
  one.kind === other.kind &&
  one.action === other.action &&
  one.subject === other.subject;

/** Never for protected paths, whatever was kept; and in plan and review mode changes wait for a person each time. */
export function coveredByAlways(kept: Always[], project: string, put: Put, stance: Stance): boolean {
  if (whyNotAlways(put) !== null || stance.mode !== 'build') return false;
  return kept.some((one) => sameAlways(one, { project, ...put }));
}

/** null where a yes to this may be kept. */
export function whyNotAlways(put: Pick<OpenQuestion, 'kind' | 'risk' | 'subject' | 'files'>): string | null {
  if (put.kind === 'ask') return 'it asks for words';
  if (put.kind === 'action' && put.risk !== 'ordinary')
    return `${put.subject} is ${put.risk}, and that is asked each time`;
  const guarded = put.files.find((file) => file.class !== 'ordinary');
  return guarded ? `${guarded.path} is ${guarded.class}, and that is asked each time` : null;
}

/** The files of a change a person chose, null = all of them; `unknown`: a name the change does not have. */
export function chosenFiles(
  paths: string[],
  choice: { files?: string[] | undefined; except?: string[] | undefined },
): { chosen: string[] | null } | { unknown: string } {
  if (!choice.files && !choice.except) return { chosen: null };
  const unknown = [...(choice.files ?? []), ...(choice.except ?? [])].find((name) => !paths.includes(name));
  if (unknown !== undefined) return { unknown };
  return {
    chosen: paths.filter((name) => (choice.files ? choice.files.includes(name) : !choice.except?.includes(name))),
  };
}

/** Questions that ask the very same, together; the oldest of each group first. */
export function collapse(questions: OpenQuestion[]): OpenQuestion[][] {
  const groups = new Map<string, OpenQuestion[]>();
  for (const question of questions) {
    const { project, kind, action, subject, patchSha256 } = question;
    const content = kind === 'apply' ? patchSha256 : question.detail;
    const key = JSON.stringify([project, kind, action, subject, content]);
    groups.set(key, [...(groups.get(key) ?? []), question]);
  }
  return [...groups.values()];
}
