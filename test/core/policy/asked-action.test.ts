import { describe, expect, it } from 'vitest';
import { changedLines } from '../../../src/core/changed-lines.ts';
import { actionQuestion, mustAsk, toldOfAction, unanswered } from '../../../src/core/policy/asked-action.ts';
import { coveredByAlways, whyNotAlways } from '../../../src/core/questions.ts';
import { testJob } from '../../fixtures/run-host.ts';

const job = testJob('/p/sub', { ask: 'action', project: { root: '/p', cwd: '/p/sub', commonDir: '/p/.git' } });
const put = (action: 'file.write' | 'command.run', subject: string, detail = '') =>
  actionQuestion({ action, subject, detail }, job.project);

it('asks for writes and commands of a writer, and for nothing else', () => {
  expect(mustAsk('file.write', job)).toBe(true);
  expect(mustAsk('command.run', job)).toBe(true);
  for (const action of ['file.read', 'search', 'delegate', 'ask', 'other'] as const)
    expect(mustAsk(action, job)).toBe(false);
  expect(mustAsk('command.run', { ...job, ask: 'apply' })).toBe(false);
  expect(mustAsk('command.run', { ...job, stance: { ...job.stance, readonly: true } })).toBe(false);
});

describe('a question', () => {
  it.each([
    ['a.ts', 'sub/a.ts', 'ordinary'],
    ['./x/../a.ts', 'sub/a.ts', 'ordinary'],
    ['../Makefile', 'Makefile', 'protected'],
    ['/p/AGENTS.md', 'AGENTS.md', 'boundary'],
    ['../package.json', 'package.json', 'protected'],
    ['../.git/config', '.git/config', 'forbidden'],
    ['../../q/Makefile', '/q/Makefile', 'ordinary'],
    ['/tmp/a', '/tmp/a', 'ordinary'],
    ['/pp/a', '/pp/a', 'ordinary'],
  ])('to write %s is about %s, which is %s', (given, subject, risk) => {
    expect(put('file.write', given)).toMatchObject({ kind: 'action', action: 'file.write', subject, risk });
  });

  it('holds a command exactly, and the lines of a change as far as they can be read', () => {
    const command = "echo 'a\n  b' > ../Makefile ";
    expect(put('command.run', command)).toMatchObject({ action: 'command.run', subject: command, risk: 'ordinary' });
    expect(put('file.write', 'a', changedLines('x\ny\n', 'z')).detail).toBe('-x\n-y\n+z');
    expect(put('file.write', 'a', `${'x'.repeat(20_000)}yz`).detail).toMatch(/x\n… and 2 more characters$/);
  });
});

it('shows what is new, what goes, and an empty file', () => {
  expect(changedLines(null, 'a\n\nb\n')).toBe('+a\n+\n+b');
  expect(changedLines('a', '')).toBe('-a');
  expect(changedLines(null, '')).toBe('');
});

it('is kept for good for exactly that, and never for what is protected', () => {
  const kept = [{ project: '/p', kind: 'action' as const, action: 'command.run' as const, subject: 'make', at: '' }];
  const covered = (one: ReturnType<typeof put>) => coveredByAlways(kept, '/p', one, job.stance);
  expect(covered(put('command.run', 'make'))).toBe(true);
  expect(covered(put('command.run', 'make '))).toBe(false);
  expect(covered(put('file.write', '/p/make'))).toBe(false);
  expect(coveredByAlways(kept, '/q', put('command.run', 'make'), job.stance)).toBe(false);
  expect(whyNotAlways(put('file.write', '/p/Makefile'))).toContain('Makefile is protected');
});

it('tells the agent what a person said, or that nobody did', () => {
  expect(toldOfAction({ decision: 'allow', reason: null })).toEqual({ allow: true, reason: '' });
  expect(toldOfAction({ decision: 'deny', reason: 'use git mv' }).reason).toContain('no: use git mv\n');
  for (const decision of ['none', 'timeout'] as const)
    expect(toldOfAction({ decision, reason: null })).toMatchObject({
      allow: false,
      reason: expect.stringContaining('Nobody answered'),
    });
});

it('counts what nobody answered', () => {
  const question = { kind: 'action', subject: 's', decision: 'none', by: 'nobody', waitedMs: 0 } as const;
  expect(
    unanswered([
      question,
      { ...question, decision: 'timeout' },
      { ...question, decision: 'deny', by: 'user' },
      { ...question, decision: 'none', by: 'user' },
      { ...question, kind: 'ask' },
    ]),
  ).toBe(2);
});
