/** Homes as people have them give the same results; and many writers at once on one repository lose nothing. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SOCKET_NAME } from '../../src/core/places.ts';
import { type Simulated, startSimulated } from '../../src/drivers/simulated/server.ts';
import type { Amendment, Receipt } from '../../src/protocol/receipt.ts';
import { createUser, dirtyRepository, receiptsOf, treeState, type User } from '../fixtures/pancode.ts';

const WRITERS = Array.from({ length: 8 }, (_, n) => n);
const SCRIPT = {
  conversations: [
    {
      when: 'Greet the world',
      turns: [
        { calls: [{ read: 'src/app.js' }] },
        {
          calls: [
            { edit: { path: 'src/app.js', old: '"hello"', new: '"hello, world"' } },
            { write: { path: 'docs/new note.md', content: 'A note with ümlauts\n' } },
            { run: 'rm src/staged.js' },
          ],
        },
        { text: 'It greets the world now.' },
      ],
    },
    ...WRITERS.map((n) => ({
      when: `Write file ${n}.`,
      turns: [{ calls: [{ run: `echo ${n} > own-${n}.txt && echo again ${n} >> own-${n}.txt` }] }, { text: 'Done.' }],
    })),
    ...WRITERS.map((n) => ({
      when: `Edit line ${n}.`,
      turns: [{ calls: [{ run: `sed -i 's/^line ${n}$/line ${n}, edited/' shared.txt` }] }, { text: 'Done.' }],
    })),
    ...WRITERS.map((n) => ({
      when: `Replace it by ${n}.`,
      turns: [{ calls: [{ run: `echo by ${n} > single.txt` }] }, { text: 'Done.' }],
    })),
  ],
};

const WORKER = ['--worker', 'native/lab/m1'];
let user: User;
let model: Simulated;
/** Where homes are that do not lie in the user's directory. */
let elsewhere: string | null = null;
afterEach(async () => {
  await user.close();
  await model.close();
  // The last thing: a command that finds no home makes one.
  if (elsewhere !== null) fs.rmSync(elsewhere, { recursive: true, force: true });
  elsewhere = null;
});

/** `home`: PANCODE_HOME; not given: a plain one in the user's directory. */
async function start(home?: string): Promise<void> {
  model = await startSimulated({ script: SCRIPT });
  const lab = { id: 'lab', provider: 'simulated', url: model.url, models: [{ id: 'm1', tier: 'frontier' }] };
  const config = {
    discover: false,
    endpoints: [lab],
    prices: { 'lab/m1': { input: 1, output: 2 } },
    limits: { concurrency: 8 },
  };
  user = createUser({ config, env: home === undefined ? {} : { PANCODE_HOME: home } });
  dirtyRepository(user);
}

/** What must be the same wherever the home is: everything but ids, times, hashes that hold them, and counts of characters of paths. */
function normalised(receipt: Receipt): unknown {
  const { id, time, integrity, project, base, prompt, usage, cost, ...rest } = receipt;
  const text = JSON.stringify(rest)
    .replaceAll(id, '<id>')
    .replaceAll(project, '<project>')
    .replaceAll(/"waitedMs":\d+/g, '"waitedMs":"<ms>"');
  const known = [time.ended, integrity.self, base?.commit, prompt.sha256, usage.input, cost.usd].map(
    (fact) => fact != null,
  );
  return { ...JSON.parse(text), known, usage: [usage.grade, usage.requests], cost: [cost.grade, cost.billing] };
}

/** dispatch, apply, undo, receipts, a stop and a new start; gives what there is to compare. */
async function roundTrip(): Promise<unknown> {
  const before = treeState(user.project);
  const asked = await user.json<Receipt>(['dispatch', 'builder', 'Greet the world', ...WORKER, '--safety', 'suggest']);
  expect([asked.code, asked.value.outcome?.status ?? asked.value]).toEqual([3, 'needs-approval']);
  const { id } = asked.value;
  expect(treeState(user.project)).toEqual(before);
  const applied = await user.json<Amendment>(['apply', id]);
  expect(applied.value.files?.sort() ?? applied.value).toEqual(['docs/new note.md', 'src/app.js', 'src/staged.js']);
  expect(treeState(user.project)).not.toEqual(before);
  expect((await user.json(['undo', id])).code).toBe(0);
  expect(treeState(user.project)).toEqual(before);
  expect((await user.json<{ running: boolean }>(['daemon', 'status'])).value.running).toBe(true);
  expect((await user.pancode(['daemon', 'stop'])).code).toBe(0);
  expect((await user.json<{ running: boolean }>(['daemon', 'status'])).value.running).toBe(false);
  expect(fs.readdirSync(path.join(user.env.PANCODE_HOME!, 'state', 'daemon'))).not.toContain(SOCKET_NAME);
  const shown = await user.json<{ receipt: Receipt; amendments: Amendment[] }>(['receipts', 'show', id]);
  const verified = await user.json<{ faults: unknown[] }>(['receipts', 'verify']);
  expect(verified.value.faults).toEqual([]);
  return [normalised(shown.value.receipt), shown.value.amendments.map(({ type, files, by }) => [type, files, by])];
}

describe('homes', { timeout: 300_000 }, () => {
  it('a home of 150 characters, and one with spaces and other scripts, give what a plain one does', async () => {
    await start();
    const plain = await roundTrip();
    elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), 'pancode-homes-'));
    const long = path.join(elsewhere, 'h'.repeat(150 - elsewhere.length - 1));
    expect(Buffer.byteLength(long)).toBe(150);
    for (const home of [long, path.join(elsewhere, 'a home; with "quotes" & ünïcödé 日本')]) {
      await user.close();
      await model.close();
      await start(home);
      expect(await roundTrip()).toEqual(plain);
      expect(fs.readdirSync(home).sort()).toEqual(expect.arrayContaining(['config', 'state']));
    }
  });
});

describe('eight writers at once', { timeout: 300_000 }, () => {
  const dispatch = (task: string) => user.json<Receipt>(['dispatch', 'builder', task, ...WORKER]);

  /** The ledger says of the eight what their receipts say, and the model what it sent. */
  async function expectSums(receipts: Receipt[]): Promise<void> {
    expect(receiptsOf(user)).toHaveLength(8);
    const sum = (count: (receipt: Receipt) => number | null) =>
      receipts.reduce((all, receipt) => all + (count(receipt) ?? Number.NaN), 0);
    expect(sum((receipt) => receipt.usage.output)).toBe(model.sent.output);
    expect(sum((receipt) => receipt.usage.requests)).toBe(
      model.requests.filter(({ method }) => method === 'POST').length,
    );
    expect((await user.json<{ faults: unknown[] }>(['receipts', 'verify'])).value.faults).toEqual([]);
  }

  it('different files: all are applied', async () => {
    await start();
    const done = await Promise.all(WRITERS.map((n) => dispatch(`Write file ${n}.`)));
    expect(done.map(({ code, value }) => [code, value.outcome?.status, value.changes?.applied])).toEqual(
      WRITERS.map(() => [0, 'succeeded', true]),
    );
    for (const n of WRITERS)
      expect(fs.readFileSync(path.join(user.project, `own-${n}.txt`), 'utf8')).toBe(`${n}\nagain ${n}\n`);
    await expectSums(done.map(({ value }) => value));
    await Promise.all(done.map(({ value }) => user.json(['undo', value.id])));
    expect(fs.readdirSync(user.project).filter((name) => name.startsWith('own-'))).toEqual([]);
  });

  it('different lines of one file: all are merged', async () => {
    await start();
    const lines = WRITERS.flatMap((n) => [`line ${n}`, 'a', 'b', 'c', 'd']);
    fs.writeFileSync(path.join(user.project, 'shared.txt'), `${lines.join('\n')}\n`);
    const done = await Promise.all(WRITERS.map((n) => dispatch(`Edit line ${n}.`)));
    expect(done.map(({ value }) => [value.outcome?.status, value.outcome?.reason])).toEqual(
      WRITERS.map(() => ['succeeded', expect.any(String)]),
    );
    const edited = WRITERS.flatMap((n) => [`line ${n}, edited`, 'a', 'b', 'c', 'd']);
    expect(fs.readFileSync(path.join(user.project, 'shared.txt'), 'utf8')).toBe(`${edited.join('\n')}\n`);
    await expectSums(done.map(({ value }) => value));
  });

  it('the same line: one is applied, the others are conflicts that lose nothing', async () => {
    await start();
    fs.writeFileSync(path.join(user.project, 'single.txt'), 'before\n');
    // Nothing may start after another one was applied: then it would simply work on that.
    const ids = await Promise.all(
      WRITERS.map((n) => user.json<Receipt>(['dispatch', 'builder', `Replace it by ${n}.`, ...WORKER, '--no-apply'])),
    );
    const applied = await Promise.all(ids.map(({ value }) => user.json<Amendment>(['apply', value.id])));
    expect(applied.map(({ code }) => code).sort()).toEqual([0, ...Array.from({ length: 7 }, () => 1)]);
    const winner = applied.findIndex(({ code }) => code === 0);
    expect(fs.readFileSync(path.join(user.project, 'single.txt'), 'utf8')).toBe(`by ${winner}\n`);
    for (const [n, { value }] of ids.entries())
      expect(user.git('show', `refs/pancode/${value.id}/result:single.txt`)).toBe(`by ${n}\n`);
    await expectSums(ids.map(({ value }) => value));
    expect((await user.json(['undo', ids[winner]?.value.id ?? ''])).code).toBe(0);
    expect(fs.readFileSync(path.join(user.project, 'single.txt'), 'utf8')).toBe('before\n');
  });
});
