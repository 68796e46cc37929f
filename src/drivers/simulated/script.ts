/** The script a simulated model follows: its format, and faults that name the key. For authors: docs/simulated-model.md. */
import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { didYouMean } from '../../core/nearest.ts';
import { PanError } from '../../protocol/error.ts';
import { Pose } from './pose.ts';

/**
 * How an answer can go wrong. `drop`: the connection closes before any answer. In the middle of the answer: `cut` (it closes),
 * `reset` (it is reset), `hang` (nothing more ever comes), `garbage`, `error` (the wire's own error). After it: `unfinished`
 * (the wire's end marker is missing), `end-without-usage`.
 */
const ENDINGS = ['drop', 'cut', 'reset', 'hang', 'garbage', 'error', 'unfinished', 'end-without-usage'] as const;
export type Ending = (typeof ENDINGS)[number];

const tokens = z.number().int().nonnegative();

const Call = z
  .strictObject({
    write: z.strictObject({ path: z.string().min(1), content: z.string() }).optional(),
    edit: z.strictObject({ path: z.string().min(1), old: z.string().min(1), new: z.string() }).optional(),
    run: z.string().min(1).optional(),
    read: z.string().min(1).optional(),
    search: z.string().min(1).optional(),
    /** Sent as it is, offered or not; `args` as a string is sent as the arguments' text, valid JSON or not. */
    call: z
      .strictObject({
        name: z.string().min(1),
        args: z.union([z.string(), z.record(z.string(), z.unknown())], { error: 'neither a map nor a string' }),
      })
      .optional(),
  })
  .refine((call) => Object.keys(call).length === 1, {
    error: 'a call holds exactly one of write, edit, run, read, search, call',
  });
export type ScriptCall = z.infer<typeof Call>;

const Failure = z
  .strictObject({
    status: z.number().int().min(400).max(599).optional(),
    /** Seconds, or an HTTP date. */
    retryAfter: z
      .union([z.number().nonnegative(), z.string().min(1)], { error: 'neither seconds nor a date' })
      .optional(),
    message: z.string().optional(),
    /** Instead of the wire's error document. */
    body: z.string().optional(),
    then: z.enum(ENDINGS).optional(),
    times: z.number().int().positive().default(1),
  })
  .refine((failure) => (failure.status === undefined) !== (failure.then === undefined), {
    error: 'a failure holds either status or then',
  });
export type ScriptFailure = z.infer<typeof Failure>;

const Turn = z.strictObject({
  thinking: z.string().optional(),
  text: z.string().optional(),
  calls: z.array(Call).optional(),
  /** Tokens the server reports; what is not given is computed from the lengths. `output` includes `reasoning`. */
  usage: z
    .strictObject({ input: tokens, cacheRead: tokens, cacheWrite: tokens, output: tokens, reasoning: tokens })
    .partial()
    .optional(),
  /** Milliseconds before the first byte, and between two pieces of the stream. */
  delayMs: z.number().nonnegative().optional(),
  betweenMs: z.number().nonnegative().optional(),
  /** What goes wrong every time, and what goes wrong in the first attempts only. */
  then: z.enum(ENDINGS).optional(),
  fail: z.array(Failure).optional(),
  /** Why the model stopped: `stop`, `length`, `tool-calls`, `content-filter`, any other word as it is; null = it does not say. */
  finish: z.string().min(1).nullable().optional(),
});
export type ScriptTurn = z.infer<typeof Turn>;

const PATTERN = /^\/(.+)\/([imsu]*)$/s;

/** Text that must be contained, or `/a regular expression/` with its flags. */
const Condition = z
  .string()
  .min(1)
  .refine((text) => matcher(text) !== null, { error: 'not a regular expression' });

const Conversation = z.strictObject({
  /** On the task: the first user message without what the client puts around it. */
  when: Condition.optional(),
  /** On the system prompt. Both given: both must hold. */
  system: Condition.optional(),
  turns: z.array(Turn).min(1),
  /** After the last turn comes the first again. Otherwise a last turn without calls repeats, and after calls comes "Done.". */
  repeat: z.boolean().default(false),
});

const Script = z.strictObject({
  /** What the server lists; it answers for every name. */
  models: z.array(z.string().min(1)).min(1).default(['simulated-model']),
  /** The engine it pretends to be, which then says what models there are. */
  pose: Pose.optional(),
  /** The first that fits is taken. */
  conversations: z
    .array(Conversation)
    .min(1)
    .superRefine((all, context) => {
      const open = all.findIndex((one) => one.when === undefined && one.system === undefined);
      if (open >= 0 && open < all.length - 1)
        context.addIssue({
          code: 'custom',
          path: [open],
          message: 'it has no condition, so the conversations after it are never reached',
        });
    }),
});
export type Script = z.infer<typeof Script>;
export type ScriptInput = z.input<typeof Script>;

/** null: the pattern between the slashes is no regular expression. */
export function matcher(condition: string): ((text: string) => boolean) | null {
  const pattern = PATTERN.exec(condition);
  if (!pattern) return (text) => text.includes(condition);
  try {
    const expression = new RegExp(pattern[1]!, pattern[2]);
    return (text) => expression.test(text);
  } catch {
    // The caller reports it with its key.
    return null;
  }
}

/** `name`: what a fault calls the script. Throws PanError (exit 2) for the first fault. */
export function parseScript(data: unknown, name: string): Script {
  const result = Script.safeParse(data);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const what =
    issue.code === 'unrecognized_keys'
      ? `unknown key "${show([...issue.path, issue.keys[0]!])}". ${didYouMean(issue.keys[0]!, keysAt(issue.path))}`
      : `${show(issue.path) || 'the whole script'}: ${issue.message}.`;
  throw new PanError('script', `${name}: ${what}`, 'Correct the script; docs/simulated-model.md describes its format.');
}

/** Reads a YAML or JSON file. Throws PanError (exit 2). */
export async function readScript(file: string): Promise<Script> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new PanError('script', `${file} cannot be read (${code}).`, 'Name a readable script file.', 2, error);
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const fault = document.errors[0];
  if (fault)
    throw new PanError('script', `${file} is not valid YAML: ${fault.message.split('\n')[0]}`, `Correct ${file}.`);
  return parseScript(document.toJS({ maxAliasCount: 100 }), file);
}

const show = (path: readonly PropertyKey[]): string =>
  path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`)).join('');

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
}

/** The keys that are valid at a place of the script. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let node: SchemaNode | undefined = z.toJSONSchema(Script, { io: 'input' }) as SchemaNode;
  for (const part of path) node = typeof part === 'number' ? node?.items : node?.properties?.[String(part)];
  return Object.keys(node?.properties ?? {});
}
