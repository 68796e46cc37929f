/** The native agent's loop: ask the model, run its calls, append, again. Decisions are in core/loop.ts. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import type { Tool, ToolResult } from '../../core/contracts.ts';
import { afterReply, afterTools, type LoopState, retryDelayMs, START, turnCap } from '../../core/loop.ts';
import { windowFull } from '../../core/window.ts';
import type { AgentEnd } from '../../protocol/event.ts';
import { type Call, type CallsHost, readCall, runCalls } from './calls.ts';
import { endOfFailure, oneLine } from './failure.ts';
import type { Inbox } from './inbox.ts';
import type { NativeInput } from './lines.ts';
import { PROVIDER_OPTIONS } from './model.ts';
import type { CallOptions, FunctionTool, LanguageModelV4, Message } from './sdk.ts';
import { modelTurn } from './turn.ts';

export interface RunParts extends CallsHost {
  input: NativeInput;
  model: LanguageModelV4;
  inbox: Inbox;
}

/** Runs to the end; never throws for anything a model, a server or a tool does. `host.signal` cancels. */
export async function runAgent(parts: RunParts): Promise<AgentEnd> {
  const { input, tools, host, inbox } = parts;
  const declared = tools.map(declare);
  const messages: Message[] = [{ role: 'system', content: input.system }, said(input.task)];
  const seen = new Set<string>();
  let state: LoopState = START;
  /** Text of replies that were cut and went on. */
  let carried = '';
  /** What the service counted of the conversation, and how many of the messages that was. */
  let counted = { tokens: 0, messages: 0 };
  const uncounted = () =>
    Buffer.byteLength(JSON.stringify([messages.slice(counted.messages), counted.messages === 0 ? declared : []]));
  const end = (status: AgentEnd['status'], reason: string, answer: string | null = null): AgentEnd => {
    inbox.close();
    for (const text of inbox.take()) parts.emit({ type: 'notice', text: `It ended before it saw: ${oneLine(text)}` });
    return { type: 'end', ok: status === 'succeeded', status, reason, answer, turns: state.turns };
  };
  for (;;) {
    messages.push(...inbox.take().map(said));
    const capped = turnCap(state, input.limits.turns);
    if (capped) return end('failed', capped);
    const full = windowFull(input.limits.window, counted.tokens, uncounted());
    if (full) return end('failed', full);
    const turn = await askModel(parts, {
      prompt: withBreakpoints(messages),
      tools: declared,
      reasoning: effortOf(input.effort),
      providerOptions: PROVIDER_OPTIONS,
    });
    if (host.signal.aborted) return end('cancelled', 'Cancelled.');
    if (!turn.ok) {
      const failed = endOfFailure(turn.failure, input.server);
      return end(failed.status, failed.reason);
    }
    const { reply } = turn;
    // The reply becomes the next message, and is counted with the prompt.
    if (reply.tokens !== null) counted = { tokens: reply.tokens, messages: messages.length + 1 };
    const after = afterReply(state, { ...reply, hasText: reply.text.trim() !== '', calls: reply.calls.length });
    state = after.state;
    if (after.next.do === 'fail') return end('failed', after.next.reason);
    if (after.next.do === 'done') {
      if (inbox.waiting === 0) return end('succeeded', 'The agent finished.', carried + reply.text);
      if (reply.content.length > 0) messages.push({ role: 'assistant', content: reply.content });
      carried = '';
      continue;
    }
    if (after.next.do === 'nudge') {
      if (reply.content.length > 0) messages.push({ role: 'assistant', content: reply.content });
      messages.push(said(after.next.text));
      carried += reply.text;
      continue;
    }
    carried = '';
    const calls = reply.calls.map((call) => readCall(call, tools, seen));
    const results = await runCalls(calls, parts);
    if (host.signal.aborted) return end('cancelled', 'Cancelled.');
    const repeated = afterTools(state, fingerprint(calls, results));
    state = repeated.state;
    if (repeated.next.do === 'fail') return end('failed', repeated.next.reason);
    const { note } = repeated.next;
    messages.push({ role: 'assistant', content: [...reply.content, ...calls.map(callPart)] });
    messages.push({ role: 'tool', content: calls.map((call, n) => resultPart(call, results[n]!, note)) });
  }
}

/** One turn with its retries; each wait is an event. */
async function askModel(parts: RunParts, options: CallOptions): Promise<Awaited<ReturnType<typeof modelTurn>>> {
  const { input, model, host, emit } = parts;
  let attempts = 0;
  let waitedMs = 0;
  for (;;) {
    const turn = await modelTurn(model, options, {
      signal: host.signal,
      idleMs: input.limits.idleMs,
      onText: (text) => emit({ type: 'text', text }),
      onReasoning: (text) => emit({ type: 'reasoning', text }),
    });
    if (turn.ok || host.signal.aborted || turn.failure.lasts !== null) return turn;
    const { status, retryAfterMs } = turn.failure;
    const delayMs = retryDelayMs(status, retryAfterMs, { attempts, waitedMs }, input.limits.waitMs);
    if (delayMs === null) return turn;
    attempts += 1;
    waitedMs += delayMs;
    emit({ type: 'retry', status, attempt: attempts, delayMs });
    // An aborted wait rejects; the loop sees the signal itself.
    await wait(delayMs, undefined, { signal: host.signal }).catch(() => {});
    if (host.signal.aborted) return turn;
  }
}

function declare(tool: Tool): FunctionTool {
  const schema = z.toJSONSchema(tool.parameters as z.ZodType, { io: 'input' });
  return {
    type: 'function',
    name: tool.name,
    description: tool.description,
    inputSchema: schema as FunctionTool['inputSchema'],
  };
}

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

function effortOf(effort: string | null): CallOptions['reasoning'] {
  return EFFORTS.find((known) => known === effort);
}

/**
 * Marks where Anthropic may cache: after the system prompt and after the newest message. The messages themselves stay as they are,
 * so that every request begins with the bytes of the one before; the other wires ignore the marks.
 */
function withBreakpoints(messages: Message[]): Message[] {
  const mark = { anthropic: { cacheControl: { type: 'ephemeral' } } };
  return messages.map((message, n) =>
    n === 0 || n === messages.length - 1 ? { ...message, providerOptions: mark } : message,
  );
}

const said = (text: string): Message => ({ role: 'user', content: [{ type: 'text', text }] });

function callPart(call: Call) {
  const input = call.parsed;
  return {
    type: 'tool-call' as const,
    toolCallId: call.id,
    toolName: call.name,
    input,
    providerOptions: call.providerOptions,
  };
}

function resultPart(call: Call, result: ToolResult, note: string | null) {
  const value = note ? `${result.text}\n\n${note}` : result.text;
  const output = { type: result.ok ? ('text' as const) : ('error-text' as const), value };
  return { type: 'tool-result' as const, toolCallId: call.id, toolName: call.name, output };
}

function fingerprint(calls: Call[], results: ToolResult[]): string {
  const hash = createHash('sha256');
  calls.forEach((call, n) => {
    hash.update(JSON.stringify([call.name, call.parsed, results[n]]));
  });
  return hash.digest('hex');
}
