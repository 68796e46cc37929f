import { expect, it } from 'vitest';
import { dispatchIn } from './dispatch.ts';
import { smallRepository } from './user-repository.ts';

it('four dispatches of one repository at once, while its user commits', async () => {
  const repository = smallRepository();
  repository.write('src/b.ts', 'uncommitted\n');
  const one = async (n: number) => {
    const dispatch = await dispatchIn(repository, `ID${n}`);
    dispatch.copy.write(`by-${n}.txt`, `${n}\n`);
    dispatch.copy.write('src/a.ts', `by ${n}\n`);
    dispatch.copy.git('add', '-A');
    dispatch.copy.git('commit', '-qm', `agent ${n}`);
    return dispatch.harvest();
  };
  const commits = async () => {
    for (let n = 0; n < 20; n++) {
      repository.git('commit', '-q', '--allow-empty', '-m', `user ${n}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const [, ...found] = await Promise.all([commits(), one(1), one(2), one(3), one(4)]);
  for (const [at, work] of found.entries()) {
    const n = at + 1;
    expect(work).toMatchObject({ files: 2, commits: [`refs/pancode/ID${n}/commits/1`] });
    expect(repository.git('show', `refs/pancode/ID${n}/result:src/a.ts`)).toBe(`by ${n}`);
    expect(repository.git('show', `refs/pancode/ID${n}/result:src/b.ts`)).toBe('uncommitted');
    const names = repository.git('ls-tree', '--name-only', `refs/pancode/ID${n}/result`).split('\n');
    expect(names.filter((name) => name.startsWith('by-'))).toEqual([`by-${n}.txt`]);
  }
  expect(repository.git('rev-list', '--count', 'HEAD')).toBe('21');
  expect(repository.git('status', '--porcelain')).toBe(' M src/b.ts');
  expect(repository.git('fsck', '--strict')).toBe('');
});
