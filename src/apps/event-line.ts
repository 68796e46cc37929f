/**
 * Events as lines for a person. Text may come in pieces of any size, so it is held back until its line is whole or something else happens.
 * With `answerFollows` what the agent said last is held back as a whole: it is the answer, which the receipt shows.
 */
import { visibleLine } from '../core/visible.ts';
import type { JournalEvent } from '../protocol/event.ts';

export function eventLines(
  show: (line: string, at: string) => void,
  answerFollows = false,
): {
  add(event: JournalEvent): void;
  flush(): void;
} {
  let text = '';
  let since = '';
  const flush = () => {
    for (const line of text.split('\n')) if (line.trim()) show(visibleLine(line.trim(), 200), since);
    text = '';
  };
  return {
    add(event) {
      if (event.type === 'text') {
        since = event.at;
        text += event.text;
        if (answerFollows) return;
        const end = text.lastIndexOf('\n');
        const rest = text.slice(end + 1);
        text = text.slice(0, end + 1);
        flush();
        text = rest;
        return;
      }
      const line = eventLine(event);
      if (line === null) return;
      if (!answerFollows || !AFTER_THE_ANSWER.has(event.type)) flush();
      show(line, event.at);
    },
    flush,
  };
}

const AFTER_THE_ANSWER: ReadonlySet<string> = new Set(['harvest', 'verify', 'ended']);

/** null for what only programs need. */
function eventLine(event: JournalEvent): string | null {
  switch (event.type) {
    case 'snapshot':
      return `snapshot ${event.commit.slice(0, 10)}${event.dirty ? ', with your uncommitted changes' : ''}${event.omitted.length ? `, ${event.omitted.length} files left out` : ''}`;
    case 'tool':
      return `▸ ${event.name} ${visibleLine(event.subject, 120)}`;
    case 'tool-result':
      return event.ok ? null : `  ${event.denied ? 'denied' : 'failed'}: ${visibleLine(event.summary, 160)}`;
    case 'retry':
      return `the model server answered ${event.status ?? 'nothing'}; try ${event.attempt}${event.delayMs === null ? '' : ` in ${Math.round(event.delayMs / 100) / 10} s`}`;
    case 'notice':
      return visibleLine(event.text, 200);
    case 'verify':
      return `check \`${visibleLine(event.command, 80)}\` ${event.exitCode === 0 ? 'passed' : `ended with ${event.exitCode ?? 'a signal'}`}`;
    case 'harvest':
      return event.result ? `work kept as ${event.result.slice(0, 10)}` : 'no change';
    case 'question':
      return `? ${event.kind} ${visibleLine(event.subject, 100)}: ${visibleLine(event.detail, 200)} (${event.id})`;
    case 'answer':
      if (event.text !== undefined) return `you: ${visibleLine(event.text, 160)}`;
      return `${event.decision === 'allow' ? 'yes' : event.decision === 'deny' ? 'no' : 'no answer'} (${event.by})${event.reason ? `: ${visibleLine(event.reason, 200)}` : ''}`;
    case 'steer':
      return `you: ${visibleLine(event.text, 160)}`;
    case 'cancel':
      return event.why === 'user' ? 'cancelling' : `stopping: ${event.why}`;
    case 'ended':
      return `${event.status}: ${visibleLine(event.reason, 300)}`;
    default:
      return null;
  }
}
