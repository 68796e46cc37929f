import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyChanges } from '../../../src/drivers/workspace/apply.ts';
import { undoApply } from '../../../src/drivers/workspace/undo.ts';
import { filesIn, type Repository, repository, userView, work } from './work-tree.ts';

/** Few names, so that files, directories and links take one another's places. */
const part = fc.constantFrom('a', 'b', '-c', 'ü', 'd e', 'n\nl');
const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
type Thing = { kind: 'file'; text: string; runs: boolean } | { kind: 'link'; target: string } | { kind: 'gone' };
type Edit = [name: string, wanted: Thing];
const file = fc.record({
  kind: fc.constant('file' as const),
  text: fc.constantFrom('', 'x\n', 'y\r\n', '\0bin', 'no end'),
  runs: fc.boolean(),
});
const thing: fc.Arbitrary<Thing> = fc.oneof(
  { weight: 6, arbitrary: file },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), target: part }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'gone' as const }) },
);
const edits: fc.Arbitrary<Edit[]> = fc.array(fc.tuple(name, thing), { maxLength: 8 });

/** Makes each path what it shall be, whatever is in its way. */
function edit(repo: Repository, list: Edit[]): void {
  for (const [at, wanted] of list) {
    const parts = at.split('/');
    for (let n = 1; n < parts.length; n += 1) {
      const dir = path.join(repo.root, ...parts.slice(0, n));
      const stat = fs.lstatSync(dir, { throwIfNoEntry: false });
      if (stat && !stat.isDirectory()) fs.rmSync(dir);
    }
    const file = path.join(repo.root, at);
    fs.rmSync(file, { recursive: true, force: true });
    if (wanted.kind === 'gone') continue;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (wanted.kind === 'link') fs.symlinkSync(wanted.target, file);
    else repo.write(at, wanted.text, wanted.runs ? 0o755 : 0o644);
  }
}

test('apply and undo of any edit in any tree: the tree the agent left, then the very tree from before', async () => {
  let touched = 0;
  await fc.assert(
    fc.asyncProperty(edits, edits, edits, async (committed, dirty, agent) => {
      const repo = repository();
      edit(repo, committed);
      repo.git('add', '-A');
      repo.git('commit', '-q', '--allow-empty', '-m', 'x');
      edit(repo, dirty);
      const before = { files: filesIn(repo.root), view: userView(repo) };
      const done = await work(repo, 'P1', (copy) => {
        edit(copy, agent);
        copy.write('always', 'changed\n');
      });
      const project = await repo.project();
      const applied = await applyChanges(project, repo.host, done);
      if (applied.outcome === 'conflict') {
        // Only the agent's links that lead out or round in circles are refused: nobody else edited anything.
        expect(applied.reason).toMatch(/is never applied/);
        expect(filesIn(repo.root)).toEqual(before.files);
        return;
      }
      touched += 1;
      const content = (files: Record<string, string>) => Object.entries(files).filter(([at]) => !at.endsWith('/'));
      expect(content(filesIn(repo.root))).toEqual(content(filesIn(path.join(repo.beside, 'copy P1'))));
      expect((await undoApply(project, repo.host, done)).outcome).toBe('applied');
      expect(filesIn(repo.root)).toEqual(before.files);
      expect(userView(repo)).toBe(before.view);
    }),
    { numRuns: 12 },
  );
  expect(touched).toBeGreaterThan(0);
}, 300_000);
