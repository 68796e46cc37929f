/** What of the user's checkout is shared with a copy. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { sharedDirectories } from '../../../src/drivers/sandbox/shares.ts';
import { put, tempDir } from '../../fixtures/temp.ts';

const dir = tempDir();

it('nothing through a link on the way, which a branch of the repository may have made', async () => {
  const [project, copy, other] = ['project', 'copy', 'other'].map((name) => path.join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const name of ['packages/web/node_modules', 'moved/vendor']) await put(path.join(other, name, 'index.js'), '');
  for (const name of ['src/node_modules']) await put(path.join(project, name, 'index.js'), '');
  for (const name of ['src', 'moved', 'packages/web']) fs.mkdirSync(path.join(copy, name), { recursive: true });
  fs.symlinkSync('../other/moved', path.join(project, 'moved'));
  fs.symlinkSync('../other/packages', path.join(project, 'packages'));
  const found = sharedDirectories(project, copy, ['node_modules', 'vendor', 'packages/web/node_modules']);
  expect(found.map((share) => share.path)).toEqual([path.join(project, 'src/node_modules')]);
});
