/** Git LFS. A stand-in with its protocol of filters, so that every machine has one, and its server is a file that tells it was asked. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { commit, type Place, repository, type Shape, USUAL_CHANGE } from './shape.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const pointerTo = (content: string) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(content)}\nsize ${Buffer.byteLength(content)}\n`;

const asked = (at: Place) => path.join(at.beside, 'the server was asked');

/**
 * As git-lfs 3 does: clean stores the content and prints a pointer, a pointer it leaves as it is; smudge takes the content from the store,
 * asks the server `lfs.url` for what is not there, and leaves alone what is no pointer.
 */
const STAND_IN = (store: string, server: string) => `#!/bin/sh
set -e
body=$(mktemp); trap 'rm -f "$body"' EXIT; cat > "$body"
if head -n 1 "$body" | grep -q '^version https://git-lfs'; then
  oid=$(sed -n 's/^oid sha256://p' "$body")
  if [ "$1" = clean ]; then cat "$body"
  elif [ -e '${store}'/"$oid" ]; then cat '${store}'/"$oid"
  elif [ "$(git config lfs.skipDownloadErrors)$(git config lfs.url)" = truefile:///dev/null ]; then cat "$body"
  else touch '${server}'; exit 2; fi
elif [ "$1" = smudge ]; then cat "$body"
else
  oid=$(sha256sum < "$body" | cut -d ' ' -f 1)
  mkdir -p '${store}' && cp "$body" '${store}'/"$oid"
  printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %s\\n' "$oid" "$(($(wc -c < "$body")))"
fi
`;

/** Two files in LFS; their content is in the store of this machine, and in the tree if `smudged`. */
function lfsRepository(at: Place, smudged: boolean): void {
  repository(at);
  at.write('.gitattributes', '*.bin filter=lfs diff=lfs merge=lfs -text\n');
  const program = path.join(at.beside, 'git-lfs');
  fs.writeFileSync(program, STAND_IN(path.join(at.dir, '.git/lfs'), asked(at)), { mode: 0o755 });
  at.git('config', 'filter.lfs.clean', `'${program}' clean -- %f`);
  at.git('config', 'filter.lfs.smudge', `'${program}' smudge -- %f`);
  at.git('config', 'filter.lfs.required', 'true');
  for (const name of ['a.bin', 'b.bin'])
    at.write(name, smudged ? `content of ${name}\n` : pointerTo(`content of ${name}\n`));
  commit(at, 'second');
  if (at.git('show', 'HEAD:a.bin') !== pointerTo('content of a.bin\n').trim()) throw new Error('no pointer');
}

function notAsked(at: Place): void {
  if (fs.existsSync(asked(at))) throw new Error('the server was asked');
}

function is(at: Place, name: string, wanted: string): void {
  if (at.read(name).toString() !== wanted) throw new Error(`${name} is ${JSON.stringify(at.read(name).toString())}`);
}

export const lfs: Shape[] = [
  {
    name: 'LFS pointers without git-lfs',
    make(at) {
      repository(at);
      at.write('.gitattributes', '*.bin filter=lfs diff=lfs merge=lfs -text\n');
      at.write('a.bin', pointerTo('a'));
      at.write('b.bin', pointerTo('b'));
      commit(at, 'second');
    },
    change: `${USUAL_CHANGE} && cat a.bin && mv b.bin c.bin`,
    says: pointerTo('a').trim(),
    changes: ['b.bin', 'c.bin', 'edit.txt', 'gone.txt', 'new/added file.txt'],
    applied: (at) => is(at, 'c.bin', pointerTo('b')),
  },
  {
    name: 'LFS pointers in the tree, with git-lfs: nothing is fetched',
    make: (at) => lfsRepository(at, false),
    change: `${USUAL_CHANGE} && cat a.bin && mv b.bin c.bin`,
    says: pointerTo('content of a.bin\n').trim(),
    changes: ['b.bin', 'c.bin', 'edit.txt', 'gone.txt', 'new/added file.txt'],
    applied(at) {
      is(at, 'a.bin', pointerTo('content of a.bin\n'));
      is(at, 'c.bin', pointerTo('content of b.bin\n'));
      notAsked(at);
    },
  },
  {
    name: 'LFS content in the tree: the agent sees it, and can change it',
    make: (at) => lfsRepository(at, true),
    change: `${USUAL_CHANGE} && cat a.bin && echo more >> b.bin && echo new > c.bin`,
    says: 'content of a.bin',
    changes: ['b.bin', 'c.bin', 'edit.txt', 'gone.txt', 'new/added file.txt'],
    applied(at) {
      is(at, 'a.bin', 'content of a.bin\n');
      is(at, 'b.bin', 'content of b.bin\nmore\n');
      is(at, 'c.bin', 'new\n');
      notAsked(at);
    },
  },
  {
    name: 'LFS content that only the server has',
    make: (at) => lfsRepository(at, true),
    change: `printf '%s' '${pointerTo('elsewhere')}' > b.bin`,
    changes: ['b.bin'],
    applied(at) {
      is(at, 'b.bin', pointerTo('elsewhere'));
      notAsked(at);
    },
  },
];
