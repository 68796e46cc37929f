/** No sandbox outlives the process that started it, however early that process is killed: the life-line and, behind it, bubblewrap's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readProcessIdentity, sweepDispatch } from '../../../src/drivers/sandbox/identity.ts';
import { startPolicy } from '../../../src/drivers/sandbox/launch.ts';
import { policyOf } from '../../../src/drivers/sandbox/policy.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { createWorld, markedProcesses, PORT, type World } from './world.ts';

const dir = tempDir();
let world: World;
beforeAll(async () => {
  world = await createWorld(dir);
});
afterAll(() => world.close());

/** What an agent leaves running that ignores every polite signal. */
const STUBBORN = 'trap "" TERM INT HUP; (setsid sleep 600 &) ; echo running; sleep 600';

const EVERY = [
  ['R', true],
  ['R', false],
  ['W', true],
  ['W', false],
] as const;

function parent(
  profile: 'R' | 'W',
  awaited: boolean,
  count: number,
  ms: number | 'never',
  script = STUBBORN,
): { child: ChildProcess; dispatch: string } {
  const spec = world.spec(profile, { gateway: { dir: world.gateway, port: PORT, awaited } });
  const file = path.join(world.root, `${spec.dispatch}.json`);
  fs.writeFileSync(file, JSON.stringify(spec));
  const args = [path.join(import.meta.dirname, 'parent.ts'), file, String(count), String(ms), script];
  return { child: spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }), dispatch: spec.dispatch };
}

/** Waits until no process is left; a leak never ends, so a generous time is no matter of speed. */
async function left(dispatch: string): Promise<string[]> {
  for (const until = performance.now() + 20_000; performance.now() < until; await delay(20))
    if (markedProcesses(dispatch).length === 0) return [];
  return markedProcesses(dispatch).map((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').slice(0, 80));
}

it.each(EVERY)(
  '24 sandboxes of profile %s (gateway awaited: %s) whose parent is killed within 8 ms leave nothing',
  async (profile, awaited) => {
    const rounds = [0, 1, 3, 8].map((ms) => ({ ms, ...parent(profile, awaited, 6, ms) }));
    for (const { child, dispatch, ms } of rounds) {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
      expect(await left(dispatch), `killed after ${ms} ms`).toEqual([]);
    }
  },
);

it.each(EVERY)(
  'a running sandbox of profile %s (gateway awaited: %s) goes with its parent',
  async (profile, awaited) => {
    const { child, dispatch } = parent(profile, awaited, 1, 'never');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    expect(markedProcesses(dispatch).length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    expect(await left(dispatch)).toEqual([]);
  },
);

it.each(['R', 'W'] as const)(
  'it goes in profile %s too when the agent has killed the reader of the life-line',
  async (profile) => {
    const { child, dispatch } = parent(
      profile,
      false,
      1,
      'never',
      // The command starts as soon as it can, so the reader may have its name a moment later.
      `until pkill -KILL -f ^pancode-lifeline; do :; done; while pgrep -f ^pancode-lifeline >/dev/null; do :; done; ${STUBBORN}`,
    );
    const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    expect(said.toString()).toBe('running\n');
    child.kill('SIGKILL');
    expect(await left(dispatch)).toEqual([]);
  },
);

it('the life-line alone is enough', async () => {
  const policy = await policyOf(world.spec('W'));
  const change = { ...policy, arguments: policy.arguments.filter((word) => word !== '--die-with-parent') };
  const child = await startPolicy(change, ['/bin/bash', '-c', STUBBORN], { stdio: 'pipe' });
  await once(child.stdout, 'data');
  child.letGo();
  await child.exited;
  expect(markedProcesses(policy.environment.PANCODE_DISPATCH as string)).toEqual([]);
});

it('without the life-line’s reader nothing happens at its end: the test above can fail', async () => {
  const policy = await policyOf(world.spec('W'));
  const first = policy.first.replace(/^.*pancode-lifeline.*$/m, ':');
  expect(first).not.toBe(policy.first);
  const child = await startPolicy({ ...policy, first }, ['/bin/bash', '-c', STUBBORN], { stdio: 'pipe' });
  await once(child.stdout, 'data');
  child.letGo();
  expect(await Promise.race([child.exited, delay(1_000, 'alive')])).toBe('alive');
  child.kill();
  await child.exited;
});

it('a sweep finds what nobody holds any more, and waits until it is dead', async () => {
  const dispatch = `swept-${process.pid}`;
  const child = spawn('/bin/bash', ['-c', 'trap "" TERM; sleep 600 & echo x; wait'], {
    env: { PATH: '/usr/bin:/bin', PANCODE_DISPATCH: dispatch },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  await once(child.stdout, 'data');
  expect(readProcessIdentity(child.pid as number)).not.toBeNull();
  expect(await sweepDispatch(dispatch)).toBe(2);
  expect(markedProcesses(dispatch)).toEqual([]);
  expect(await sweepDispatch(dispatch)).toBe(0);
});
