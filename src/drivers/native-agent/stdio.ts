/** The agent process's two pipes: commands come in as lines, events and questions go out as lines. */
import type { Readable, Writable } from 'node:stream';
import type { ActionAnswer, ActionRequest, ToolResult } from '../../core/contracts.ts';
import type { AgentEvent } from '../../protocol/event.ts';
import { splitLines } from '../lines.ts';
import { Inbox } from './inbox.ts';
import { NativeCommand, NativeInput } from './lines.ts';

/** Text is gathered for this long: one event per word would cost the shim a disk write each. */
const GATHER_MS = 50;

const UNANSWERED: ToolResult = { ok: false, text: 'The dispatch was cancelled.' };

export interface AgentStdio {
  input: NativeInput;
  /** Aborted by a `cancel` line and by the end of stdin. */
  signal: AbortSignal;
  emit(event: AgentEvent): void;
  /** Resolves with the shim's answer; a cancelled run answers no. */
  ask(request: ActionRequest): Promise<ActionAnswer>;
  /** Resolves with what a person says, or with why nobody does. */
  askPerson(question: string): Promise<ToolResult>;
  /** What a person has told the agent. */
  inbox: Inbox;
}

/** Reads the first line, then listens for the rest. null where stdin ended before there was one. */
export async function openStdio(stdin: Readable, stdout: Writable): Promise<AgentStdio | null> {
  const cancel = new AbortController();
  const waiting = new Map<number, (answer: ActionAnswer) => void>();
  const questions = new Map<number, (reply: ToolResult) => void>();
  const stop = () => {
    cancel.abort();
    for (const answer of waiting.values()) answer({ allow: false, reason: 'The dispatch was cancelled.' });
    waiting.clear();
    for (const reply of questions.values()) reply(UNANSWERED);
    questions.clear();
  };
  // Whoever reads us is gone: nothing we do can be seen any more.
  stdout.on('error', stop);
  const lines = splitLines(stdin);
  const first = await lines.next();
  if (first.done) return null;
  const input = NativeInput.parse(JSON.parse(first.value.text));
  const write = (value: unknown) => stdout.write(`${JSON.stringify(value)}\n`);
  const inbox = new Inbox();
  void (async () => {
    try {
      for await (const { text } of lines) {
        const command = NativeCommand.parse(JSON.parse(text));
        if (command.type === 'cancel') stop();
        else if (command.type === 'message') write({ type: 'told', id: command.id, ok: inbox.add(command.text) });
        else if (command.type === 'reply') {
          questions.get(command.id)?.({ ok: command.ok, text: command.text });
          questions.delete(command.id);
        } else {
          waiting.get(command.id)?.({ allow: command.allow, reason: command.reason });
          waiting.delete(command.id);
        }
      }
    } finally {
      stop();
    }
  })().catch(() => {
    // A line that is no command can only come from a broken shim; the `finally` above has cancelled the run.
  });
  const gathered = new Gathered(write);
  let asked = 0;
  return {
    input,
    signal: cancel.signal,
    inbox,
    emit: (event) => gathered.add(event),
    ask(request) {
      if (cancel.signal.aborted) return Promise.resolve({ allow: false, reason: 'The dispatch was cancelled.' });
      asked += 1;
      const id = asked;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        gathered.flush();
        write({ type: 'ask', id, ...request });
      });
    },
    askPerson(question) {
      if (cancel.signal.aborted) return Promise.resolve(UNANSWERED);
      asked += 1;
      const id = asked;
      return new Promise((resolve) => {
        questions.set(id, resolve);
        gathered.flush();
        write({ type: 'question', id, question });
      });
    },
  };
}

/** Joins pieces of text that follow one another; every other event goes out at once, after the text before it. */
class Gathered {
  readonly #write: (event: AgentEvent) => void;
  #held: Extract<AgentEvent, { type: 'text' | 'reasoning' }> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (event: AgentEvent) => void) {
    this.#write = write;
  }

  add(event: AgentEvent): void {
    if (event.type !== 'text' && event.type !== 'reasoning') {
      this.flush();
      this.#write(event);
      return;
    }
    if (this.#held?.type === event.type) this.#held.text += event.text;
    else {
      this.flush();
      this.#held = { ...event };
      this.#timer = setTimeout(() => this.flush(), GATHER_MS);
    }
  }

  flush(): void {
    clearTimeout(this.#timer);
    if (this.#held) this.#write(this.#held);
    this.#held = null;
  }
}
