import * as z from 'zod';
import { ANSWERED_BY, DECISIONS, QUESTION_KINDS } from './question.ts';
import { Cost, Usage } from './usage.ts';
import { MODES, PATH_CLASSES, SAFETY_LEVELS, STATUSES, TIERS } from './words.ts';

export const Stance = z.lazy(() =>
  z.object({ mode: z.enum(MODES), safety: z.enum(SAFETY_LEVELS), readonly: z.boolean() }),
);
export type Stance = z.infer<typeof Stance>;

export const TASK_KINDS = ['bug', 'feature', 'review', 'docs', 'question', 'other'] as const;

export const ChangedFile = z.lazy(() =>
  z.object({
    path: z.string(),
    /** Lines; null for binary files. */
    added: z.number().nullable(),
    deleted: z.number().nullable(),
    class: z.enum(PATH_CLASSES),
  }),
);
export type ChangedFile = z.infer<typeof ChangedFile>;

export const Changes = z.lazy(() =>
  z.object({
    files: z.array(ChangedFile),
    patchSha256: z.string().nullable(),
    ref: z.string().nullable(),
    applied: z.boolean(),
    /** The files that were applied where a person chose some; absent where it was all or none. */
    only: z.array(z.string()).optional(),
    ignored: z.array(z.string()),
  }),
);
export type Changes = z.infer<typeof Changes>;

export const VerifyOutcome = z.lazy(() =>
  z.object({
    command: z.string(),
    exitCode: z.number().nullable(),
    ms: z.number(),
    base: z.enum(['pass', 'fail']).nullable(),
  }),
);
export type VerifyOutcome = z.infer<typeof VerifyOutcome>;

export const Enforcement = z.lazy(() =>
  z.object({
    label: z.enum(['enforced', 'advisory', 'none']),
    backend: z.string(),
    version: z.string().nullable(),
    profile: z.enum(['R', 'RX', 'W']),
    network: z.enum(['gateway', 'vendor', 'list', 'open']),
    limits: z.enum(['prlimit', 'cgroup']).nullable(),
    degraded: z.array(z.string()),
    egress: z.array(z.string()),
    leftoversKilled: z.number(),
  }),
);
export type Enforcement = z.infer<typeof Enforcement>;

export const PromptRecord = z.lazy(() =>
  z.object({
    sha256: z.string(),
    bytes: z.number(),
    fragments: z.array(z.object({ id: z.string(), sha256: z.string() })),
  }),
);
export type PromptRecord = z.infer<typeof PromptRecord>;

export const Route = z.lazy(() =>
  z.object({
    reason: z.string(),
    p: z.number().nullable(),
    expectedUsd: z.number().nullable(),
    runnerUp: z.string().nullable(),
    priorShare: z.number().nullable(),
    policy: z.string(),
    excluded: z.array(z.object({ worker: z.string(), reason: z.string() })),
  }),
);
export type Route = z.infer<typeof Route>;

export const QuestionRecord = z.lazy(() =>
  z.object({
    kind: z.enum(QUESTION_KINDS),
    subject: z.string(),
    decision: z.enum(DECISIONS),
    by: z.enum(ANSWERED_BY),
    waitedMs: z.number(),
  }),
);
export type QuestionRecord = z.infer<typeof QuestionRecord>;

export const WorkerRecord = z.lazy(() =>
  z.object({
    id: z.string(),
    node: z.literal('local'),
    runtime: z.string(),
    runtimeVersion: z.string().nullable(),
    endpoint: z.string().nullable(),
    model: z.string().nullable(),
    effort: z.string().nullable(),
  }),
);
export type WorkerRecord = z.infer<typeof WorkerRecord>;

export const BaseRecord = z.lazy(() =>
  z.object({
    commit: z.string(),
    head: z.string().nullable(),
    dirty: z.boolean(),
    omitted: z.array(z.string()),
    /** Files of `workspace.copy` that the agent got besides, by name; absent where there were none. */
    copied: z.array(z.string()).optional(),
  }),
);
export type BaseRecord = z.infer<typeof BaseRecord>;

export const Integrity = z.lazy(() => z.object({ prev: z.string().nullable(), self: z.string() }));
export type Integrity = z.infer<typeof Integrity>;

/** The mark of a record that came from another home: the seal it had there (null: none), and whether that fits what it says. */
export const Imported = z.lazy(() =>
  z.object({ at: z.string(), integrity: Integrity.nullable(), intact: z.boolean() }),
);
export type Imported = z.infer<typeof Imported>;

/** The permanent record of a dispatch (design §8). Times ISO-8601 UTC, durations ms, money USD; null = unknown. */
export const Receipt = z.lazy(() =>
  z.object({
    schema: z.literal(1),
    id: z.string(),
    parent: z.string().nullable(),
    session: z.string().nullable(),
    plan: z.string().nullable(),
    depth: z.number(),
    project: z.string(),
    task: z.string(),
    kind: z.enum(TASK_KINDS),
    attempt: z.object({ n: z.number(), after: z.string().nullable(), superseded: z.boolean() }),
    agent: z.object({ name: z.string(), tier: z.enum(TIERS), sha256: z.string() }),
    worker: WorkerRecord,
    stance: Stance,
    enforcement: Enforcement,
    base: BaseRecord.nullable(),
    prompt: PromptRecord,
    route: Route,
    usage: Usage,
    cost: Cost,
    time: z.object({
      queued: z.string(),
      started: z.string().nullable(),
      ended: z.string(),
      wallMs: z.number(),
      agentMs: z.number().nullable(),
      questionMs: z.number(),
      limitMs: z.number(),
      firstTokenMs: z.number().nullable(),
    }),
    actions: z.record(z.string(), z.number()),
    denied: z.number(),
    questions: z.array(QuestionRecord),
    changes: Changes,
    verify: VerifyOutcome.nullable(),
    outcome: z.object({
      status: z.enum(STATUSES),
      reason: z.string(),
      evidence: z.object({
        claimed: z.boolean().nullable(),
        clean: z.boolean().nullable(),
        verified: z.boolean().nullable(),
        reviewed: z.boolean().nullable(),
        applied: z.boolean(),
        appliedBy: z.enum(['user', 'policy']).nullable(),
        survived: z.boolean().nullable(),
      }),
    }),
    result: z.string().nullable(),
    imported: Imported.optional(),
    integrity: Integrity,
  }),
);
export type Receipt = z.infer<typeof Receipt>;

/** A later fact about a receipt; the receipt itself never changes. */
export const Amendment = z.lazy(() =>
  z.object({
    id: z.string(),
    at: z.string(),
    type: z.enum(['apply', 'undo', 'discard', 'branch']),
    by: z.enum(['user', 'policy']),
    /** The files the user's working tree got or lost by this; of `branch`, what the new branch has changed. */
    files: z.array(z.string()),
    patchSha256: z.string().nullable(),
    commit: z.string().nullable(),
    imported: Imported.optional(),
    integrity: Integrity,
  }),
);
export type Amendment = z.infer<typeof Amendment>;
