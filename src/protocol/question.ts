import * as z from 'zod';
import { ACTION_CLASSES } from './words.ts';

export const QUESTION_KINDS = ['action', 'apply', 'propose', 'ask'] as const;

/** How far a yes would reach: the strictest class among what is asked for. */
export const RISKS = ['ordinary', 'risky', 'protected', 'boundary', 'forbidden'] as const;
export type RiskLevel = (typeof RISKS)[number];

export const DECISIONS = ['allow', 'deny', 'timeout', 'none'] as const;
export const ANSWERED_BY = ['user', 'policy', 'nobody'] as const;

/** Who a dispatch's questions wait for: nobody, a client that follows it and can answer, or anybody until their deadline (`--detach`, `--wait`). */
export const ANSWERERS = ['nobody', 'attached', 'kept'] as const;

/** Something a person must answer, as it stands in the journal of its dispatch. */
export const QuestionEvent = z.lazy(() =>
  z.object({
    type: z.literal('question'),
    /** `<dispatch id>-<n>`, n from 1. */
    id: z.string(),
    kind: z.enum(QUESTION_KINDS),
    /** For `action`: what the agent wants to do with the subject. */
    action: z.enum(ACTION_CLASSES).optional(),
    /** What exactly is asked for; for `apply` the paths that ask, for `ask` the agent's own words. */
    subject: z.string(),
    /** Why it asks and what a yes does, for a person; of a file that is written, the lines that go and come. */
    detail: z.string(),
    risk: z.enum(RISKS),
    /** ISO-8601; from then on nobody is waited for. */
    deadline: z.string(),
    /** For `apply`: hash of base and patch. A yes is for these alone. */
    bound: z.string().nullable(),
  }),
);
export type QuestionEvent = z.infer<typeof QuestionEvent>;

/** Written before it is acted on. */
export const AnswerEvent = z.lazy(() =>
  z.object({
    type: z.literal('answer'),
    id: z.string(),
    decision: z.enum(DECISIONS),
    by: z.enum(ANSWERED_BY),
    /** What a person said to it; null where nothing. */
    reason: z.string().nullable(),
    waitedMs: z.number(),
    /** The files a person chose of a change; null = all of them. */
    files: z.array(z.string()).nullable(),
    /** For `ask`: the person's words, as the agent gets them. */
    text: z.string().optional(),
  }),
);
export type AnswerEvent = z.infer<typeof AnswerEvent>;

/** An open question with who asks, as `questions` lists it. Times ISO-8601 UTC. */
export interface OpenQuestion extends Omit<QuestionEvent, 'type'> {
  /** For `apply`: the same for every dispatch that makes the very same change. */
  patchSha256: string | null;
  dispatch: string;
  agent: string;
  worker: string;
  project: string;
  task: string;
  since: string;
  waitedMs: number;
  /** Of the dispatch so far; null = unknown. */
  usd: number | null;
  files: { path: string; added: number | null; deleted: number | null; class: string }[];
}

/** Longest answer in words, in UTF-16 units: what one argument of a command can hold. */
const MAX_WORDS = 131_072;

/** A person's answer. `bound`: what they have looked at; absent = whatever the question is about. */
export const AnswerRequest = z.lazy(() =>
  z.object({
    decision: z.enum(['allow', 'deny']),
    reason: z.string().max(4_000).optional(),
    files: z.array(z.string()).optional(),
    except: z.array(z.string()).optional(),
    /** Also for the same subject of the same kind in this project from now on. */
    always: z.boolean().optional(),
    /** For `ask`, where it is the answer. */
    text: z.string().min(1).max(MAX_WORDS).optional(),
    bound: z.string().optional(),
  }),
);
export type AnswerRequest = z.infer<typeof AnswerRequest>;

/** What became of an answer. */
export interface Answered {
  id: string;
  dispatch: string;
  kind: (typeof QUESTION_KINDS)[number];
  subject: string;
  decision: 'allow' | 'deny';
  by: 'user';
  at: string;
}
