/** Runs the tool calls of one turn: reads next to each other, writes and commands one after another and only after a yes. */
import type * as z from 'zod';
import type { ActionAnswer, ActionRequest, Tool, ToolHost, ToolResult } from '../../core/contracts.ts';
import { nearest } from '../../core/nearest.ts';
import type { AgentEvent } from '../../protocol/event.ts';
import { oneLine } from './failure.ts';
import type { RawCall } from './turn.ts';

export interface CallsHost {
  tools: Tool[];
  host: ToolHost;
  emit(event: AgentEvent): void;
  ask(request: ActionRequest): Promise<ActionAnswer>;
}

/** A call with its arguments read, or why they cannot be. `input` is what goes back into the conversation. */
export interface Call extends RawCall {
  parsed: Record<string, unknown>;
  ready: { tool: Tool; args: unknown } | { refused: string };
}

/** `seen`: call ids used so far; some servers count from 0 again in every reply, and none may occur twice. */
export function readCall(raw: RawCall, tools: Tool[], seen: Set<string>): Call {
  let id = raw.id;
  for (let n = 2; seen.has(id); n += 1) id = `${raw.id}-${n}`;
  seen.add(id);
  const input = parseInput(raw.input);
  const call = { ...raw, id, parsed: input ?? { unreadable: raw.input.slice(0, 2_000) } };
  const tool = tools.find((one) => one.name === raw.name);
  if (!tool) {
    const names = tools.map((one) => one.name);
    const near = nearest(raw.name, names);
    const hint = near ? ` Did you mean "${near}"?` : '';
    // A name the wire may refuse must not go back to the server.
    const name = /^[A-Za-z0-9_-]{1,64}$/.test(raw.name) ? raw.name : 'unknown';
    return {
      ...call,
      name,
      ready: { refused: `There is no tool "${raw.name.slice(0, 100)}".${hint} Tools here: ${names.join(', ')}.` },
    };
  }
  if (!input)
    return {
      ...call,
      ready: { refused: `The arguments of ${tool.name} were not a JSON object. Send the call again.` },
    };
  const schema = tool.parameters as z.ZodType;
  // Models write null for "not given".
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
  const checked = schema.safeParse(given);
  if (checked.success) return { ...call, ready: { tool, args: checked.data } };
  const faults = checked.error.issues
    .map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`)
    .join('; ');
  return {
    ...call,
    ready: { refused: `Wrong arguments for ${tool.name}: ${faults}. Nothing was done; send the call again.` },
  };
}

function parseInput(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    // Told to the model by the caller.
    return null;
  }
}

/** Results in the order of the calls. */
export async function runCalls(calls: Call[], parts: CallsHost): Promise<ToolResult[]> {
  const results: Promise<ToolResult>[] = [];
  let barrier: Promise<unknown> = Promise.resolve();
  for (const call of calls) {
    const reads = !('tool' in call.ready) || !needsAnswer(call.ready.tool);
    // A read waits for the change before it; a change waits for everything before it.
    const before = reads ? barrier : Promise.all(results);
    const result = before.then(() => runCall(call, parts));
    results.push(result);
    if (!reads) barrier = result;
  }
  return Promise.all(results);
}

/** Everything but reading and asking is put to the shim; it answers by policy, or a person does. */
function needsAnswer(tool: Tool): boolean {
  return !['file.read', 'search', 'ask'].includes(tool.action);
}

async function runCall(call: Call, parts: CallsHost): Promise<ToolResult> {
  const { ready } = call;
  if ('refused' in ready) {
    parts.emit({ type: 'tool', callId: call.id, name: call.name, action: 'other', subject: '' });
    return report(call, { ok: false, text: ready.refused }, false, parts);
  }
  const { tool, args } = ready;
  const subject = tool.subject(args);
  parts.emit({ type: 'tool', callId: call.id, name: tool.name, action: tool.action, subject });
  if (parts.host.signal.aborted) return report(call, { ok: false, text: 'Cancelled.' }, false, parts);
  if (needsAnswer(tool)) {
    const answer = await parts.ask({ action: tool.action, subject, detail: tool.detail?.(args) ?? '' });
    if (!answer.allow) return report(call, { ok: false, text: `Denied: ${answer.reason}` }, true, parts);
  }
  try {
    return report(call, await tool.run(args, parts.host), false, parts);
  } catch (error) {
    // A fault of ours must not end the run: the model can often do without this call.
    const text = `${tool.name} failed: ${error instanceof Error ? error.message : String(error)}`;
    return report(call, { ok: false, text }, false, parts);
  }
}

function report(call: Call, result: ToolResult, denied: boolean, parts: CallsHost): ToolResult {
  const lines = result.text.split('\n').length;
  const summary = oneLine(result.text.slice(0, 1_000)).slice(0, 200);
  parts.emit({
    type: 'tool-result',
    callId: call.id,
    ok: result.ok,
    denied,
    summary: lines > 1 && result.ok ? `${lines} lines: ${summary}` : summary,
  });
  return result;
}
