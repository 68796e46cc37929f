/** What an agent must not reach, tried from inside by real commands, in both profiles, as whoever runs the tests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitProcessGroup } from '../../../src/drivers/sandbox/limits.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { CASES, escapedIn } from './cases.ts';
import { createWorld, type World } from './world.ts';

const dir = tempDir();
let world: World;
beforeAll(async () => {
  world = await createWorld(dir);
  // What must not be found inside is really here.
  process.env.PANCODE_TEST_SECRET = world.token;
});
afterAll(async () => {
  delete process.env.PANCODE_TEST_SECRET;
  await world.close();
});

/** Root without control groups has no limit on processes, and the probe says so. */
const unbound = process.getuid?.() === 0 && !canLimit();
function canLimit(): boolean {
  const group = limitProcessGroup();
  group?.remove();
  return group !== null;
}

describe.each(['R', 'W'] as const)('profile %s holds', (profile) => {
  for (const [name, kind] of Object.entries(CASES).filter(([, each]) => each.profiles.includes(profile)))
    it.skipIf(name === 'a fork bomb' && unbound)(name, async () => {
      const before = kind.before?.(world) ?? '';
      const ran = await world.run(profile, kind.script(world), { spec: kind.spec?.(world), leak: kind.leak });
      expect(ran.err).not.toMatch(/^bwrap:|gateway relay|process namespace/m);
      expect(escapedIn(kind, ran, world, before), `${ran.out}\n${ran.err}`).toBe(false);
    });
});

it('two at once see nothing of each other', async () => {
  const watch = `echo mark-$$ > /tmp/mine; : > /dev/shm/mine; sleep 0.3; ls /tmp /dev/shm; for p in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $p; done`;
  const [one, two] = await Promise.all([
    world.run('W', `: only-one; ${watch}`),
    world.run('R', `: only-two; ${watch}`),
  ]);
  expect(one.out).not.toContain('only-two');
  expect(two.out).not.toContain('only-one');
  expect(one.out).toContain('only-one');
});
