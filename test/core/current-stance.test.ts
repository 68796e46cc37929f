import { expect, it } from 'vitest';
import { stanceAtGate } from '../../src/core/current-stance.ts';
import type { Mode, Safety } from '../../src/protocol/words.ts';

const level = (text: string) => {
  const [mode, safety] = text.split(' ') as [Mode, Safety];
  return { mode, safety };
};

it.each([
  ['nothing changed', 'build auto-edit', 'build auto-edit', 'build auto-edit', 'build auto-edit'],
  [
    'a flag that widened stays, where nothing changed',
    'build full-auto',
    'plan suggest',
    'plan suggest',
    'build full-auto',
  ],
  ['looking around in plan', 'build auto-edit', 'build auto-edit', 'plan auto-edit', 'plan auto-edit'],
  ['also after a flag', 'build full-auto', 'review suggest', 'plan suggest', 'plan full-auto'],
  ['a lower level', 'build full-auto', 'build full-auto', 'build suggest', 'build suggest'],
  ['a higher one gives nothing', 'build suggest', 'build suggest', 'build full-auto', 'build suggest'],
  ['a changed one narrows a flag too', 'build full-auto', 'build suggest', 'build auto-edit', 'build auto-edit'],
])('%s', (_, sealed, then, now, expected) => {
  const stance = stanceAtGate({ ...level(sealed), readonly: false }, level(then), level(now));
  expect(stance).toEqual({ ...level(expected), readonly: false });
});
