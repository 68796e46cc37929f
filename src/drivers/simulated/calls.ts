/** Calls written neutrally in a script, as calls of the tools a client offers. Pure. */
import path from 'node:path';
import type { ScriptCall } from './script.ts';

export interface ToolCall {
  name: string;
  /** Text of the arguments; valid JSON unless the script sends something else on purpose. */
  args: string;
}

type Args = Record<string, unknown>;
interface Offer<Given> {
  tool: string;
  args(given: Given, absolute: (file: string) => string): Args;
}
type Neutral = Required<Omit<ScriptCall, 'call'>>;

/**
 * For each neutral call the tools that can do it, first found first: those of Claude Code (its paths are absolute), then those of
 * the native agent. Claude Code 2.1.331 offers no search tool: its model searches by a command.
 */
const OFFERS: { [Kind in keyof Neutral]: Offer<Neutral[Kind]>[] } = {
  write: [
    { tool: 'Write', args: (given, absolute) => ({ file_path: absolute(given.path), content: given.content }) },
    { tool: 'write', args: (given) => ({ path: given.path, content: given.content }) },
  ],
  edit: [
    {
      tool: 'Edit',
      args: (given, absolute) => ({ file_path: absolute(given.path), old_string: given.old, new_string: given.new }),
    },
    { tool: 'edit', args: (given) => ({ path: given.path, old: given.old, new: given.new }) },
  ],
  run: [
    { tool: 'Bash', args: (command) => ({ command, description: 'Run a scripted command' }) },
    { tool: 'bash', args: (command) => ({ command }) },
  ],
  read: [
    { tool: 'Read', args: (file, absolute) => ({ file_path: absolute(file) }) },
    { tool: 'read', args: (file) => ({ path: file }) },
  ],
  search: [
    { tool: 'Grep', args: (pattern) => ({ pattern }) },
    { tool: 'grep', args: (pattern) => ({ pattern }) },
    {
      tool: 'Bash',
      args: (pattern) => ({ command: `grep -rnE -e ${shellWord(pattern)} .`, description: 'Search the files' }),
    },
  ],
};

/** `text`: fills the placeholders. null: the request offers no tool for this call. */
export function toolCall(
  call: ScriptCall,
  request: { tools: readonly string[]; cwd: string | null; text: (template: string) => string },
): ToolCall | null {
  if (call.call) {
    const { name, args } = call.call;
    return { name, args: typeof args === 'string' ? request.text(args) : JSON.stringify(filled(args, request.text)) };
  }
  const [kind, given] = theOne(call);
  const offer = (OFFERS[kind] as Offer<unknown>[]).find((one) => request.tools.includes(one.tool));
  if (!offer) return null;
  const { cwd } = request;
  const absolute = (file: string) => (cwd === null ? file : path.posix.resolve(cwd, file));
  return { name: offer.tool, args: JSON.stringify(offer.args(filled(given, request.text), absolute)) };
}

/** What the call would have done, for a model that says it cannot. */
export function describeCall(call: ScriptCall): string {
  if (call.call) return `call ${call.call.name}`;
  const [kind, given] = theOne(call);
  return `${kind} ${typeof given === 'string' ? given : given.path}`;
}

function theOne(call: ScriptCall): [keyof Neutral, Neutral[keyof Neutral]] {
  return Object.entries(call)[0] as [keyof Neutral, Neutral[keyof Neutral]];
}

function filled<Value>(value: Value, text: (template: string) => string): Value {
  if (typeof value === 'string') return text(value) as Value;
  if (Array.isArray(value)) return value.map((one) => filled(one, text)) as Value;
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, text)])) as Value;
  return value;
}

const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
