/** The main path, with real agents: a change made in a private copy, looked at, applied, taken back. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Amendment, Receipt } from '../../src/protocol/receipt.ts';
import { Receipt as ReceiptSchema } from '../../src/protocol/receipt.ts';
import { processesOf, receiptsOf, treeState } from '../fixtures/pancode.ts';
import { type Bench, CLAUDE, createBench, REAL_KEY, WORKERS } from '../fixtures/workers.ts';

const SCRIPT = {
  conversations: [
    {
      when: 'Greet the world',
      turns: [
        { calls: [{ read: 'src/app.js' }], usage: { input: 1000, cacheRead: 200, cacheWrite: 50, output: 30 } },
        {
          calls: [
            { edit: { path: 'src/app.js', old: '"hello"', new: '"hello, world"' } },
            { write: { path: 'docs/new note.md', content: 'A note with ümlauts and no end of line' } },
          ],
          usage: { input: 1100, cacheRead: 1200, cacheWrite: 0, output: 70 },
        },
        { text: 'It greets the world now.', usage: { input: 1200, cacheRead: 1300, cacheWrite: 0, output: 9 } },
      ],
    },
  ],
};

let bench: Bench;
afterEach(() => bench.close());

/** What the model sent, as a receipt counts it. */
const sentUsage = () => {
  const { input, cacheRead, cacheWrite, output } = bench.model.sent;
  return { input, cacheRead, cacheWrite, output };
};

describe.each(WORKERS)('%s', (worker) => {
  it('changes nothing before the yes, then applies the change and takes it back byte for byte', async () => {
    bench = await createBench(SCRIPT);
    const { user, model } = bench;
    const before = treeState(user.project);
    const head = user.git('rev-parse', 'HEAD');

    const asked = await user.json<Receipt>([
      'dispatch',
      'builder',
      'Greet the world',
      '--worker',
      worker,
      '--safety',
      'suggest',
    ]);
    const receipt = ReceiptSchema.parse(asked.value);
    expect([receipt.outcome.status, receipt.outcome.reason, asked.code]).toEqual([
      'needs-approval',
      expect.stringContaining(`pancode apply ${receipt.id}`),
      3,
    ]);
    expect(treeState(user.project)).toEqual(before);
    expect(processesOf(receipt.id)).toEqual([]);

    // Counted on the wire, whatever the runtime says of itself.
    expect(receipt.usage).toMatchObject({
      grade: 'measured',
      requests: 3,
      ...(worker.includes('chat') ? {} : sentUsage()),
    });
    expect(receipt.usage.output).toBe(model.sent.output);
    expect((receipt.usage.input ?? 0) + (receipt.usage.cacheRead ?? 0) + (receipt.usage.cacheWrite ?? 0)).toBe(
      model.sent.input + model.sent.cacheRead + model.sent.cacheWrite,
    );
    expect(receipt.cost).toMatchObject({ billing: 'simulated', grade: expect.stringMatching(/priced|unknown/) });
    expect(receipt.result).toBe('It greets the world now.');
    expect(receipt.base).toMatchObject({ head: head.trim(), dirty: true });
    expect(receipt.enforcement).toMatchObject({
      label: 'enforced',
      backend: 'bubblewrap',
      profile: 'W',
      network: 'gateway',
    });
    expect(receipt.actions).toMatchObject({ 'file.read': 1, 'file.write': 2 });

    const diff = await user.json<{ files: { path: string }[]; patch: string }>(['diff', receipt.id]);
    expect(diff.value.files.map((file) => file.path).sort()).toEqual(['docs/new note.md', 'src/app.js']);
    expect(diff.value.patch).toContain('+export const hello = () => "hello, world";');

    const applied = await user.json<Amendment>(['apply', receipt.id]);
    expect([applied.code, applied.value.files.sort()]).toEqual([0, ['docs/new note.md', 'src/app.js']]);
    const after = treeState(user.project);
    const changed = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
    expect(changed.sort()).toEqual(['docs', 'docs/new note.md', 'src/app.js']);
    expect(fs.readFileSync(path.join(user.project, 'docs/new note.md'), 'utf8')).toBe(
      'A note with ümlauts and no end of line',
    );

    const undone = await user.json<Amendment>(['undo', receipt.id]);
    expect(undone.code).toBe(0);
    expect(treeState(user.project)).toEqual(before);
    expect(receiptsOf(user)).toHaveLength(1);
    const shown = await user.json<{ amendments: Amendment[] }>(['receipts', 'show', receipt.id]);
    expect(shown.value.amendments.map((amendment) => amendment.type)).toEqual(['apply', 'undo']);
  });

  it('applies an ordinary change by itself at auto-edit, and keeps the key outside', async () => {
    bench = await createBench(SCRIPT);
    const { user, model } = bench;
    const before = treeState(user.project);
    const { code, value: receipt } = await user.json<Receipt>([
      'dispatch',
      'builder',
      'Greet the world',
      '--worker',
      worker,
    ]);
    expect([receipt.outcome.status, receipt.outcome.reason, code]).toEqual(['succeeded', expect.any(String), 0]);
    expect(receipt.changes.applied).toBe(true);
    expect(fs.readFileSync(path.join(user.project, 'src/app.js'), 'utf8')).toContain('hello, world');
    // The upstream saw the real key and never the token; nothing on disk holds the key.
    for (const request of model.requests.filter((each) => each.method === 'POST'))
      expect([request.headers['x-api-key'], request.headers.authorization]).toContain(
        worker.includes('chat') ? `Bearer ${REAL_KEY}` : REAL_KEY,
      );
    for (const entry of fs.readdirSync(user.root, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (entry.isFile()) expect(fs.readFileSync(file).includes(REAL_KEY), file).toBe(false);
    }
    expect((await user.json(['undo', receipt.id])).code).toBe(0);
    expect(treeState(user.project)).toEqual(before);
  });
});

describe('apply', () => {
  it('keeps what the user edited meanwhile, and refuses a conflict with nothing touched', async () => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const { value: receipt } = await user.json<Receipt>([
      'dispatch',
      'builder',
      'Greet the world',
      '--worker',
      CLAUDE,
      '--no-apply',
    ]);
    expect(receipt).toMatchObject({ outcome: { status: 'succeeded' }, changes: { applied: false } });
    fs.appendFileSync(path.join(user.project, 'README.md'), 'Mine.\n');
    fs.writeFileSync(path.join(user.project, 'src/app.js'), 'export const hello = () => "mine";\n');
    const before = treeState(user.project);
    const refused = await user.json<{ error: { code: string } }>(['apply', receipt.id]);
    expect([refused.code, refused.value.error.code]).toEqual([1, 'conflict']);
    expect(treeState(user.project)).toEqual(before);

    const part = await user.json<Amendment>(['apply', receipt.id, '--files', 'docs/new note.md']);
    expect([part.code, part.value.files]).toEqual([0, ['docs/new note.md']]);
    expect(fs.readFileSync(path.join(user.project, 'src/app.js'), 'utf8')).toContain('mine');
    expect((await user.json(['undo', receipt.id])).code).toBe(0);
    expect(treeState(user.project)).toEqual(before);
  });
});

describe('without a sandbox', () => {
  it.each(WORKERS)('%s works only at suggest, in a copy, and every receipt says so', async (worker) => {
    bench = await createBench(SCRIPT);
    const { user } = bench;
    const before = treeState(user.project);
    const args = ['dispatch', 'builder', 'Greet the world', '--worker', worker, '--unsandboxed'];
    const refused = await user.json<Receipt>(args);
    expect([refused.value.outcome.status, refused.code]).toEqual(['refused', 3]);
    const { value: receipt, code } = await user.json<Receipt>([...args, '--safety', 'suggest']);
    expect([receipt.outcome.status, receipt.outcome.reason, code]).toEqual(['needs-approval', expect.any(String), 3]);
    expect(receipt.enforcement).toMatchObject({
      label: 'none',
      backend: 'none',
      network: 'open',
      degraded: ['--unsandboxed'],
    });
    expect(receipt.changes.files.map((file) => file.path).sort()).toEqual(['docs/new note.md', 'src/app.js']);
    expect(receipt.usage).toMatchObject({ grade: 'measured', requests: 3 });
    expect(processesOf(receipt.id)).toEqual([]);
    expect(treeState(user.project)).toEqual(before);
  });
});
