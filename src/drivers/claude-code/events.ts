/** From Claude Code's lines to our events. Remembers only what one line needs of another. */
import type { AgentEvent } from '../../protocol/event.ts';
import { actionOf } from './actions.ts';
import type { Block, Heard, VendorLine } from './lines.ts';
import { oneLine } from './verdict.ts';

/** Told for its own screens; says nothing that other lines do not. */
const HARMLESS = new Set([
  'control_response',
  'control_cancel_request',
  'system/status',
  'system/task_started',
  'system/task_updated',
  'system/task_notification',
  'system/background_tasks_changed',
]);
/** Kinds whose own words a person may want to read. */
const TOLD = new Set(['system/informational', 'system/model_fallback', 'system/model_refusal_no_fallback']);

export interface Translator {
  events(heard: Heard): AgentEvent[];
  /** This call was denied by us; its result says so. */
  denied(callId: string): void;
  /** Model replies of the main conversation so far. */
  turns(): number;
}

export function createTranslator(): Translator {
  const denied = new Set<string>();
  const replies = new Set<string>();
  let session = false;

  const ofLine = (line: VendorLine): AgentEvent[] => {
    switch (line.type) {
      case 'system': {
        if (line.subtype === 'api_retry') {
          const { attempt, error_status: status = null, retry_delay_ms: delayMs = null } = line;
          return [{ type: 'retry', status, attempt, delayMs }];
        }
        // It comes again with every message; the conversation is the same.
        if (session) return [];
        session = true;
        const { session_id: sessionId = null, model = null, claude_code_version: version = null } = line;
        return [{ type: 'session', sessionId, model, version }];
      }
      case 'assistant': {
        const main = line.parent_tool_use_id == null;
        // What it says in the model's place, such as an API error; the terminal event repeats it, if one comes.
        if (line.message.model === '<synthetic>') return main ? notices(line.message.content) : [];
        if (main && line.message.id) replies.add(line.message.id);
        return line.message.content.flatMap((block) => said(block, main));
      }
      case 'user': {
        const rejected = (line.tool_result_meta ?? []).filter(
          (meta) => meta.permission_decision?.decision === 'reject',
        );
        for (const { id } of rejected) denied.add(id);
        const results = line.message.content.filter((block) => block.type === 'tool_result');
        if (results.length > 0) return results.map((block) => resultOf(block, denied));
        return line.isSynthetic && line.parent_tool_use_id == null ? notices(line.message.content) : [];
      }
      default:
        return [];
    }
  };

  return {
    denied: (callId) => void denied.add(callId),
    turns: () => replies.size,
    events(heard) {
      if (heard.kind === 'line') return ofLine(heard.line);
      if (heard.kind === 'garbage') return [{ type: 'notice', text: `Claude Code wrote ${heard.what}.` }];
      if (HARMLESS.has(heard.vendorType)) return [];
      const { content } = heard.raw as { content?: unknown };
      if (TOLD.has(heard.vendorType) && typeof content === 'string' && content !== '')
        return [{ type: 'notice', text: content }];
      return [{ type: 'unknown', vendorType: heard.vendorType, raw: heard.raw }];
    },
  };
}

/** A sub-agent's words are not the agent's: what it found comes back as the result of the call that started it. */
function said(block: Block, main: boolean): AgentEvent[] {
  if (block.type === 'tool_use' && block.id !== undefined && block.name !== undefined) {
    const { action, subject } = actionOf(block.name, block.input ?? {});
    return [{ type: 'tool', callId: block.id, name: block.name, action, subject }];
  }
  if (!main) return [];
  // Blocks come whole, so each ends its line.
  if (block.type === 'text' && block.text) return [{ type: 'text', text: `${block.text}\n` }];
  if (block.type === 'thinking' && block.thinking) return [{ type: 'reasoning', text: `${block.thinking}\n` }];
  return [];
}

function resultOf(block: Block, denied: ReadonlySet<string>): AgentEvent {
  const callId = block.tool_use_id ?? '';
  const summary = oneLine(textOf(block.content).slice(0, 1_000)).slice(0, 200);
  return { type: 'tool-result', callId, ok: block.is_error !== true, denied: denied.has(callId), summary };
}

/** A tool result is a text, or blocks of which some are texts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content.replace(/^<tool_use_error>|<\/tool_use_error>$/g, '');
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => (typeof part === 'object' && part !== null && 'text' in part ? String(part.text) : ''))
    .join('\n');
}

function notices(content: Block[]): AgentEvent[] {
  return content.flatMap((block) => (block.text ? [{ type: 'notice' as const, text: block.text }] : []));
}
