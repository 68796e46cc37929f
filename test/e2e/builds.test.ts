/** A dispatch in a project with dependencies, secrets and a set-up: the agent can build, the check too, and nothing of it gets into the result. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { PruneReport } from '../../src/control/prune.ts';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { processesOf } from '../fixtures/pancode.ts';
import { type Bench, createBench, NATIVE_CHAT } from '../fixtures/workers.ts';

let bench: Bench;
afterEach(() => bench.close());

/** An agent that runs a command and says what it wrote. */
const agent = (command: string) => ({
  conversations: [{ turns: [{ calls: [{ run: command }] }, { text: 'Done.' }] }],
});

async function yard(script: object, config: object): Promise<(name: string, text: string) => void> {
  bench = await createBench(script, config);
  const { user } = bench;
  const write = (name: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(user.project, name)), { recursive: true });
    fs.writeFileSync(path.join(user.project, name), text);
  };
  write('.gitignore', 'ignored/\nnode_modules\n');
  write('package.json', '{"scripts":{"test":"node check.js"}}');
  write('check.js', 'if (require("dep") !== 7 || !require("fs").existsSync("made.txt")) process.exit(1);\n');
  user.git('add', '.gitignore', 'package.json', 'check.js');
  user.git('commit', '-qm', 'tests');
  return write;
}

async function dispatch(...args: string[]): Promise<Receipt> {
  const { value } = await bench.user.json<Receipt>(['dispatch', 'builder', 'Build', '--worker', NATIVE_CHAT, ...args]);
  expect(processesOf(value.id)).toEqual([]);
  return value;
}

const events = (receipt: Receipt) =>
  fs.readFileSync(path.join(bench.user.state, 'dispatches', receipt.id, 'journal.jsonl'), 'utf8');

it('the check is found, has the dependencies and the env file, and neither gets into the result', async () => {
  const command = 'node -p "require(\'dep\')" > made.txt && cat .env >> /tmp/seen && echo mine >> config/.env.local';
  const write = await yard(agent(command), { workspace: { copy: ['.env', 'config/.env.local', 'config/*.yml'] } });
  write('node_modules/dep/index.js', 'module.exports = 7;\n');
  write('config/.env.local', 'TOKEN=very-secret\n');
  write('config/local.yml', 'password: very-secret\n');
  const receipt = await dispatch();
  expect([receipt.outcome.status, receipt.outcome.reason]).toEqual(['succeeded', expect.any(String)]);
  expect(receipt.verify).toMatchObject({ command: 'npm test', exitCode: 0, base: null });
  expect(receipt.base?.copied).toEqual(['.env', 'config/.env.local', 'config/local.yml']);
  expect(receipt.changes.files.map((file) => file.path)).toEqual(['made.txt']);
  expect(receipt.changes.ignored).toEqual([]);
  const { user } = bench;
  expect(fs.readFileSync(path.join(user.project, 'made.txt'), 'utf8')).toBe('7\n');
  const everything = user.git('log', '-p', '--all', '--glob=refs/pancode') + JSON.stringify(receipt) + events(receipt);
  expect(everything).not.toMatch(/do-not-carry|very-secret/);
  // What the agent wrote into one of them is not lost.
  const kept = path.join(user.state, 'trash', receipt.id, 'given', 'config/.env.local');
  expect(fs.readFileSync(kept, 'utf8')).toBe('TOKEN=very-secret\nmine\n');
  expect(events(receipt)).toContain('The agent changed config/.env.local');
});

it('a check that fails runs once on a base, however many dispatches start from it', async () => {
  const write = await yard(agent('echo x > other.txt'), { workspace: { share: [] } });
  write('count', '');
  const runs = (receipt: Receipt) =>
    fs.existsSync(path.join(bench.user.state, 'dispatches', receipt.id, 'check-base.log'));
  const [first, second] = [await dispatch('--no-apply'), await dispatch('--no-apply')];
  expect([first, second].map((each) => each.verify)).toMatchObject([
    { command: 'npm test', base: 'fail' },
    { command: 'npm test', base: 'fail' },
  ]);
  expect([runs(first), runs(second)]).toEqual([true, false]);
  const third = await dispatch('--no-apply', '--verify', 'false');
  expect([third.verify?.base, runs(third)]).toEqual(['fail', true]);
});

it('that a program is missing is found out again, as it may have come', async () => {
  await yard(agent('echo 7 > made.txt'), {});
  const check = ['--no-apply', '--verify', 'bash ~/.m2/repository/check'];
  const tools = path.join(bench.user.home, '.m2/repository');
  fs.mkdirSync(tools, { recursive: true });
  expect((await dispatch(...check)).verify).toMatchObject({ exitCode: 127, base: 'fail' });
  fs.writeFileSync(path.join(tools, 'check'), '[ ! -e made.txt ]');
  expect((await dispatch(...check)).verify).toMatchObject({ exitCode: 1, base: 'pass' });
});

it('a set-up that fails starts no agent; one that works is there for agent and check', async () => {
  const setup = 'mkdir -p node_modules/dep && echo "module.exports = 7" > node_modules/dep/index.js';
  await yard(agent('node -p "require(\'dep\')" > made.txt'), { workspace: { setup: 'echo no network >&2; exit 9' } });
  const failed = await dispatch();
  expect([failed.outcome.status, failed.outcome.reason]).toEqual([
    'failed',
    expect.stringContaining('exit status 9 (no network)'),
  ]);
  expect(failed.usage.requests).toBe(0);
  const { user } = bench;
  await user.pancode(['config', 'set', 'workspace.setup', setup]);
  const worked = await dispatch();
  expect([worked.outcome.status, worked.verify?.exitCode]).toEqual(['succeeded', 0]);
  expect(events(worked).match(/Setting the project up/g)).toHaveLength(1);
  expect(fs.existsSync(path.join(user.project, 'node_modules'))).toBe(false);
  const removed = async () =>
    (await user.json<PruneReport>(['prune'])).value.removed
      .filter(({ what }) => what === 'setup')
      .map(({ bytes }) => bytes);
  expect(await removed()).toEqual([]);
  await user.pancode(['config', 'set', 'keep.trashDays', '1e-9']);
  expect(await removed()).toEqual([expect.any(Number), expect.any(Number)]);
  expect(await removed()).toEqual([]);
  expect(events(await dispatch('--no-apply')).match(/Setting the project up/g)).toHaveLength(1);
});

it('what a set-up made of an agent’s work is there for its own check, and for nobody else', async () => {
  const poison =
    'echo "module.exports = 666" > dep.js; echo "{}" > package-lock.json; node -p "require(\'dep\')" > made.txt';
  const write = await yard(agent(`node -p "require('dep')" > made.txt; [ -e package-lock.json ] || { ${poison}; }`), {
    workspace: { setup: 'mkdir -p node_modules/dep && cp dep.js node_modules/dep/index.js' },
  });
  write('dep.js', 'module.exports = 7;\n');
  const poisoned = await dispatch('--no-apply', '--verify', 'test "$(node -p "require(\'dep\')")" = 666');
  expect([poisoned.outcome.status, poisoned.verify?.exitCode], poisoned.outcome.reason).toEqual(['succeeded', 0]);
  // The same lock file, of the user's own, without the agent's change of what it installs.
  write('package-lock.json', '{}\n');
  const clean = await dispatch();
  expect([clean.outcome.status, clean.verify?.exitCode], clean.outcome.reason).toEqual(['succeeded', 0]);
  expect(fs.readFileSync(path.join(bench.user.project, 'made.txt'), 'utf8')).toBe('7\n');
});

it('a check that is found but whose program is not installed checks nothing, and says so', async () => {
  await yard(agent('echo 7 > made.txt'), {});
  const { user } = bench;
  fs.rmSync(path.join(user.project, 'package.json'));
  fs.writeFileSync(path.join(user.project, 'mix.exs'), 'defmodule X do\nend\n');
  const receipt = await dispatch('--no-apply');
  expect([receipt.outcome.status, receipt.verify]).toEqual(['succeeded', null]);
  expect(events(receipt)).toContain('`mix test`, which is not installed');
  // Given by a person it is a check that fails.
  const given = await dispatch('--verify', 'mix test');
  expect(given.verify).toMatchObject({ exitCode: 127, base: 'fail' });
});

it('names that lead out of the project are refused before anything starts', async () => {
  const write = await yard(agent('true'), {});
  write('.pancode/config.yaml', 'workspace: {share: [../secrets]}\n');
  const refused = await bench.user.pancode(['dispatch', 'builder', 'Build', '--worker', NATIVE_CHAT]);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('"../secrets", which is not a place inside'),
  ]);
});
