/** A question as a person reads it: who asks, why, and exactly what a yes does. */
import { visible, visibleLine } from '../core/visible.ts';
import type { OpenQuestion } from '../protocol/question.ts';

/** Lines of an action that are shown. */
const MAX_LINES = 40;

/** Protected files first. */
export function questionText(question: OpenQuestion, others: OpenQuestion[] = []): string {
  const { files } = question;
  const ordered = [...files].sort((a, b) => Number(a.class === 'ordinary') - Number(b.class === 'ordinary'));
  const width = Math.min(60, Math.max(...ordered.map((file) => visibleLine(file.path, 60).length), 0));
  return [
    `${question.id}  ${question.action ?? question.kind}  ${question.risk}${others.length > 0 ? `  asked ${others.length + 1} times` : ''}`,
    `  ${question.agent} on ${visibleLine(question.worker)}: ${visibleLine(question.task, 100)}`,
    // What an agent says of itself is shown whole, and set apart from our own words.
    ...(question.kind === 'apply'
      ? []
      : visible(question.subject)
          .split('\n')
          .map((line) => `  | ${line}`)),
    ...(question.kind === 'action' ? detailLines(question.detail) : [`  ${visibleLine(question.detail, 600)}`]),
    ...ordered.map((file) => `    ${visibleLine(file.path, 60).padEnd(width)}  ${fileText(file)}`),
    `  waits ${durationText(question.waitedMs)}, until ${question.deadline} · cost so far ${question.usd === null ? 'unknown' : `$${question.usd.toFixed(4)}`}`,
    ...(others.length > 0 ? [`  the same is asked by ${others.map((other) => other.id).join(', ')}`] : []),
  ].join('\n');
}

function detailLines(detail: string): string[] {
  const lines = visible(detail).split('\n');
  const more = lines.length - MAX_LINES;
  return [
    ...lines.slice(0, MAX_LINES).map((line) => `    ${line}`),
    ...(more > 0 ? [`    … and ${more} more lines: see \`pancode questions --json\``] : []),
  ];
}

export function fileText(file: OpenQuestion['files'][number]): string {
  const lines = file.added === null ? 'binary' : `+${file.added} −${file.deleted}`;
  return file.class === 'ordinary' ? lines : `${lines}  ${file.class}`;
}

function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
