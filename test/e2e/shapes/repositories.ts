/** Kinds of repository. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Receipt } from '../../../src/protocol/receipt.ts';
import { commit, files, type Place, repository, type Shape } from './shape.ts';

const ROOT = process.getuid?.() === 0;

/** A repository beside the project, to clone from. */
function source(at: Place): string {
  const from = path.join(at.beside, 'a source');
  const git = (...args: string[]) => execFileSync('git', ['-C', from, ...args], { stdio: 'ignore' });
  execFileSync('git', ['init', '-q', '-b', 'main', from]);
  git('config', 'user.name', 'User');
  git('config', 'user.email', 'user@example.invalid');
  git('config', 'uploadpack.allowFilter', 'true');
  for (const n of [1, 2]) {
    fs.writeFileSync(path.join(from, 'edit.txt'), `one ${n}\ntwo\nthree\n`);
    fs.writeFileSync(path.join(from, 'gone.txt'), 'to be removed\n');
    git('add', '-A');
    git('commit', '-q', '-m', `commit ${n}`);
  }
  return from;
}

function clone(at: Place, ...flags: string[]): void {
  fs.mkdirSync(at.dir);
  at.git('-c', 'protocol.file.allow=always', 'clone', '-q', ...flags, `file://${source(at)}`, '.');
}

/** What the agent's command printed. */
function mustSay({ result }: Receipt, wanted: RegExp): void {
  if (!wanted.test(result ?? '')) throw new Error(`the command printed ${JSON.stringify(result)}`);
}

export const repositories: Shape[] = [
  {
    name: 'staged, unstaged, untracked and ignored work',
    make(at) {
      repository(at);
      at.write('.gitignore', 'ignored/\n');
      at.write('staged.txt', 'first\n');
      commit(at, 'second');
      at.write('staged.txt', 'staged\n');
      at.git('add', 'staged.txt');
      at.write('staged.txt', 'staged and edited\n');
      at.write('edit.txt', 'zero\none\n');
      at.write('untracked.txt', 'untracked\n');
      at.write('ignored/cache', 'cache\n');
      at.write('.env', 'SECRET=1\n');
    },
    receipt: (receipt, at) => {
      if (receipt.base?.dirty !== true || !receipt.base.omitted.includes('.env'))
        throw new Error('.env is not told of');
      if (!at.exists('.env')) throw new Error('.env is gone');
    },
  },
  {
    name: 'not a git repository',
    make(at) {
      fs.mkdirSync(at.dir);
      files(at);
      at.write('node_modules/heavy.js', 'heavy\n');
    },
    applied(at) {
      if (at.exists('.git')) throw new Error('the directory got a .git');
    },
  },
  {
    name: 'no commit yet, all files untracked',
    make(at) {
      fs.mkdirSync(at.dir);
      at.git('init', '-q', '-b', 'main');
      files(at);
    },
  },
  {
    name: 'no commit yet, some files staged',
    make(at) {
      fs.mkdirSync(at.dir);
      at.git('init', '-q', '-b', 'main');
      files(at);
      at.git('add', 'edit.txt');
    },
  },
  {
    name: 'no commit and no file',
    make(at) {
      fs.mkdirSync(at.dir);
      at.git('init', '-q', '-b', 'main');
    },
    change: 'echo hello > first.txt',
    changes: ['first.txt'],
  },
  {
    name: 'a linked worktree',
    make(at) {
      execFileSync('git', ['-C', source(at), 'worktree', 'add', '-q', '-b', 'other', at.dir], { stdio: 'ignore' });
    },
    also: (at) => [path.join(at.beside, 'a source', '.git')],
  },
  {
    name: 'a detached HEAD',
    make(at) {
      repository(at);
      at.git('checkout', '-q', '--detach');
    },
  },
  { name: 'a shallow clone', make: (at) => clone(at, '--depth=1') },
  { name: 'a partial clone', make: (at) => clone(at, '--filter=blob:none') },
  { name: 'a single-branch clone with borrowed objects', make: (at) => clone(at, '--shared', '--single-branch') },
  {
    name: 'a sparse checkout',
    make(at) {
      repository(at);
      at.write('far/away.txt', 'not checked out\n');
      commit(at, 'second');
      at.git('sparse-checkout', 'set', 'kept', 'new');
    },
  },
  {
    name: 'a sparse checkout, and a change outside of it',
    make(at) {
      repository(at);
      at.write('far/away.txt', 'not checked out\n');
      commit(at, 'second');
      at.git('sparse-checkout', 'set', 'kept');
    },
    change: 'mkdir far; echo new > far/new.txt',
    conflict: /outside of your sparse checkout: `git sparse-checkout add far`/,
  },
  {
    name: 'a submodule',
    make(at) {
      repository(at);
      at.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', source(at), 'sub module');
      commit(at, 'second');
    },
    // It is there to build with, git works around it and in it, and nothing can be written to it.
    change:
      'cat "sub module/gone.txt"; git status --short --branch; git -C "sub module" log --oneline -1; touch "sub module/x"; ' +
      'echo edited > edit.txt; git commit -qam mine; git status --short',
    receipt: (receipt) => mustSay(receipt, /to be removed.*## HEAD.*commit 2.*Read-only file system/s),
    changes: ['edit.txt'],
  },
  {
    name: 'a repository inside',
    make(at) {
      repository(at);
      execFileSync('git', ['clone', '-q', source(at), path.join(at.dir, 'third party/inner')]);
    },
    receipt: (receipt) => {
      if (!receipt.base?.omitted.includes('third party/inner/')) throw new Error('the repository is not told of');
      mustSay(receipt, /to be removed.*Read-only file system/s);
    },
    change:
      'cat "third party/inner/gone.txt"; git -C "third party/inner" status --short; touch "third party/inner/x"; echo edited > edit.txt',
    changes: ['edit.txt'],
  },
  {
    name: 'a bare repository',
    make(at) {
      fs.mkdirSync(at.dir);
      at.git('init', '-q', '--bare');
    },
    refused: 'bare',
  },
  {
    name: 'a project in a sub-directory',
    make(at) {
      repository(at);
      at.write('packages/one/edit.txt', 'one\n');
      at.write('packages/one/gone.txt', 'gone\n');
      commit(at, 'second');
    },
    cwd: 'packages/one',
    changes: ['packages/one/edit.txt', 'packages/one/gone.txt', 'packages/one/new/added file.txt'],
  },
  {
    name: 'hooks, fsmonitor and a pager of the user, none of which may run',
    make(at) {
      repository(at);
      const mark = path.join(at.beside, 'a hook ran');
      const script = path.join(at.beside, 'hook');
      fs.writeFileSync(script, `#!/bin/sh\ntouch '${mark}'\nexit 1\n`, { mode: 0o755 });
      const sample = path.join(at.dir, '.git/hooks');
      fs.mkdirSync(sample, { recursive: true });
      for (const hook of [
        'applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg commit-msg',
        'post-commit pre-rebase post-checkout post-merge pre-push reference-transaction post-rewrite post-index-change',
        'fsmonitor-watchman p4-changelist pre-auto-gc sendemail-validate',
      ].flatMap((line) => line.split(' ')))
        fs.copyFileSync(script, path.join(sample, hook));
      at.git('config', 'core.fsmonitor', `'${script}'`);
      at.git('config', 'core.pager', `'${script}'`);
      at.git('config', 'credential.helper', `!'${script}'`);
      at.git('config', 'gpg.program', script);
      at.git('config', 'commit.gpgSign', 'true');
      at.git('config', 'diff.external', `'${script}'`);
    },
    applied(at) {
      if (fs.existsSync(path.join(at.beside, 'a hook ran'))) throw new Error('a program of the user ran');
    },
  },
  {
    name: 'configuration that changes what git prints and writes',
    make(at) {
      repository(at);
      for (const [key, value] of [
        ['color.ui', 'always'],
        ['core.quotePath', 'false'],
        ['core.abbrev', '4'],
        ['core.commentChar', 'e'],
        ['diff.noprefix', 'true'],
        ['diff.renames', 'copies'],
        ['diff.algorithm', 'patience'],
        ['diff.ignoreSubmodules', 'all'],
        ['merge.conflictStyle', 'zdiff3'],
        ['merge.renames', 'false'],
        ['status.showUntrackedFiles', 'no'],
        ['add.ignoreErrors', 'true'],
        ['index.version', '4'],
        ['feature.manyFiles', 'true'],
        ['i18n.commitEncoding', 'latin1'],
        ['core.compression', '9'],
        ['core.logAllRefUpdates', 'always'],
        ['core.sharedRepository', 'group'],
        ['core.preloadIndex', 'false'],
        ['core.checkStat', 'minimal'],
        ['core.trustctime', 'false'],
        ['core.ignoreStat', 'false'],
        ['alias.add', '!false'],
        ['transfer.fsckObjects', 'true'],
        ['user.useConfigOnly', 'true'],
      ])
        at.git('config', key as string, value as string);
    },
  },
  { name: 'sha256 objects', make: (at) => repository(at, '--object-format=sha256') },
  {
    name: 'a split index and an untracked cache',
    make(at) {
      repository(at);
      at.git('update-index', '--split-index', '--untracked-cache');
      at.write('untracked.txt', 'untracked\n');
    },
  },
  {
    name: 'an index that another git has locked',
    make(at) {
      repository(at);
      fs.writeFileSync(path.join(at.dir, '.git/index.lock'), '');
    },
  },
  {
    name: 'a git directory elsewhere, named by a .git file',
    make(at) {
      repository(at, `--separate-git-dir=${path.join(at.beside, 'the data.git')}`);
    },
    also: (at) => [path.join(at.beside, 'the data.git')],
  },
  {
    name: 'packed objects and refs',
    make(at) {
      repository(at);
      at.git('gc', '-q');
      at.git('pack-refs', '--all');
    },
  },
  ...(ROOT
    ? [
        {
          name: 'a repository of another user',
          make(at: Place) {
            repository(at);
            execFileSync('chown', ['-R', '65534:65534', at.dir]);
          },
          refused: 'foreign',
        },
        {
          name: 'a read-only git directory, which root may write',
          make(at: Place) {
            repository(at);
            execFileSync('chmod', ['-R', 'a-w', path.join(at.dir, '.git')]);
          },
        },
      ]
    : [
        {
          name: 'a read-only git directory',
          make(at: Place) {
            repository(at);
            execFileSync('chmod', ['-R', 'a-w', path.join(at.dir, '.git')]);
          },
          refused: 'git-read-only',
        },
        {
          name: 'a directory that may not be written',
          make(at: Place) {
            repository(at);
            at.write('closed/edit.txt', 'one\n');
            commit(at, 'second');
            fs.chmodSync(path.join(at.dir, 'closed'), 0o555);
          },
          change: 'chmod u+w closed; echo two > closed/edit.txt; echo three > other.txt',
          conflict: /EACCES/,
        },
      ]),
  {
    name: '10,000 files',
    make(at) {
      repository(at);
      for (let n = 0; n < 10_000; n += 1) at.write(`many/${n % 100}/file ${n}.txt`, `${n}\n`);
      commit(at, 'many');
    },
    change: 'for n in 0 1 2 3; do echo edited > "many/$n/file $n.txt"; done; rm -r many/99; echo new > many/new.txt',
    changes: [
      'many/new.txt',
      ...[0, 1, 2, 3].map((n) => `many/${n}/file ${n}.txt`),
      ...Array.from({ length: 100 }, (_, n) => `many/99/file ${n * 100 + 99}.txt`),
    ],
  },
];
