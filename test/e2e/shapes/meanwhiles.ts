/** What the user does between the dispatch and the apply, and states of the index. */
import fs from 'node:fs';
import path from 'node:path';
import { commit, type Place, repository, type Shape, USUAL_CHANGES } from './shape.ts';

const has = (at: Place, name: string, ...texts: string[]) => {
  const found = at.read(name).toString('utf8');
  for (const text of texts) if (!found.includes(text)) throw new Error(`${name} lacks "${text}": ${found}`);
};

export const meanwhiles: Shape[] = [
  {
    name: 'HEAD has moved on',
    make: (at) => repository(at),
    meanwhile(at) {
      at.write('kept/file.txt', 'committed by the user\n');
      commit(at, 'second');
    },
    applied: (at) => has(at, 'kept/file.txt', 'committed by the user'),
  },
  {
    name: 'another branch is checked out',
    make(at) {
      repository(at);
      at.git('checkout', '-q', '-b', 'other');
      at.write('only-here.txt', 'other\n');
      commit(at, 'other');
      at.git('checkout', '-q', 'main');
    },
    meanwhile: (at) => void at.git('checkout', '-q', 'other'),
  },
  {
    name: 'the user committed what the agent did too',
    make: (at) => repository(at),
    meanwhile(at) {
      fs.rmSync(path.join(at.dir, 'gone.txt'));
      commit(at, 'second');
    },
    changes: ['edit.txt', 'new/added file.txt'],
  },
  {
    name: 'the same file was edited elsewhere in it',
    make: (at) => repository(at),
    meanwhile: (at) => at.write('edit.txt', 'by the user\none\ntwo\nthree\nfour\nfive\nsix\nseven\n'),
    applied: (at) => has(at, 'edit.txt', 'by the user\n', 'by the agent\n'),
  },
  {
    name: 'the same file was edited in the same place',
    make: (at) => repository(at),
    meanwhile: (at) => at.write('edit.txt', 'one\ntwo\nthree\nfour\nfive\nsix\nseven\nby the user\n'),
    conflict: /edit\.txt/,
  },
  {
    name: 'the file to be removed was edited',
    make: (at) => repository(at),
    meanwhile: (at) => at.write('gone.txt', 'still needed\n'),
    conflict: /gone\.txt/,
  },
  {
    name: 'another file was edited, one was added, one removed, one renamed',
    make(at) {
      repository(at);
      at.write('third.txt', 'third\n');
      at.write('fourth.txt', 'fourth\n');
      commit(at, 'second');
    },
    meanwhile(at) {
      at.write('kept/file.txt', 'by the user\n');
      at.write('mine.txt', 'mine\n');
      fs.rmSync(path.join(at.dir, 'third.txt'));
      at.git('mv', 'fourth.txt', 'fifth.txt');
    },
    applied: (at) => has(at, 'kept/file.txt', 'by the user'),
  },
  {
    name: 'a file of the user is where the agent added one',
    make: (at) => repository(at),
    meanwhile: (at) => at.write('new/added file.txt', 'mine\n'),
    conflict: /new\/added file\.txt/,
  },
  {
    name: 'an ignored file is where the agent added one',
    make(at) {
      repository(at);
      at.write('.gitignore', '*.local\n');
      commit(at, 'second');
      at.write('settings.local', 'mine\n');
    },
    change: "printf '' > .gitignore; echo theirs > settings.local",
    conflict: /settings\.local/,
  },
  {
    name: 'a tracked file that is ignored',
    make(at) {
      repository(at);
      at.write('build/out.txt', 'out\n');
      commit(at, 'second');
      at.write('.gitignore', 'build/\n');
      commit(at, 'third');
    },
    change: 'echo more >> build/out.txt',
    changes: ['build/out.txt'],
  },
  {
    name: 'staged and intent-to-add entries',
    make(at) {
      repository(at);
      at.write('kept/file.txt', 'staged\n');
      at.git('add', 'kept/file.txt');
      at.git('rm', '-q', '--cached', 'gone.txt');
      at.write('intended.txt', 'intended\n');
      at.write('intended and gone.txt', 'x\n');
      at.git('add', '-N', 'intended.txt', 'intended and gone.txt');
      fs.rmSync(path.join(at.dir, 'intended and gone.txt'));
    },
    change: 'echo more >> edit.txt; echo more >> intended.txt; rm gone.txt',
    changes: ['edit.txt', 'gone.txt', 'intended.txt'],
    applied: (at) => has(at, 'intended.txt', 'intended\nmore\n'),
  },
  {
    name: 'entries were staged and marked intent-to-add meanwhile',
    make: (at) => repository(at),
    meanwhile(at) {
      at.write('mine.txt', 'mine\n');
      at.write('kept/file.txt', 'staged\n');
      at.git('add', 'kept/file.txt');
      at.git('add', '-N', 'mine.txt');
    },
  },
  {
    name: 'unmerged files',
    make(at) {
      repository(at);
      conflicting(at);
      merge(at);
    },
    refused: 'unmerged',
  },
  {
    name: 'a merge that is not committed yet',
    make(at) {
      repository(at);
      conflicting(at);
      merge(at);
      at.write('kept/file.txt', 'both\n');
      at.git('add', 'kept/file.txt');
    },
  },
  {
    name: 'a rebase in progress',
    make(at) {
      repository(at);
      conflicting(at);
      quietly(() => at.git('rebase', 'other'));
      at.write('kept/file.txt', 'both\n');
      at.git('add', 'kept/file.txt');
    },
  },
  {
    name: 'a merge began meanwhile',
    make(at) {
      repository(at);
      conflicting(at);
    },
    meanwhile: merge,
    conflict: /unmerged/,
  },
  {
    name: 'files that git was told to overlook',
    make(at) {
      repository(at);
      at.git('update-index', '--assume-unchanged', 'kept/file.txt');
      at.write('kept/file.txt', 'a local setting\n');
    },
    receipt(receipt) {
      if (!receipt.base?.omitted.includes('kept/file.txt')) throw new Error('the overlooked edit is not told of');
    },
    applied: (at) => has(at, 'kept/file.txt', 'a local setting'),
  },
  {
    name: 'a file that git was told to overlook is what the agent edited',
    make(at) {
      repository(at);
      at.git('update-index', '--skip-worktree', 'edit.txt');
      at.write('edit.txt', 'a local setting\n');
    },
    conflict: /edit\.txt/,
  },
  {
    name: 'the user moved the file the agent edited',
    make: (at) => repository(at),
    meanwhile(at) {
      at.git('mv', 'edit.txt', 'moved.txt');
    },
    changes: [...USUAL_CHANGES.filter((name) => name !== 'edit.txt'), 'moved.txt'],
    applied: (at) => has(at, 'moved.txt', 'by the agent'),
  },
];

/** The branches main and other change one file in two ways. */
function conflicting(at: Place): void {
  at.git('checkout', '-q', '-b', 'other');
  at.write('kept/file.txt', 'other\n');
  commit(at, 'other');
  at.git('checkout', '-q', 'main');
  at.write('kept/file.txt', 'main\n');
  commit(at, 'main');
}

function merge(at: Place): void {
  quietly(() => at.git('merge', 'other'));
}

/** git ends with 1 where it leaves a conflict, which is what is wanted. */
function quietly(act: () => void): void {
  try {
    act();
  } catch (error) {
    if ((error as { status?: number }).status !== 1) throw error;
  }
}
