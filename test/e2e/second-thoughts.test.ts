/** What a person did to a change or to the project in the meantime: nothing is done a second time, and nothing is called lost that is not. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { inspectProject } from '../../src/drivers/workspace/inspect.ts';
import { undoApply } from '../../src/drivers/workspace/undo.ts';
import type { Amendment, Receipt } from '../../src/protocol/receipt.ts';
import { ended, receiptsOf, treeState } from '../fixtures/pancode.ts';
import { type Bench, createBench, NATIVE_CHAT, until } from '../fixtures/workers.ts';

const write = { write: { path: 'new.txt', content: 'x' } };
const SCRIPT = {
  conversations: [
    { when: 'Write', turns: [{ calls: [write] }, { text: 'Done.' }] },
    {
      when: 'Wait',
      turns: [
        {
          calls: [
            {
              run: 'touch at-it; until [ -e go ]; do sleep 0.05; done; rm go at-it; echo y >> "$(git rev-parse --show-toplevel)/README.md"',
            },
          ],
        },
        { text: 'Done.' },
      ],
    },
  ],
};
const BUILDER = ['dispatch', 'builder', '--worker', NATIVE_CHAT];

let bench: Bench;
afterEach(() => bench.close());

it('a change that was taken back stays away when the receipts are gone', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const before = treeState(user.project);
  const { value: receipt } = await user.json<Receipt>([...BUILDER, 'Write']);
  expect(receipt.changes.applied, JSON.stringify(receipt)).toBe(true);
  expect((await user.json(['undo', receipt.id])).code).toBe(0);
  await user.json(['daemon', 'stop']);
  for (const name of fs.readdirSync(user.state).filter((each) => /^(receipts\.jsonl|ledger\.db)/.test(each)))
    fs.rmSync(path.join(user.state, name));
  const { value: again } = await user.json<Receipt>(['wait', receipt.id]);
  expect(receiptsOf(user).map(({ id }) => id)).toEqual([receipt.id]);
  expect(treeState(user.project)).toEqual(before);
  expect([again.outcome.status, again.changes.applied]).toEqual(['succeeded', false]);
  expect(again.outcome.reason).toContain('taken back');
});

it('records an undo that was done by a daemon that died before it could say so', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const before = treeState(user.project);
  const { value: receipt } = await user.json<Receipt>([...BUILDER, 'Write']);
  await user.json(['daemon', 'stop']);
  const host = { home: user.home, path: process.env.PATH ?? '' };
  const at = (name: string) => path.join(user.state, 'dispatches', receipt.id, name);
  const options = { id: receipt.id, journalDir: at('apply'), undoDir: at('undo') };
  await undoApply(await inspectProject(user.project, host), host, options);
  expect(treeState(user.project)).toEqual(before);
  const show = async () =>
    (await user.json<{ amendments: Amendment[] }>(['receipts', 'show', receipt.id])).value.amendments;
  await user.json(['daemon', 'start']);
  expect(await show()).toMatchObject([{ type: 'undo', by: 'user', files: ['new.txt'] }]);
  await user.json(['daemon', 'stop']);
  await user.json(['daemon', 'start']);
  expect(await show()).toHaveLength(1);
  expect((await user.json(['apply', receipt.id])).code).toBe(0);
});

it('is applied although the directory it was started in is gone by then', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const cwd = path.join(user.project, 'notes');
  const client = user.start([...BUILDER, 'Wait', '--json', '--cwd', cwd]);
  const over = ended(client);
  const copies = () => {
    const dispatches = path.join(user.state, 'dispatches');
    return fs.existsSync(dispatches)
      ? fs.readdirSync(dispatches).map((id) => path.join(dispatches, id, 'copy', 'notes'))
      : [];
  };
  await until(() => copies().some((copy) => fs.existsSync(path.join(copy, 'at-it'))));
  fs.renameSync(cwd, path.join(user.project, 'renamed'));
  for (const copy of copies()) fs.writeFileSync(path.join(copy, 'go'), '');
  const receipt = JSON.parse((await over).stdout) as Receipt;
  expect([receipt.outcome.status, receipt.changes.applied], receipt.outcome.reason).toEqual(['succeeded', true]);
  expect(fs.readFileSync(path.join(user.project, 'README.md'), 'utf8')).toMatch(/y\n$/);
});

it('starts in a directory that is in no commit', async () => {
  bench = await createBench(SCRIPT);
  const { user } = bench;
  const empty = path.join(user.project, 'empty');
  fs.mkdirSync(empty);
  const { value } = await user.json<Receipt>([...BUILDER, 'Write', '--no-apply'], { cwd: empty });
  expect([value.outcome?.status, value.changes?.files.map((file) => file.path)]).toEqual([
    'succeeded',
    ['empty/new.txt'],
  ]);
  const ignored = await user.json<Receipt>([...BUILDER, 'Write'], { cwd: path.join(user.project, 'ignored') });
  expect([ignored.value.outcome?.status, ignored.value.changes?.ignored]).toEqual(['no-change', ['ignored/']]);
});
