/** Names of files. The keys of a row are bytes as latin1 text. */
import fs from 'node:fs';
import { commit, repository, type Shape } from './shape.ts';

const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

/** As `printf` writes them, so that any byte fits into the script. */
const octal = (name: string) =>
  [...Buffer.from(name, 'latin1')].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

/** Appends to the first, removes the second, makes the third; the names are latin1. */
const acting = (edited: string, removed: string, added: string) =>
  [
    `edit() { printf 'more\\n' >> "$1"; }`,
    ...[
      ['edit', edited],
      ['rm --', removed],
      ['edit', added],
    ].map(([act, name]) => `x="$(printf '${octal(`./${name}`)}.')"; ${act} "\${x%.}"`),
  ].join('\n');

/** A row that edits, removes and adds a file of such a name. */
function named(name: string, spell: (what: string) => string): Shape {
  const [edited, removed, added] = ['e', 'r', 'a'].map(spell) as [string, string, string];
  return {
    name,
    make(at) {
      repository(at);
      for (const one of [edited, removed]) at.write(one, 'text\n');
      commit(at, 'second');
      at.write(spell('u'), 'untracked\n');
    },
    change: acting(edited, removed, added),
    changes: [edited, removed, added],
  };
}

const deep = Array.from({ length: 40 }, (_, n) => `directory number ${n} ${'d'.repeat(40)}`).join('/');

export const names: Shape[] = [
  named('names with spaces', (what) => `a ${what} `),
  named('names with newlines and tabs', (what) => `a\n\t${what}\n`),
  named('names with quotes and backslashes', (what) => `"${what}' \\n \`$(x)\`;*?[a]`),
  named('names with leading dashes', (what) => `--${what}`),
  ...[':(glob)**', ':!x', ':/'].map((magic): Shape => {
    // A new name with a colon is a stream on Windows, and never applied; those that are there already are the user's own.
    const shape = named(`names that are pathspec magic, ${magic}`, (what) => `${magic}${what}`);
    const [edited, removed] = [`${magic}e`, `${magic}r`];
    return { ...shape, change: acting(edited, removed, 'a'), changes: [edited, removed, 'a'] };
  }),
  { ...named('a new name with a colon', (what) => `x:${what}`), changes: [], conflict: /never applied: x:a/ },
  named('names with control characters and escapes', (what) => `\x1b[31m${what}\x07\x7f`),
  {
    name: 'names that are no UTF-8 stay as they are',
    make(at) {
      repository(at);
      for (const name of ['\xff\xfe', 'e\xc3/\xe9']) at.write(name, 'text\n');
      commit(at, 'second');
      at.write('untracked\xff', 'untracked\n');
    },
  },
  {
    ...named('changes of names that are no UTF-8', (what) => `\xff\xfe${what}\xc3`),
    conflict: /never applied/,
  },
  named('names of 255 bytes', (what) => what.repeat(255)),
  named('paths of 2,500 bytes', (what) => `${deep}/${what}`),
  named('names of emoji and other scripts', (what) => latin1(`📦 ${what} ⟨日本語⟩ עברית`)),
  named('names that end in a dot or a space, or are devices elsewhere', (what) => `aux.${what}. `),
  named('names in upper case of special files', (what) => `.GITIGNORE.${what}`),
  {
    name: 'the same name in NFC and NFD',
    make(at) {
      repository(at);
      at.write(latin1('\u00e9.txt'), 'composed\n');
      at.write(latin1('e\u0301.txt'), 'decomposed\n');
      commit(at, 'second');
      at.git('config', 'core.precomposeUnicode', 'true');
    },
    change: acting(latin1('\u00e9.txt'), latin1('e\u0301.txt'), latin1('u\u0308.txt')),
    changes: [latin1('\u00e9.txt'), latin1('e\u0301.txt'), latin1('u\u0308.txt')],
  },
  {
    name: 'renames of case only',
    make(at) {
      repository(at);
      at.write('Read.TXT', 'read\n');
      at.write('Dir/one.txt', 'one\n');
      commit(at, 'second');
    },
    change: 'mv Read.TXT read.txt && mv Dir dir',
    changes: ['Dir/one.txt', 'Read.TXT', 'dir/one.txt', 'read.txt'],
  },
  {
    name: 'renames of case only, where git was told that case does not count',
    make(at) {
      repository(at);
      at.write('Read.TXT', 'read\n');
      at.write('Dir/one.txt', 'one\n');
      commit(at, 'second');
      at.git('config', 'core.ignoreCase', 'true');
    },
    change: 'mv Read.TXT read.txt && mv Dir dir',
    changes: ['Dir/one.txt', 'Read.TXT', 'dir/one.txt', 'read.txt'],
  },
  {
    name: 'names that differ in case only',
    make(at) {
      repository(at);
      at.write('name', 'lower\n');
      at.write('NAME', 'upper\n');
      commit(at, 'second');
    },
    change: 'echo more >> name; rm NAME; echo > Name',
    changes: ['NAME', 'Name', 'name'],
  },
  {
    name: 'a file becomes a directory and a directory a file',
    make(at) {
      repository(at);
      at.write('file', 'file\n');
      at.write('dir/a/one', 'one\n');
      at.write('dir/two', 'two\n');
      commit(at, 'second');
    },
    change: 'rm file && mkdir -p file/deep && echo > file/deep/one; rm -r dir && echo > dir',
    changes: ['dir', 'dir/a/one', 'dir/two', 'file', 'file/deep/one'],
  },
  {
    name: 'empty directories stay, in a removed directory too',
    make(at) {
      repository(at);
      at.write('dir/one', 'one\n');
      commit(at, 'second');
      for (const dir of ['empty/inner', 'dir/empty']) fs.mkdirSync(`${at.dir}/${dir}`, { recursive: true });
      fs.chmodSync(`${at.dir}/empty/inner`, 0o700);
    },
    change: 'rm -r dir; mkdir -p nothing/in/it',
    changes: ['dir/one'],
    applied(at) {
      if (!at.exists('dir/empty') || !at.exists('empty/inner')) throw new Error('an empty directory is gone');
    },
  },
];
