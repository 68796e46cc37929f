/** What is hidden of a checkout that is mounted as it is. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { hiddenFiles } from '../../../src/drivers/sandbox/hidden.ts';
import { put, tempDir } from '../../fixtures/temp.ts';

const dir = tempDir();

it('secrets by name, fifos, and what a link with such a name leads to', async () => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  const shown = [
    '.env.example',
    '.env.sample',
    'env',
    'src/id_rsa.pub',
    'node_modules/dep/.env',
    '.git/objects/ab/.env',
    '.env.d/README',
  ];
  const hidden = [
    '.env',
    '.env.local',
    '.envrc',
    'packages/a/.env.production',
    'keys/id_ed25519',
    'real-secret',
    '.git/.env',
    'objects/.env',
  ];
  for (const name of [...shown, ...hidden]) await put(path.join(root, name), 'x');
  fs.symlinkSync('../real-secret', path.join(root, 'packages', '.env'));
  fs.symlinkSync('/etc/hostname', path.join(root, 'packages', '.env.outside'));
  fs.symlinkSync('nowhere', path.join(root, 'packages', '.env.dangling'));
  fs.symlinkSync('.', path.join(root, 'loop'));
  for (const name of ['a fifo\n', 'node_modules/.cache/tool/fifo']) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    execFileSync('mkfifo', [path.join(root, name)]);
    hidden.push(name);
  }
  const found = (await hiddenFiles(root)).map((file) => path.relative(root, file));
  expect(found.sort()).toEqual(hidden.sort());
});

it('looks into directories whatever bytes their names have, and refuses what it cannot name to the sandbox', async () => {
  const root = fs.mkdtempSync(path.join(dir, 'wurzel-ü-'));
  const strange = Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]);
  fs.mkdirSync(strange);
  fs.writeFileSync(Buffer.concat([strange, Buffer.from('/notes')]), '');
  await put(path.join(root, 'naïve', '.env'), 'x');
  fs.symlinkSync('naïve/.env', path.join(root, '.env'));
  expect(await hiddenFiles(root)).toEqual([path.join(root, 'naïve', '.env')]);
  fs.writeFileSync(Buffer.concat([strange, Buffer.from('/.env')]), 'x');
  await expect(hiddenFiles(root)).rejects.toMatchObject({ code: 'unhidden-secret', exit: 2 });
});

it('refuses more than a sandbox can hide', async () => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  for (let n = 0; n < 1_501; n += 1) fs.writeFileSync(path.join(root, `.env.${n}`), '');
  await expect(hiddenFiles(root)).rejects.toMatchObject({ code: 'too-many-secrets', exit: 2 });
});
