/** Trees that go. */
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { removeTreeBeside } from '../../../src/drivers/workspace/remove.ts';
import { put, tempDir } from '../../fixtures/temp.ts';

it('whatever their permissions, while others are served', async () => {
  const dir = path.join(tempDir(), '-a tree');
  await put(path.join(dir, 'closed/deeper/file'), '');
  for (const name of ['closed/deeper', 'closed']) fs.chmodSync(path.join(dir, name), 0);
  let served = 0;
  let over = false;
  const serving = (async () => {
    for (; !over; served += 1) await nextTurn();
  })();
  await removeTreeBeside(dir);
  expect([fs.existsSync(dir), served > 0]).toEqual([false, true]);
  await removeTreeBeside(dir);
  over = true;
  await serving;
});
