/** The table of shapes: every kind of project and content goes the whole way, dispatch → harvest → apply → undo, or is refused with a way out. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Simulated, startSimulated } from '../../src/drivers/simulated/server.ts';
import { removeTree } from '../../src/drivers/workspace/remove.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { createUser, type User } from '../fixtures/pancode.ts';
import { contents } from './shapes/contents.ts';
import { meanwhiles } from './shapes/meanwhiles.ts';
import { names } from './shapes/names.ts';
import { repositories } from './shapes/repositories.ts';
import {
  differing,
  fingerprint,
  type Place,
  placeOf,
  type Shape,
  USUAL_CHANGE,
  USUAL_CHANGES,
} from './shapes/shape.ts';

const SHAPES = [...repositories, ...contents, ...names, ...meanwhiles].map((shape, n) => ({ ...shape, n }));
type Refusal = { error: { code: string; what: string; do: string } };

let model: Simulated;
let user: User;

beforeAll(async () => {
  const conversations = SHAPES.map(({ n, change = USUAL_CHANGE }) => ({
    when: `/Shape ${n}\\./`,
    turns: [{ calls: [{ run: change }] }, { text: '{lastResult}' }],
  }));
  model = await startSimulated({ script: { conversations } });
  const lab = { id: 'lab', provider: 'simulated', url: model.url, models: [{ id: 'm1', tier: 'frontier' }] };
  user = createUser({ config: { discover: false, endpoints: [lab], limits: { concurrency: 8 } } });
});
afterAll(async () => {
  await user.close();
  await model.close();
});

describe.concurrent('dispatch, harvest, apply and undo', () => {
  it.each(SHAPES)('$name', { timeout: 300_000 }, async (shape) => {
    const beside = path.join(user.home, `row ${shape.n}`);
    fs.mkdirSync(beside);
    const at = placeOf(beside, user.env);
    await shape.make(at);
    try {
      await roundTrip(shape, at);
    } finally {
      // A row of 300 MB must not stay until the end.
      removeTree(beside);
    }
  });
});

async function roundTrip(shape: Shape & { n: number }, at: Place): Promise<void> {
  const cwd = path.join(at.dir, shape.cwd ?? '');
  const look = () => fingerprint([at.dir, ...(shape.also?.(at) ?? [])]);
  const pancode = <T>(...args: string[]) => user.json<T>(args, { cwd });
  const start = look();

  const task = `Shape ${shape.n}. Do it.`;
  const asked = await pancode<Receipt | Refusal>(
    'dispatch',
    'builder',
    task,
    '--worker',
    'native/lab/m1',
    '--no-apply',
  );
  expect(differing(start, look())).toEqual([]);
  if (shape.refused !== undefined) {
    expect([asked.code, asked.value]).toEqual([2, refusal(shape.refused)]);
    return;
  }
  const receipt = asked.value as Receipt;
  expect([receipt.outcome?.status ?? asked.value, receipt.outcome?.reason]).toEqual(['succeeded', expect.any(String)]);
  if (shape.says !== undefined) expect(receipt.result).toContain(shape.says);
  shape.receipt?.(receipt, at);

  shape.meanwhile?.(at);
  const before = look();
  const applied = await pancode<Refusal>('apply', receipt.id);
  if (shape.conflict !== undefined) {
    expect([applied.code, applied.value.error?.what]).toEqual([
      expect.any(Number),
      expect.stringMatching(shape.conflict),
    ]);
    expect(applied.code).not.toBe(0);
    expect(differing(before, look())).toEqual([]);
    expect((await pancode<{ files: unknown[] }>('diff', receipt.id)).value.files).not.toEqual([]);
    return;
  }
  expect([applied.code, applied.value.error]).toEqual([0, undefined]);
  expect(differing(before, look())).toEqual([...(shape.changes ?? USUAL_CHANGES)].sort());
  shape.applied?.(at);

  const undone = await pancode<Refusal>('undo', receipt.id);
  expect([undone.code, undone.value.error]).toEqual([0, undefined]);
  expect(look()).toEqual(before);
}

const refusal = (code: string) => ({
  error: { code, what: expect.stringMatching(/\S/), do: expect.stringMatching(/\S/) },
});
