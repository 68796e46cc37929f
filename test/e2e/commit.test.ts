/** A person's yes as a commit: exactly the change, on HEAD or on a branch of its own, and nothing of theirs with it. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Amendment, Receipt } from '../../src/protocol/receipt.ts';
import { treeState } from '../fixtures/pancode.ts';
import { type Bench, createBench, NATIVE_CHAT } from '../fixtures/workers.ts';

const SCRIPT = {
  conversations: [
    {
      when: 'Edit the read-me',
      turns: [{ calls: [{ run: 'printf "An agent was here.\\n" >> README.md' }] }, { text: 'Done.' }],
    },
    {
      turns: [
        {
          calls: [
            { edit: { path: 'src/app.js', old: '"hello"', new: '"hello, world"' } },
            { write: { path: 'docs/new note.md', content: 'new\n' } },
          ],
        },
        { text: 'Done.' },
      ],
    },
  ],
};

let bench: Bench;
beforeEach(async () => {
  bench = await createBench(SCRIPT);
});
afterEach(() => bench.close());

interface Refused {
  error: { code: string; what: string };
}
const kept = async (task: string) =>
  (await bench.user.json<Receipt>(['dispatch', 'builder', task, '--worker', NATIVE_CHAT, '--no-apply'])).value.id;
const lines = (...args: string[]) =>
  bench.user
    .git(...args)
    .trim()
    .split('\n')
    .filter(Boolean);
const status = () => bench.user.git('status', '--porcelain=v1', '--untracked-files=all');

describe('--commit', () => {
  it('commits the applied paths alone; what was staged, changed and untracked stays so', async () => {
    const { user } = bench;
    const before = status();
    const hook = path.join(user.project, '.git', 'hooks', 'pre-commit');
    fs.mkdirSync(path.dirname(hook), { recursive: true });
    fs.writeFileSync(hook, `#!/bin/sh\ntouch '${user.root}/hook-ran'\n`, { mode: 0o755 });
    const id = await kept('Change it');
    const { code, value } = await user.json<Amendment>(['apply', id, '--commit', 'feat: greet\n\nA body.']);
    expect(code).toBe(0);
    expect(lines('rev-parse', 'HEAD')).toEqual([value.commit]);
    expect(lines('symbolic-ref', 'HEAD')).toEqual(['refs/heads/main']);
    expect(user.git('log', '-1', '--format=%an|%B').trim()).toBe('User|feat: greet\n\nA body.');
    expect(lines('show', '--name-only', '--format=', 'HEAD').sort()).toEqual(['docs/new note.md', 'src/app.js'].sort());
    expect(status()).toBe(before);
    expect(user.git('show', ':src/staged.js')).toBe('// staged\n');
    expect(fs.existsSync(path.join(user.root, 'hook-ran'))).toBe(false);
    expect((await user.json(['undo', id])).code).toBe(0);
    expect(lines('diff', '--name-only', 'HEAD')).toContain('src/app.js');
  });

  it('commits chosen files only', async () => {
    const id = await kept('Change it');
    const args = ['apply', id, '--files', 'src/app.js', '--commit', 'one'];
    expect((await bench.user.json(args)).code).toBe(0);
    expect(lines('show', '--name-only', '--format=', 'HEAD')).toEqual(['src/app.js']);
  });

  it('refuses where the commit would hold work of the user, or HEAD is in the middle of something; nothing is touched', async () => {
    const { user } = bench;
    const dirty = await kept('Edit the read-me');
    const before = treeState(user.project);
    const refused = await user.json<Refused>(['apply', dirty, '--commit', 'no']);
    expect([refused.code, refused.value.error.code]).toEqual([1, 'not-clean']);
    expect(refused.value.error.what).toContain('README.md');
    expect(treeState(user.project)).toEqual(before);
    const id = await kept('Change it');
    const marker = path.join(user.project, '.git', 'CHERRY_PICK_HEAD');
    fs.writeFileSync(marker, user.git('rev-parse', 'HEAD'));
    expect((await user.json<Refused>(['apply', id, '--commit', 'no'])).value.error.code).toBe('not-clean');
    fs.rmSync(marker);
    // Somebody holds the index: it is taken back as a whole.
    const lock = path.join(user.project, '.git', 'index.lock');
    fs.writeFileSync(lock, '');
    expect((await user.json<Refused>(['apply', id, '--commit', 'no'])).code).toBe(1);
    fs.rmSync(lock);
    expect(treeState(user.project)).toEqual(before);
    expect((await user.json(['apply', id])).code).toBe(0);
  });
});

describe('--branch', () => {
  it('puts the change alone on a new branch and leaves everything else', async () => {
    const { user } = bench;
    const id = await kept('Change it');
    const before = treeState(user.project);
    const { code, value } = await user.json<Amendment>(['apply', id, '--branch', 'agent/greet']);
    expect([code, value.files.sort()]).toEqual([0, ['docs/new note.md', 'src/app.js'].sort()]);
    expect(lines('rev-parse', 'agent/greet')).toEqual([value.commit]);
    expect(lines('rev-parse', 'agent/greet~1')).toEqual(lines('rev-parse', 'HEAD'));
    expect(lines('diff', '--name-only', 'HEAD', 'agent/greet').sort()).toEqual(
      ['docs/new note.md', 'src/app.js'].sort(),
    );
    const after = treeState(user.project);
    for (const name of Object.keys(after)) if (/^\.git\/(refs|logs)\/heads\/agent/.test(name)) delete after[name];
    expect(after).toEqual(before);
    const again = await user.json<Refused>(['apply', id, '--branch', 'agent/greet']);
    expect([again.code, again.value.error.code]).toEqual([1, 'branch-exists']);
    expect((await user.json<Refused>(['apply', id, '--branch', 'no..name'])).value.error.code).toBe('bad-branch');
    // A branch does not make it applied.
    expect((await user.json<Refused>(['undo', id])).value.error.code).toBe('not-applied');
    expect((await user.json(['apply', id])).code).toBe(0);
  });

  it('refuses a change that builds on what is not committed', async () => {
    const id = await kept('Edit the read-me');
    const { code, value } = await bench.user.json<Refused>(['apply', id, '--branch', 'x']);
    expect([code, value.error.code]).toEqual([1, 'conflict']);
    expect(value.error.what).toContain('README.md');
    expect(lines('branch', '--list', 'x')).toEqual([]);
  });
});
