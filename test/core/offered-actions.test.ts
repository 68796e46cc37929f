import { expect, it } from 'vitest';
import { offeredActions } from '../../src/core/offered-actions.ts';
import { testJob } from '../fixtures/run-host.ts';

const writer = testJob('/p');
const reader = testJob('/p', { stance: { mode: 'build', safety: 'auto-edit', readonly: true } });
const none = { ...writer.enforcement, label: 'none' as const };

it.each([
  ['a writer', writer, ['file.read', 'search', 'file.write', 'command.run']],
  [
    'a writer without sandbox',
    { ...writer, unsandboxed: true, enforcement: none },
    ['file.read', 'search', 'file.write', 'command.run'],
  ],
  [
    'a writer whom a person may answer',
    { ...writer, answers: 'attached' as const },
    ['file.read', 'search', 'file.write', 'command.run', 'ask'],
  ],
  [
    'a reader without sandbox whom a person may answer',
    { ...reader, answers: 'kept' as const, unsandboxed: true },
    ['file.read', 'search', 'ask'],
  ],
  ['a reader in its sandbox', reader, ['file.read', 'search', 'command.run']],
  ['a reader without sandbox', { ...reader, unsandboxed: true }, ['file.read', 'search']],
  ['a reader whose sandbox holds nothing', { ...reader, enforcement: none }, ['file.read', 'search']],
  [
    'anyone in plan mode',
    { ...writer, stance: { ...writer.stance, mode: 'plan' as const } },
    ['file.read', 'search', 'command.run'],
  ],
])('%s', (_name, job, actions) => {
  expect(offeredActions(job)).toEqual(actions);
});
