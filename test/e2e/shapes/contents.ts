/** Kinds of content: what is in files, how git translates it, links and permissions. */
import { execFileSync } from 'node:child_process';

import fs from 'node:fs';
import path from 'node:path';
import { lfs } from './lfs.ts';
import { commit, type Place, repository, type Shape, USUAL_CHANGE } from './shape.ts';

const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');

/** Throws where the bytes of a file are others. */
function is(at: Place, name: string, wanted: string | Buffer): void {
  const found = at.read(name);
  if (!found.equals(Buffer.from(wanted)))
    throw new Error(`${name} is ${JSON.stringify(found.toString('latin1').slice(0, 200))}`);
}

/** Checks the work tree out anew, in the user's own form. */
function checkedOut(at: Place): void {
  fs.rmSync(path.join(at.dir, '.git/index'));
  at.git('reset', '-q', '--hard');
}

const everyByte = Buffer.from(Array.from({ length: 1_024 }, (_, n) => n % 256));

const link = (at: Place, target: string, name: string) => fs.symlinkSync(target, path.join(at.dir, name));

export const contents: Shape[] = [
  ...lfs,
  {
    name: 'line ends by core.autocrlf',
    make(at) {
      repository(at);
      at.git('config', 'core.autocrlf', 'true');
      at.write('mixed.txt', 'dos\r\nunix\n');
      at.write('dos.txt', 'one\r\ntwo\r\n');
      commit(at, 'second');
      checkedOut(at);
      is(at, 'dos.txt', 'one\r\ntwo\r\n');
    },
    change: `${USUAL_CHANGE} && printf 'three\\n' >> dos.txt`,
    changes: ['dos.txt', 'edit.txt', 'gone.txt', 'new/added file.txt'],
    applied(at) {
      is(at, 'dos.txt', 'one\r\ntwo\r\nthree\r\n');
      is(at, 'new/added file.txt', 'added\r\n');
    },
  },
  {
    name: 'line ends that git did not make: CRLF in the repository',
    make(at) {
      repository(at);
      at.write('dos.txt', 'one\r\ntwo\r\n');
      commit(at, 'second');
      at.git('config', 'core.autocrlf', 'input');
    },
    change: `${USUAL_CHANGE} && printf 'three\\r\\n' >> dos.txt`,
    changes: ['dos.txt', 'edit.txt', 'gone.txt', 'new/added file.txt'],
    applied: (at) => is(at, 'dos.txt', 'one\r\ntwo\r\nthree\r\n'),
  },
  {
    name: 'attributes: eol, encoding, ident, and a filter of the user',
    make(at) {
      repository(at);
      at.git('config', 'filter.turn.clean', 'tr a-mn-z n-za-m');
      at.git('config', 'filter.turn.smudge', 'tr n-za-m a-mn-z');
      at.git('config', 'filter.turn.required', 'true');
      at.write(
        '.gitattributes',
        '*.bat text eol=crlf\n*.utf16 text working-tree-encoding=UTF-16LE-BOM\n*.id ident\n*.turned filter=turn\n',
      );
      at.write('run.bat', 'one\r\n');
      at.write('text.utf16', utf16('grün\n'));
      at.write('version.id', '$Id$\n');
      at.write('a.turned', 'hello\n');
      at.write('b.turned', 'not touched\n');
      commit(at, 'second');
      checkedOut(at);
    },
    says: 'hello',
    change: [
      USUAL_CHANGE,
      'cat a.turned',
      "printf 'two\\n' >> run.bat",
      "printf 'b\\000l\\000a\\000u\\000\\n\\000' >> text.utf16",
      "printf 'more\\n' >> version.id",
      'echo more >> a.turned',
      'echo another > c.turned',
    ].join(' && '),
    changes: [
      'a.turned',
      'c.turned',
      'edit.txt',
      'gone.txt',
      'new/added file.txt',
      'run.bat',
      'text.utf16',
      'version.id',
    ],
    applied(at) {
      is(at, 'run.bat', 'one\r\ntwo\r\n');
      is(at, 'text.utf16', utf16('grün\nblau\n'));
      is(at, 'a.turned', 'hello\nmore\n');
      is(at, 'b.turned', 'not touched\n');
      is(at, 'c.turned', 'another\n');
      if (!/^\$Id: [0-9a-f]{40} \$\nmore\n$/.test(at.read('version.id').toString())) throw new Error('ident');
    },
  },
  {
    name: 'a filter that needs its files in the tree, and whose smudge is not the reverse of its clean',
    make(at) {
      repository(at);
      at.git('config', 'filter.strip.clean', "grep -v '^output:' || true");
      at.git('config', 'filter.strip.smudge', 'cat');
      at.write('.gitattributes', '*.nb filter=strip\n');
      at.write('a.nb', 'input: 1\noutput: 1\n');
      at.write('b.nb', 'input: 1\noutput: 1\n');
      commit(at, 'second');
    },
    change: 'cat a.nb; echo "input: 2" >> a.nb',
    says: 'output: 1',
    changes: ['a.nb'],
    applied: (at) => is(at, 'b.nb', 'input: 1\noutput: 1\n'),
  },
  {
    name: 'the agent changes the attributes',
    make(at) {
      repository(at);
      at.write('a.txt', 'one\ntwo\n');
      commit(at, 'second');
    },
    change: "echo '*.txt text eol=crlf' > .gitattributes; printf 'three\\n' >> a.txt",
    changes: ['.gitattributes', 'a.txt'],
    applied: (at) => is(at, 'a.txt', 'one\r\ntwo\r\nthree\r\n'),
  },
  {
    name: 'symbolic links of every kind',
    make(at) {
      repository(at);
      fs.writeFileSync(path.join(at.beside, 'outside.txt'), 'outside\n');
      link(at, 'kept/file.txt', 'inside');
      link(at, path.join(at.dir, 'edit.txt'), 'absolute');
      link(at, 'nowhere', 'dangling');
      link(at, 'kept', 'to a directory');
      link(at, '../outside.txt', 'to the outside');
      link(at, 'loop', 'loop');
      at.write('was a file', 'file\n');
      commit(at, 'second');
      link(at, 'kept', 'untracked link');
    },
    change: [
      'cat inside',
      'rm inside && echo file > inside',
      "rm 'was a file' && ln -s kept/file.txt 'was a file'",
      'ln -sfn edit.txt dangling',
      "rm 'to a directory' && mkdir 'to a directory' && echo x > 'to a directory/x'",
      'ln -s kept added',
      'rm loop',
    ].join(' && '),
    says: 'kept',
    changes: ['added', 'dangling', 'inside', 'loop', 'to a directory', 'to a directory/x', 'was a file'],
    applied(at) {
      if (fs.readFileSync(path.join(at.beside, 'outside.txt'), 'utf8') !== 'outside\n') throw new Error('outside');
      if (fs.readlinkSync(path.join(at.dir, 'to the outside')) !== '../outside.txt') throw new Error('link');
    },
  },
  {
    name: 'a file that becomes a link in the tree, and is edited through it',
    make(at) {
      repository(at);
      at.write('real/file.txt', 'real\n');
      link(at, 'real', 'alias');
      commit(at, 'second');
    },
    change: 'echo more >> alias/file.txt',
    changes: ['real/file.txt'],
  },
  {
    name: 'a directory that the user made a link meanwhile',
    make: (at) => repository(at),
    meanwhile(at) {
      fs.renameSync(path.join(at.dir, 'kept'), path.join(at.beside, 'moved'));
      link(at, '../moved', 'kept');
    },
    change: 'echo more >> kept/file.txt',
    conflict: /kept/,
  },
  {
    name: 'a link that leads out of the project is never applied',
    make: (at) => repository(at),
    change: 'ln -s ../../outside leak; echo more >> edit.txt',
    conflict: /leak/,
  },
  {
    name: 'changes of permissions',
    make(at) {
      repository(at);
      at.write('run.sh', '#!/bin/sh\n', 0o755);
      at.write('plain.sh', '#!/bin/sh\n', 0o640);
      at.write('closed.txt', 'closed\n', 0o400);
      commit(at, 'second');
    },
    change: 'chmod -x run.sh && chmod +x plain.sh && chmod u+w closed.txt && echo more >> closed.txt',
    changes: ['closed.txt', 'plain.sh', 'run.sh'],
    applied(at) {
      const mode = (name: string) => (fs.statSync(path.join(at.dir, name)).mode & 0o777).toString(8);
      if (mode('run.sh') !== '644' || mode('plain.sh') !== '750' || mode('closed.txt') !== '400')
        throw new Error([mode('run.sh'), mode('plain.sh'), mode('closed.txt')].join());
    },
  },
  {
    name: 'permissions where core.fileMode is off',
    make(at) {
      repository(at);
      at.git('config', 'core.fileMode', 'false');
      at.write('run.sh', '#!/bin/sh\n', 0o755);
      at.write('loose.txt', 'loose\n');
      commit(at, 'second');
      fs.chmodSync(path.join(at.dir, 'loose.txt'), 0o777);
    },
    change: 'echo more >> run.sh; echo more >> loose.txt',
    changes: ['loose.txt', 'run.sh'],
  },
  {
    name: 'binary files, empty files, files without an end of line',
    make(at) {
      repository(at);
      at.write('all.bin', everyByte);
      at.write('gone.bin', everyByte);
      at.write('empty', '');
      at.write('no-end', 'no end');
      commit(at, 'second');
    },
    change: "printf '\\000\\377' >> all.bin; rm gone.bin; printf x > empty; printf 'no other end' > no-end; : > empty2",
    changes: ['all.bin', 'empty', 'empty2', 'gone.bin', 'no-end'],
    applied: (at) => is(at, 'all.bin', Buffer.concat([everyByte, Buffer.from([0, 255])])),
  },
  {
    name: 'a binary file that both changed',
    make(at) {
      repository(at);
      at.write('all.bin', everyByte);
      commit(at, 'second');
    },
    change: "printf '\\000\\377' >> all.bin",
    meanwhile: (at) => at.write('all.bin', everyByte.subarray(1)),
    conflict: /all\.bin/,
  },
  {
    name: 'a tracked file of 300 MB',
    make(at) {
      repository(at);
      at.write('large.bin', Buffer.alloc(300_000_000, everyByte));
      at.git('config', 'core.compression', '0');
      commit(at, 'second');
    },
    change: `${USUAL_CHANGE} && printf end >> large.bin`,
    changes: ['edit.txt', 'gone.txt', 'large.bin', 'new/added file.txt'],
  },
  {
    name: 'an untracked file over workspace.maxFileMb, and the agent makes one of the same name',
    make(at) {
      repository(at);
      at.write('data/large.bin', Buffer.alloc(60_000_000, 1));
    },
    change: 'test ! -e data/large.bin && mkdir -p data && echo small > data/large.bin',
    receipt(receipt) {
      if (!receipt.base?.omitted.includes('data/large.bin')) throw new Error('what was left out is not told');
    },
    conflict: /data\/large\.bin/,
  },
  {
    name: 'an untracked file over workspace.maxFileMb stays',
    make(at) {
      repository(at);
      at.write('data/large.bin', Buffer.alloc(60_000_000, 1));
    },
    receipt(receipt) {
      if (!receipt.base?.omitted.includes('data/large.bin')) throw new Error('what was left out is not told');
    },
    applied(at) {
      if (fs.statSync(path.join(at.dir, 'data/large.bin')).size !== 60_000_000) throw new Error('it was touched');
    },
  },
  {
    name: 'a fifo, a hard link and a file of no permissions',
    make(at) {
      repository(at);
      execFileSync('mkfifo', [path.join(at.dir, 'pipe')]);
      fs.linkSync(path.join(at.dir, 'kept/file.txt'), path.join(at.dir, 'hard.txt'));
      at.git('add', '-A');
      at.git('commit', '-qm', 'second');
    },
  },
  {
    name: 'a merge driver and a union merge of the user',
    make(at) {
      repository(at);
      at.write('.gitattributes', 'log.txt merge=union\n');
      at.write('log.txt', 'first\n');
      commit(at, 'second');
    },
    change: 'echo agent >> log.txt',
    meanwhile: (at) => at.write('log.txt', 'first\nuser\n'),
    changes: ['log.txt'],
    applied(at) {
      const lines = at.read('log.txt').toString().trim().split('\n').sort().join();
      if (lines !== 'agent,first,user') throw new Error(lines);
    },
  },
];
