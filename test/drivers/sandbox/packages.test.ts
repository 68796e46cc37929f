/** What takes the place of a `node_modules` without caches; that it works is shown by test/control/builds.test.ts. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { withPackageCaches } from '../../../src/drivers/sandbox/packages.ts';
import { put, tempDir } from '../../fixtures/temp.ts';

const ALL = tempDir();
const CACHES = ['.cache', '.vite', '.vite-temp', '.vitest'];

function packages(): { host: string; path: string } {
  const host = path.join(fs.mkdtempSync(path.join(ALL, 'p ')), 'node_modules');
  fs.mkdirSync(host);
  return { host, path: '/p/node_modules' };
}

it('is a directory of links: packages one level below, links as they are, scopes one by one', async () => {
  const share = packages();
  await put(path.join(share.host, 'a/x'), '');
  await put(path.join(share.host, '@s/b/x'), '');
  await put(path.join(share.host, '.package-lock.json'), '');
  await put(path.join(share.host, '.cache/x'), '');
  fs.symlinkSync('../own', path.join(share.host, 'own'));
  fs.symlinkSync('../../own', path.join(share.host, '@s/own'));
  const [given] = withPackageCaches([share]);
  const links = Object.fromEntries(given?.linked?.links.map(({ name, target }) => [name, target]) ?? []);
  expect(links).toEqual({
    '.package-lock.json': '.pancode/node_modules/.package-lock.json',
    a: '.pancode/node_modules/a',
    own: '../own',
    '@s/b': '../.pancode/node_modules/@s/b',
    '@s/own': '../../own',
  });
  expect(given).toMatchObject({ host: share.host, path: '/p/node_modules/.pancode/node_modules' });
  expect(given?.caches).toEqual(CACHES.map((name) => `/p/node_modules/${name}`));
});

it('is itself where the caches are there, where it has too many packages, and beyond the sixteenth', () => {
  const whole = packages();
  for (const name of CACHES) fs.mkdirSync(path.join(whole.host, name));
  expect(withPackageCaches([whole])).toEqual([{ ...whole, caches: CACHES.map((name) => `/p/node_modules/${name}`) }]);
  const large = packages();
  for (let n = 0; n <= 2_000; n++) fs.symlinkSync('x', path.join(large.host, `p${n}`));
  fs.mkdirSync(path.join(large.host, '.cache'));
  expect(withPackageCaches([large])).toEqual([{ ...large, caches: ['/p/node_modules/.cache'] }]);
  const many = Array.from({ length: 18 }, packages);
  expect(withPackageCaches(many).filter((share) => share.caches)).toHaveLength(16);
  const vendor = { host: ALL, path: '/p/vendor' };
  expect(withPackageCaches([vendor])).toEqual([vendor]);
});
