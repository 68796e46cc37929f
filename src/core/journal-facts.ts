/** What a journal says, folded into the numbers a receipt holds. Pure. */
import type { AgentEnd, JournalEvent } from '../protocol/event.ts';
import type { QuestionRecord } from '../protocol/receipt.ts';
import type { MeteredRequest } from '../protocol/usage.ts';

type Reported = Extract<JournalEvent, { type: 'usage' }>;

export interface JournalFacts {
  started: string | null;
  /** From the start of the agent process to its end, ms; null where it never started or its end is not known. */
  agentMs: number | null;
  questionMs: number;
  limitMs: number;
  firstTokenMs: number | null;
  actions: Record<string, number>;
  denied: number;
  questions: QuestionRecord[];
  requests: MeteredRequest[];
  /** Usage the runtime itself reported, the last running total. */
  reported: Reported | null;
  end: AgentEnd | null;
  cancel: 'user' | 'timeout' | 'budget' | 'disk' | null;
  snapshot: Extract<JournalEvent, { type: 'snapshot' }> | null;
  agentProcess: { pid: number; startTime: string } | null;
  shim: { pid: number; startTime: string; bootId: string } | null;
}

export function journalFacts(events: JournalEvent[]): JournalFacts {
  const facts: JournalFacts = {
    started: null,
    agentMs: null,
    questionMs: 0,
    limitMs: 0,
    firstTokenMs: null,
    actions: {},
    denied: 0,
    questions: [],
    requests: [],
    reported: null,
    end: null,
    cancel: null,
    snapshot: null,
    agentProcess: null,
    shim: null,
  };
  const open = new Map<number, string>();
  const asked = new Map<string, Extract<JournalEvent, { type: 'question' }>>();
  let agentStart: number | null = null;
  for (const event of events) {
    switch (event.type) {
      case 'started':
        facts.started ??= event.at;
        facts.shim = { pid: event.pid, startTime: event.startTime, bootId: event.bootId };
        break;
      case 'snapshot':
        facts.snapshot = event;
        break;
      case 'agent-process':
        facts.agentProcess = { pid: event.pid, startTime: event.startTime };
        agentStart = Date.parse(event.at);
        break;
      case 'phase':
        if (event.phase === 'harvest' && agentStart !== null)
          facts.agentMs = event.agentMs ?? Math.max(0, Date.parse(event.at) - agentStart);
        break;
      case 'tool':
        facts.actions[event.action] = (facts.actions[event.action] ?? 0) + 1;
        break;
      case 'tool-result':
        if (event.denied) facts.denied += 1;
        break;
      case 'retry':
        if (event.status === 429 || event.status === 529) facts.limitMs += event.delayMs ?? 0;
        break;
      case 'question':
        asked.set(event.id, event);
        break;
      case 'answer': {
        const question = asked.get(event.id);
        asked.delete(event.id);
        facts.questionMs += event.waitedMs;
        if (question)
          facts.questions.push({
            kind: question.kind,
            subject: question.subject,
            decision: event.decision,
            by: event.by,
            waitedMs: event.waitedMs,
          });
        break;
      }
      case 'request-started':
        open.set(event.n, event.path);
        break;
      case 'request':
        open.delete(event.request.n);
        facts.requests.push(event.request);
        facts.firstTokenMs ??= event.request.firstTokenMs;
        break;
      case 'usage':
        facts.reported = event;
        break;
      case 'cancel':
        facts.cancel ??= event.why;
        break;
      case 'end':
        facts.end = event;
        break;
      default:
        break;
    }
  }
  for (const [n, path] of open) facts.requests.push(unfinished(n, path));
  // Its shim died while it waited: how long is known up to the last line of the journal.
  for (const { kind, subject, at } of asked.values()) {
    const waitedMs = Math.max(0, Date.parse(events.at(-1)?.at ?? at) - Date.parse(at));
    facts.questions.push({ kind, subject, decision: 'none', by: 'nobody', waitedMs });
    facts.questionMs += waitedMs;
  }
  return facts;
}

/** A request whose end nobody saw, because its shim died: what it took is unknown. */
function unfinished(n: number, path: string): MeteredRequest {
  return {
    n,
    path,
    model: null,
    status: null,
    input: null,
    cacheRead: null,
    cacheWrite: null,
    output: null,
    reasoning: null,
    grade: 'unknown',
    complete: false,
    simulated: false,
    ms: 0,
    firstTokenMs: null,
    retryAfterMs: null,
    error: null,
    brokenBy: null,
  };
}
