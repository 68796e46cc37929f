/** A model request as the script sees it, whatever its wire; and what a client puts around the task. Pure. */
import type * as z from 'zod';

/** One message; calls are an assistant's, results a user's. Images and thinking are left out. */
export interface AskedMessage {
  role: 'system' | 'user' | 'assistant';
  /** Text blocks, one by one. */
  text: string[];
  calls: { id: string; name: string }[];
  results: { id: string; text: string }[];
  /** Characters of it as it came. */
  chars: number;
}

export interface Asked {
  model: string;
  stream: boolean;
  /** A Chat Completions stream carries usage only where it is asked for. */
  wantsUsage: boolean;
  /** System prompt, with the system messages that came later. */
  system: string;
  messages: AskedMessage[];
  /** Names of the tools the request offers. */
  tools: string[];
  /** Those of them that take text and no JSON (Responses: custom tools). */
  freeform?: string[];
}

/** A request the real service would refuse with 400. */
export class BadRequest extends Error {}

/** The body by its schema; throws BadRequest with the first fault. */
export function checked<Schema extends z.ZodType>(schema: Schema, data: unknown): z.infer<Schema> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new BadRequest(`${issue.path.join('.') || 'body'}: ${issue.message}`);
}

/** Calls and results must belong together, as the real services demand. Throws BadRequest. */
export function checkCalls(messages: readonly AskedMessage[]): void {
  const waiting = new Set<string>();
  const seen = new Set<string>();
  for (const [n, message] of messages.entries()) {
    for (const { id } of message.results) {
      if (!waiting.delete(id)) throw new BadRequest(`messages.${n}: unexpected tool result for the call "${id}"`);
    }
    const talks = message.role === 'assistant' || (message.role === 'user' && message.results.length === 0);
    if (talks && waiting.size > 0)
      throw new BadRequest(`messages.${n}: the tool calls ${[...waiting].join(', ')} have no results`);
    for (const { id } of message.calls) {
      if (seen.has(id)) throw new BadRequest(`messages.${n}: the tool call id "${id}" is used twice`);
      seen.add(id);
      waiting.add(id);
    }
  }
  if (waiting.size > 0) throw new BadRequest(`the tool calls ${[...waiting].join(', ')} have no results`);
}

/** What clients add by themselves to what the user said: Claude Code's reminders, Codex's and Gemini CLI's first messages. */
const ADDED =
  /^\s*(?:<(system-reminder|environment_context|user_instructions|session_context)>[\s\S]*<\/\1>|# AGENTS\.md instructions for [\s\S]*<\/INSTRUCTIONS>)\s*$/;

/** PanCode's own frame (core/prompt.ts): sections, each sealed by the hash of its text, then the task under its heading. */
const FRAME = /^(?:# [^\n]*\n\n<([\w-]+) "[^"\n]*" seal="(\w+)">\n[\s\S]*?\n<\/\1 seal="\2">\n\n)*# Task\n\n([\s\S]*)$/;

/** The first thing the user said, without what the client puts around it. */
export function taskOf(asked: Asked): string {
  const spoken = asked.messages.filter((message) => message.role === 'user' && message.results.length === 0);
  const said = spoken
    .map(({ text }) => text.filter((block) => !ADDED.test(block)).join('\n'))
    .find((text) => text !== '');
  return FRAME.exec(said ?? '')?.[3] ?? said ?? '';
}

/** Text of the newest tool result; '' before the first. */
export function lastResultOf(asked: Asked): string {
  return asked.messages.findLast((message) => message.results.length > 0)?.results.at(-1)?.text ?? '';
}

/** Where the client works, as Claude Code tells its model in the system prompt or a reminder, and Codex before the task; null where nobody says. */
export function cwdOf(asked: Asked): string | null {
  const told = [asked.system, ...asked.messages.slice(0, 4).flatMap((message) => message.text)];
  for (const text of told) {
    // A directory's name may hold a line break: it ends where the next line of the list begins.
    const found = /\b(?:Primary w|W)orking directory: ([\s\S]+?)\n\s*(?:- )?(?:Is |Additional |This is |Platform)/.exec(
      text,
    );
    const codex = /^<environment_context>\s*<cwd>([\s\S]+?)<\/cwd>/.exec(text);
    if (found ?? codex) return (found ?? codex)![1]!;
  }
  return null;
}

/** Model turns that are behind us: the number of assistant messages. */
export function turnsBehind(asked: Asked): number {
  return asked.messages.filter((message) => message.role === 'assistant').length;
}
