/**
 * Questions of a dispatch that is followed: asked right there on a terminal, else shown with where to answer. Whoever leaves the prompt leaves
 * the question open.
 */
import type { Interface } from 'node:readline/promises';
import { visible, visibleLine } from '../core/visible.ts';
import type { ClientContext } from '../protocol/api.ts';
import { PanError } from '../protocol/error.ts';
import type { JournalEvent } from '../protocol/event.ts';
import type { Answered, AnswerRequest, OpenQuestion } from '../protocol/question.ts';
import type { CommandContext } from './command.ts';
import { fileText, questionText } from './question-text.ts';

export interface InlineQuestions {
  see(event: JournalEvent): void;
  close(): void;
}

/** Whether a person sits there: both ways to a terminal, nothing else to print, nobody's automation. */
export function canAsk(context: CommandContext): boolean {
  return Boolean(process.stdin.isTTY && process.stderr.isTTY) && !context.options().json && !context.environment.ci;
}

export function inlineQuestions(context: CommandContext, client: ClientContext): InlineQuestions {
  let current: { id: string; over: AbortController } | null = null;
  const note = (text: string) => context.output().note(text);
  return {
    see(event) {
      if (event.type === 'question') {
        const over = new AbortController();
        current = { id: event.id, over };
        ask(context, client, event.id, over.signal).catch((error: unknown) => {
          if (over.signal.aborted) return;
          const why = error instanceof PanError ? `${error.message} ${error.do}` : String(error);
          note(`${why} ${elsewhere(event.id)}`);
        });
      }
      if (event.type === 'answer' && event.id === current?.id) current.over.abort();
    },
    close: () => current?.over.abort(),
  };
}

const elsewhere = (id: string) => `Answer with \`pancode approve ${id}\` or \`pancode deny ${id}\` from any terminal.`;

async function ask(context: CommandContext, client: ClientContext, id: string, over: AbortSignal): Promise<void> {
  const { questions } = await context.client.call<{ questions: OpenQuestion[] }>('GET', '/v1/questions');
  const question = questions.find((each) => each.id === id);
  // Answered long ago: we only hear of it now.
  if (!question || over.aborted) return;
  const note = (text: string) => context.output().note(text);
  if (!canAsk(context)) {
    note(`\n${questionText(question)}\n  ${elsewhere(id)}`);
    return;
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const left = new AbortController();
  // While it reads, the terminal's Ctrl-C comes here and not as a signal.
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  terminal.on('close', () => left.abort());
  const read = (prompt: string) => terminal.question(prompt, { signal: AbortSignal.any([over, left.signal]) });
  try {
    note(`\n${questionText(question)}`);
    const answer = await choose(question, read, note, async () => {
      const { patch } = await context.client.call<{ patch: string }>(
        'POST',
        `/v1/dispatches/${question.dispatch}/diff`,
        client,
      );
      note(visible(patch));
    });
    await context.client.call<Answered>('POST', `/v1/questions/${id}/answer`, {
      ...answer,
      bound: question.bound ?? undefined,
    });
  } catch (error) {
    if (over.aborted) note('\nThe question is answered.');
    else if (left.signal.aborted) note(`\nThe question stays open. ${elsewhere(id)}`);
    else throw error;
  } finally {
    terminal.close();
  }
}

async function choose(
  question: OpenQuestion,
  read: Interface['question'],
  note: (text: string) => void,
  showDiff: () => Promise<void>,
): Promise<AnswerRequest> {
  const always = question.files.every((file) => file.class === 'ordinary');
  const keys = `[y] yes, once  ${always ? '[a] always here  ' : ''}[n] no  [f] choose files  [d] show the diff > `;
  for (;;) {
    const key = (await read(keys)).trim().toLowerCase();
    if (key === 'y' || key === 'yes') return { decision: 'allow' };
    if (key === 'a' && always) return { decision: 'allow', always: true };
    if (key === 'n' || key === 'no') {
      const reason = (await read('Why not? (Enter: no reason) > ')).trim();
      return reason === '' ? { decision: 'deny' } : { decision: 'deny', reason };
    }
    if (key === 'd') await showDiff();
    else if (key === 'f') {
      const files = await chooseFiles(question, read);
      if (files.length > 0) return { decision: 'allow', files };
      note('No file was chosen: say n if you want none of them.');
    } else note('Type one of the letters in brackets, then Enter.');
  }
}

async function chooseFiles(question: OpenQuestion, read: Interface['question']): Promise<string[]> {
  const chosen: string[] = [];
  for (const file of question.files) {
    if (file.class === 'forbidden') continue; // never applied
    const key = (await read(`  ${visibleLine(file.path, 80)}  ${fileText(file)}  [y/n] > `)).trim().toLowerCase();
    if (key === 'y' || key === 'yes') chosen.push(file.path);
  }
  return chosen;
}
