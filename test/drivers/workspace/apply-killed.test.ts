import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { applyChanges, recoverApply } from '../../../src/drivers/workspace/apply.ts';
import { appliedRef } from '../../../src/drivers/workspace/refs.ts';
import { undoApply } from '../../../src/drivers/workspace/undo.ts';
import type { KilledApply } from './killed-apply.ts';
import { filesIn, type Repository, repository, type Work, work } from './work-tree.ts';

const PROGRAM = path.join(import.meta.dirname, 'killed-apply.ts');

function run(
  repo: Repository,
  what: KilledApply['what'],
  done: Work,
  killAfter: number,
): { steps: string[]; killed: boolean } {
  const order: KilledApply = { what, root: repo.root, host: repo.host, work: done, killAfter };
  const ran = spawnSync(process.execPath, [PROGRAM, JSON.stringify(order)], { encoding: 'utf8' });
  if (ran.status !== 0 && ran.signal !== 'SIGKILL') throw new Error(ran.stderr);
  return { steps: ran.stdout.trim().split('\n'), killed: ran.signal === 'SIGKILL' };
}

/** One of every kind: edited, new in a new directory, deleted with its directory, file ↔ directory, link, runnable. */
async function scene() {
  const repo = repository({
    'edit.txt': 'a\n',
    'gone/x.txt': 'x\n',
    f: 'file\n',
    'd/in.txt': 'in\n',
    'run.sh': '#!\n',
  });
  fs.chmodSync(path.join(repo.root, 'edit.txt'), 0o640);
  fs.chmodSync(path.join(repo.root, 'gone'), 0o700);
  fs.symlinkSync('edit.txt', path.join(repo.root, 'link'));
  fs.symlinkSync('d', path.join(repo.root, 'link-to-dir'));
  repo.write('untracked.txt', 'u\n');
  const done = await work(repo, 'K1', (copy) => {
    copy.write('edit.txt', 'b\n');
    copy.write('untracked.txt', 'u2\n');
    copy.write('new/deep/n.txt', 'n\n');
    for (const name of ['gone', 'd', 'f', 'link', 'link-to-dir'])
      fs.rmSync(path.join(copy.root, name), { recursive: true });
    copy.write('f/now-dir.txt', 'y\n');
    copy.write('d', 'now a file\n');
    // Seen through the link that is there before, this is another file.
    copy.write('link-to-dir/in.txt', 'in\n');
    fs.symlinkSync('run.sh', path.join(copy.root, 'link'));
    fs.symlinkSync('f', path.join(copy.root, 'new-link'));
    fs.chmodSync(path.join(copy.root, 'run.sh'), 0o755);
  });
  return { repo, done };
}

test('kill -9 after any step of an apply: wholly before or wholly after, and then it can be applied and undone', async () => {
  const { repo, done } = await scene();
  const before = filesIn(repo.root);
  const whole = run(repo, 'apply', done, 0);
  const after = filesIn(repo.root);
  expect(whole.steps.length).toBeGreaterThan(25);
  expect(whole.steps.at(-1)).toBe('marked');
  const marked = whole.steps.length;
  expect((await undoApply(await repo.project(), repo.host, done)).outcome).toBe('applied');
  expect(filesIn(repo.root)).toEqual(before);

  const half: string[] = [];
  for (let step = 1; step <= marked; step += 1) {
    const { steps, killed } = run(repo, 'apply', done, step);
    expect({ steps: steps.length, killed }).toEqual({ steps: step, killed: true });
    const left = filesIn(repo.root);
    if (JSON.stringify(left) !== JSON.stringify(before) && JSON.stringify(left) !== JSON.stringify(after))
      half.push(whole.steps[step - 1] as string);
    const expected = step === marked ? 'applied' : step < whole.steps.indexOf('planned') + 1 ? 'none' : 'rolled-back';
    expect(await recoverApply(done.journalDir, repo.host), `step ${step}`).toBe(expected);
    expect(filesIn(repo.root), `step ${step}`).toEqual(expected === 'applied' ? after : before);
    expect(await recoverApply(done.journalDir, repo.host), `step ${step} again`).toBe(
      expected === 'applied' ? 'applied' : 'none',
    );
    if (expected === 'rolled-back') expect(repo.git('for-each-ref', appliedRef('K1'))).toBe('');
  }
  // The test would prove nothing if no kill had left a tree in between.
  expect(half.length).toBeGreaterThan(10);
  expect(await applyChanges(await repo.project(), repo.host, done)).toMatchObject({ outcome: 'applied' });
  expect(await undoApply(await repo.project(), repo.host, done)).toMatchObject({ outcome: 'applied' });
  expect(filesIn(repo.root)).toEqual(before);
}, 300_000);

test('kill -9 after any step of an undo: the next undo finishes it', async () => {
  const { repo, done } = await scene();
  const before = filesIn(repo.root);
  const project = await repo.project();
  await applyChanges(project, repo.host, done);
  const after = filesIn(repo.root);
  const whole = run(repo, 'undo', done, 0);
  expect(filesIn(repo.root)).toEqual(before);
  for (let step = 1; step <= whole.steps.length; step += 2) {
    await applyChanges(project, repo.host, done);
    expect(filesIn(repo.root), `step ${step}`).toEqual(after);
    expect(run(repo, 'undo', done, step).killed).toBe(true);
    if (step % 4 === 1) {
      const recovered = await recoverApply(done.undoDir, repo.host);
      expect(filesIn(repo.root), `step ${step}`).toEqual(recovered === 'applied' ? before : after);
    }
    expect(await undoApply(project, repo.host, done), `step ${step}`).toMatchObject({ outcome: 'applied' });
    expect(filesIn(repo.root), `step ${step}`).toEqual(before);
  }
}, 300_000);

test('a recovery that is killed itself is done again', async () => {
  const { repo, done } = await scene();
  const before = filesIn(repo.root);
  const whole = run(repo, 'apply', done, 0);
  expect((await undoApply(await repo.project(), repo.host, done)).outcome).toBe('applied');
  const lastPut = whole.steps.findLastIndex((step) => step.startsWith('put')) + 1;
  run(repo, 'apply', done, lastPut);
  // As after a recovery that got through a part: some places are back already, a temporary name is left.
  const saved = fs.readdirSync(path.join(done.journalDir, 'old')).length;
  expect(saved).toBeGreaterThan(3);
  fs.writeFileSync(path.join(repo.root, 'edit.txt'), 'a\n');
  fs.chmodSync(path.join(repo.root, 'edit.txt'), 0o640);
  fs.rmSync(path.join(repo.root, 'new'), { recursive: true });
  expect(await recoverApply(done.journalDir, repo.host)).toBe('rolled-back');
  expect(filesIn(repo.root)).toEqual(before);
});

test('a journal that cannot be read is an error that names it, never a guess', async () => {
  const { repo, done } = await scene();
  await applyChanges(await repo.project(), repo.host, done);
  fs.writeFileSync(path.join(done.journalDir, 'plan.json'), '{"schema":1');
  await expect(recoverApply(done.journalDir, repo.host)).rejects.toMatchObject({
    code: 'bad-journal',
    message: expect.stringContaining('plan.json'),
  });
});

test('a project that is gone while a change was being applied to it', async () => {
  const { repo, done } = await scene();
  const steps = run(repo, 'apply', done, 0).steps;
  expect((await undoApply(await repo.project(), repo.host, done)).outcome).toBe('applied');
  run(repo, 'apply', done, steps.indexOf('looked') + 3);
  const moved = `${repo.root} moved`;
  fs.renameSync(repo.root, moved);
  await expect(recoverApply(done.journalDir, repo.host)).rejects.toMatchObject({ code: 'half-applied' });
  fs.renameSync(moved, repo.root);
  expect(await recoverApply(done.journalDir, repo.host)).toBe('rolled-back');
});
