/** A model request as the script sees it, whatever its wire; and what a client puts around the task. Pure. */

/** One message; calls are an assistant's, results a user's. Images and thinking are left out. */
export interface AskedMessage {
  role: 'system' | 'user' | 'assistant';
  /** Text blocks, one by one. */
  text: string[];
  calls: { id: string; name: string }[];
  results: { id: string; text: string }[];
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
}

/** A request the real service would refuse with 400. */
export class BadRequest extends Error {}

/** Calls and results must belong together, as both real services demand. Throws BadRequest. */
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

/** A block that Claude Code adds by itself to what the user said. */
const REMINDER = /^\s*<system-reminder>[\s\S]*<\/system-reminder>\s*$/;

/** PanCode's own frame (core/prompt.ts): sections, each sealed by the hash of its text, then the task under its heading. */
const FRAME = /^(?:# [^\n]*\n\n<([\w-]+) "[^"\n]*" seal="(\w+)">\n[\s\S]*?\n<\/\1 seal="\2">\n\n)*# Task\n\n([\s\S]*)$/;

/** The first user message without what the client puts around it. */
export function taskOf(asked: Asked): string {
  const first = asked.messages.find((message) => message.role === 'user');
  const said = (first?.text ?? []).filter((block) => !REMINDER.test(block)).join('\n');
  return FRAME.exec(said)?.[3] ?? said;
}

/** Text of the newest tool result; '' before the first. */
export function lastResultOf(asked: Asked): string {
  return asked.messages.findLast((message) => message.results.length > 0)?.results.at(-1)?.text ?? '';
}

/** Where the client works, as Claude Code tells its model in the system prompt or in a reminder; null where nobody says. */
export function cwdOf(asked: Asked): string | null {
  const told = [asked.system, ...asked.messages.slice(0, 2).flatMap((message) => message.text)];
  for (const text of told) {
    // A directory's name may hold a line break: it ends where the next line of the list begins.
    const found = /\b(?:Primary w|W)orking directory: ([\s\S]+?)\n\s*(?:- )?(?:Is |Additional |This is |Platform)/.exec(
      text,
    );
    if (found) return found[1]!;
  }
  return null;
}

/** Model turns that are behind us: the number of assistant messages. */
export function turnsBehind(asked: Asked): number {
  return asked.messages.filter((message) => message.role === 'assistant').length;
}
