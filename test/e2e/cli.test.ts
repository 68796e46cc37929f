/** The command line at its edges: wrong names, wrong places, wrong configuration; nothing is started and nothing lost. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, createBench } from '../fixtures/workers.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await createBench({ conversations: [{ turns: [{ text: 'Hello.' }] }] });
});
afterAll(() => bench.close());

interface Failure {
  error: { code: string; what: string; do: string };
}
const fails = async (args: string[], options: { cwd?: string; env?: Record<string, string> } = {}) => {
  const { code, value } = await bench.user.json<Failure>(args, options);
  expect(value.error, JSON.stringify(value)).toBeDefined();
  expect(value.error.do).not.toBe('');
  return { exit: code, ...value.error };
};

describe('a wrong name gets exit 2 and the nearest valid one', () => {
  it.each([
    [['dispatch', 'bilder', 'x'], 'builder'],
    [['dispatch', 'builder', 'x', '--worker', 'native/chat/m2'], 'native/chat/m1'],
    [['dispatch', 'builder', 'x', '--runtime', 'claude'], 'claude-code'],
    [['dispatch', 'builder', 'x', '--model', 'm2'], 'm1'],
    [['dispach', 'builder', 'x'], 'dispatch'],
    [['dispatch', 'builder', 'x', '--workr', 'y'], '--worker'],
    [['dispatch', 'builder', 'x', '--mode', 'biuld'], 'build'],
    [['ps', '--safety', 'auto'], 'auto-edit'],
    [['fleet', '--preset', 'lokal'], 'local'],
    [['config', 'get', 'budget.dispach'], 'dispatch'],
    [['config', 'set', 'saftey', 'suggest'], 'safety'],
    [['config', 'set', 'safety', 'yolo'], 'suggest'],
    [['prompt', 'show', 'revewer'], 'reviewer'],
    [['sandbox', 'run', '--project', '.', '--mode', 'biuld', '--safety', 'suggest', '--', 'true'], 'build'],
  ])('%j', async (args, nearest) => {
    const { exit, what, do: fix } = await fails(args);
    expect(exit).toBe(2);
    expect(`${what} ${fix}`).toContain(nearest);
  });
});

describe('a place that is no project is refused', () => {
  it.each(['/', '/nonexistent/place'])('%s', async (cwd) => {
    expect((await fails(['dispatch', 'builder', 'x', '--cwd', cwd])).exit).toBe(2);
  });
  it('HOME, a file, and PanCode’s own state', async () => {
    const plain = path.join(bench.user.home, 'plain');
    fs.mkdirSync(plain);
    fs.writeFileSync(path.join(plain, 'file'), '');
    for (const cwd of [bench.user.home, path.join(plain, 'file'), bench.user.state])
      expect([cwd, (await fails(['dispatch', 'builder', 'x', '--cwd', cwd])).exit]).toEqual([cwd, 2]);
  });
});

it('a wrong configuration file stops every command that needs it, and names the key', async () => {
  const file = path.join(bench.user.root, 'pancode', 'config', 'config.yaml');
  const before = fs.readFileSync(file, 'utf8');
  try {
    for (const [text, named] of [
      [`${before}\nbudgett: {dispatch: 1}\n`, 'budget'],
      ['mode: [build\n', 'config.yaml'],
      ['limits: {concurrency: -1}\n', 'concurrency'],
    ] as const) {
      fs.writeFileSync(file, text);
      const { exit, what, do: fix } = await fails(['dispatch', 'builder', 'x']);
      expect(exit).toBe(2);
      expect(`${what} ${fix}`).toContain(named);
    }
  } finally {
    fs.writeFileSync(file, before);
  }
});

it('a project may narrow and never widen', async () => {
  const file = path.join(bench.user.project, '.pancode', 'config.yaml');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  try {
    fs.writeFileSync(file, 'safety: full-auto\n');
    expect(await fails(['dispatch', 'builder', 'x'])).toMatchObject({
      exit: 2,
      what: expect.stringContaining('safety'),
    });
    fs.writeFileSync(file, 'endpoints: []\n');
    expect((await fails(['dispatch', 'builder', 'x'])).exit).toBe(2);
    fs.writeFileSync(file, 'mode: plan\n');
    expect((await bench.user.json<{ outcome: { status: string } }>(['dispatch', 'builder', 'x'])).code).toBe(3);
  } finally {
    fs.rmSync(path.dirname(file), { recursive: true });
  }
});

it('every list has an empty state that says what to do next', async () => {
  for (const [args, next] of [
    [['ps'], 'dispatch'],
    [['receipts', '--agent', 'scout'], 'dispatch'],
  ] as const) {
    const { code, stdout } = await bench.user.pancode([...args]);
    expect([code, stdout]).toEqual([0, expect.stringContaining(next)]);
  }
});

it('an unknown dispatch is named in every command about one', async () => {
  for (const command of ['logs', 'wait', 'cancel', 'diff', 'apply', 'undo'])
    expect((await fails([command, '01NOTTHERE'])).exit).toBe(2);
});

it('without a terminal the bare command says what to use instead', async () => {
  const { code, stderr, stdout } = await bench.user.pancode([]);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain('pancode dispatch');
});

it('commands that only look are there: fleet, agents, config, doctor', async () => {
  const fleet = (await bench.user.json<{ workers: { id: string; state: string }[] }>(['fleet', '--refresh'])).value;
  expect(fleet.workers.filter((worker) => worker.state === 'ready').map((worker) => worker.id)).toEqual(
    expect.arrayContaining([
      'native/chat/m1',
      'native/messages/claude-sonnet-5',
      expect.stringMatching(/^claude-code\/claude-/),
    ]),
  );
  const { agents } = (await bench.user.json<{ agents: { name: string }[] }>(['agents'])).value;
  expect(agents.map((agent) => agent.name).sort()).toEqual([
    'builder',
    'documenter',
    'plan-reviewer',
    'planner',
    'red-team',
    'reviewer',
    'scout',
  ]);
  expect((await bench.user.json(['config', 'get', 'budget.dispatch'])).value).toEqual({ value: 2, source: 'default' });
  const doctor = (
    await bench.user.json<{ sandbox: { backend: string; facts: { id: string; ok: boolean }[] } }>(['doctor'])
  ).value;
  expect(doctor.sandbox.backend).toBe('bubblewrap');
  expect(doctor.sandbox.facts.filter((fact) => !fact.ok)).toEqual([]);
  expect(doctor.sandbox.facts.length).toBeGreaterThanOrEqual(8);
});
