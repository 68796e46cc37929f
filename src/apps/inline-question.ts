/**
 * Questions of a dispatch that is followed: asked right there on a terminal, else shown with where to answer. Whoever leaves the prompt leaves
 * the question open.
 */
import type { Interface } from 'node:readline/promises';
import { whyNotAlways } from '../core/questions.ts';
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
  /** Those that are open, by id. */
  const open = new Map<string, AbortController>();
  /** There is one terminal: one question after the other. */
  let last: Promise<void> = Promise.resolve();
  const note = (text: string) => context.output().note(text);
  return {
    see(event) {
      if (event.type === 'question') {
        const over = new AbortController();
        open.set(event.id, over);
        last = last
          .then(() => ask(context, client, event.id, over.signal))
          .catch((error: unknown) => {
            if (over.signal.aborted) return;
            const why = error instanceof PanError ? `${error.message} ${error.do}` : String(error);
            note(`${why} ${elsewhere(event)}`);
          });
      }
      if (event.type === 'answer') open.get(event.id)?.abort();
    },
    close() {
      for (const over of open.values()) over.abort();
    },
  };
}

const elsewhere = ({ id, kind }: Pick<OpenQuestion, 'id' | 'kind'>) =>
  `Answer with \`pancode ${kind === 'ask' ? `answer ${id} TEXT` : `approve ${id}`}\` or \`pancode deny ${id}\` from any terminal.`;

async function ask(context: CommandContext, client: ClientContext, id: string, over: AbortSignal): Promise<void> {
  const { questions } = await context.client.call<{ questions: OpenQuestion[] }>('GET', '/v1/questions');
  const question = questions.find((each) => each.id === id);
  // Answered long ago: we only hear of it now.
  if (!question || over.aborted) return;
  const note = (text: string) => context.output().note(text);
  if (!canAsk(context)) {
    note(`\n${questionText(question)}\n  ${elsewhere(question)}`);
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
    else if (left.signal.aborted) note(`\nThe question stays open. ${elsewhere(question)}`);
    else throw error;
  } finally {
    terminal.close();
  }
}

/** A line that ends in a backslash goes on. */
async function words(read: Interface['question']): Promise<AnswerRequest> {
  let text = await read('Your answer (Enter alone: the agent decides; \\ at the end: one more line) > ');
  while (text.endsWith('\\')) text = `${text.slice(0, -1)}\n${await read('> ')}`;
  return text.trim() === '' ? { decision: 'deny' } : { decision: 'allow', text };
}

async function choose(
  question: OpenQuestion,
  read: Interface['question'],
  note: (text: string) => void,
  showDiff: () => Promise<void>,
): Promise<AnswerRequest> {
  if (question.kind === 'ask') return words(read);
  const change = question.kind === 'apply';
  const always = whyNotAlways(question) === null;
  const keys = `[y] yes, once  ${always ? '[a] always here  ' : ''}[n] no  ${change ? '[f] choose files  [d] show the diff ' : ''}> `;
  for (;;) {
    const key = (await read(keys)).trim().toLowerCase();
    if (key === 'y' || key === 'yes') return { decision: 'allow' };
    if (key === 'a' && always) return { decision: 'allow', always: true };
    if (key === 'n' || key === 'no') {
      const reason = (await read('Why not? (Enter: no reason) > ')).trim();
      return reason === '' ? { decision: 'deny' } : { decision: 'deny', reason };
    }
    if (key === 'd' && change) await showDiff();
    else if (key === 'f' && change) {
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
