/** What a checkout takes, as the index of a real repository says it, and the refusal before a disk is full. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexSize } from '../../../src/core/index-size.ts';
import { refuseLowDisk } from '../../../src/drivers/workspace/room.ts';
import { emptyRepository } from './user-repository.ts';

describe.each([
  ['version 2', [], []],
  ['version 3', [], ['--intent-to-add']],
  ['version 4', ['index.version=4'], []],
] as const)('an index of %s', (_, config, flags) => {
  it.each(['sha1', 'sha256'])('%s', (format) => {
    const repository = emptyRepository([`--object-format=${format}`]);
    for (const [name, bytes] of [
      ['a', 3],
      ['dir/a name of some length', 1_000],
      ['dir/a name of some more', 70_000],
      ['z', 0],
    ] as const)
      repository.write(name, 'x'.repeat(bytes));
    repository.git(...config.flatMap((one) => ['-c', one]), 'add', '-A');
    // A name longer than the index can say beside it; no disk holds it.
    const long = `${'n/'.repeat(2_100)}name`;
    repository.git(
      ...config.flatMap((one) => ['-c', one]),
      'update-index',
      '--add',
      '--cacheinfo',
      `100644,${repository.git('rev-parse', ':a')},${long}`,
    );
    if (flags.length > 0) {
      repository.write('later', 'not yet');
      repository.git('add', ...flags, 'later');
    }
    const index = fs.readFileSync(path.join(repository.root, '.git', 'index'));
    // git looks again at files as new as the index, and says 0 for them until then: what it says itself is what is compared.
    const sizes = [...repository.git('ls-files', '--debug').matchAll(/size: (\d+)/g)].map((match) => Number(match[1]));
    expect(index.readUInt32BE(4)).toBe(Number(_.slice(-1)));
    expect(indexSize(index, format === 'sha1' ? 20 : 32)).toEqual({
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      files: sizes.length,
    });
  });
});

it('what is no index, or one that is cut off, is not known', () => {
  const repository = emptyRepository();
  repository.write('a', 'x');
  repository.git('add', '-A');
  const index = fs.readFileSync(path.join(repository.root, '.git', 'index'));
  expect([
    indexSize(Buffer.alloc(0), 20),
    indexSize(Buffer.from('DIRCxxxxxxxxxxxx'), 20),
    indexSize(index.subarray(0, 40), 20),
  ]).toEqual([null, null, null]);
});

it('a dispatch that would fill the disk is refused with the two numbers', async () => {
  const repository = emptyRepository();
  repository.write('a', 'x'.repeat(1_000_000));
  repository.git('add', '-A');
  const project = await repository.project();
  const { bavail, bsize } = fs.statfsSync(repository.root);
  expect(() => refuseLowDisk(project, repository.scratch, 1)).not.toThrow();
  const tooMany = Math.ceil((bavail * bsize) / 1_000_000) + 1_000;
  expect(() => refuseLowDisk(project, repository.scratch, tooMany)).toThrow(
    /has \d+ MB left, and this dispatch needs about \d+ MB/,
  );
});
