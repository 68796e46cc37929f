/**
 * Every protection is needed: without it, one of the attempts gets out. A policy is computed as always, weakened in one place, and started.
 * No weakening may take the process namespace away while the life-line's reader is there, which kills everything it sees; the reader makes
 * sure of that too (last test).
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Policy } from '../../../src/drivers/sandbox/policy.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { CASES, type Case, escapedIn } from './cases.ts';
import { createWorld, treeOf, type World } from './world.ts';

const dir = tempDir();
let world: World;
beforeAll(async () => {
  world = await createWorld(fs.mkdtempSync(path.join(dir, 'world-')));
});
afterAll(() => world.close());

interface Mutation {
  attempt: keyof typeof CASES;
  profile: 'R' | 'W';
  weaken(policy: Policy, world: World): Policy;
  /** Only root owns what would be reached. */
  rootOnly?: boolean;
  /** Does not bind root. */
  userOnly?: boolean;
}

const root = process.getuid?.() === 0;
const args = (change: (given: string[], world: World) => string[]) => (policy: Policy, world: World) => ({
  ...policy,
  arguments: change(policy.arguments, world),
});

/** Without an option and its values. */
function without(given: string[], ...words: string[]): string[] {
  const at = given.findIndex((_, i) => words.every((word, n) => given[i + n] === word));
  if (at < 0) throw new Error(`the policy has no ${words.join(' ')}`);
  return given.toSpliced(at, words.length);
}

/** The read-only mount at a place, writable. */
function writable(given: string[], place: string): string[] {
  const at = given.findIndex((word, i) => word === '--ro-bind' && given[i + 2] === place);
  if (at < 0) throw new Error(`the policy has no read-only mount at ${place}`);
  return given.with(at, '--bind');
}

/** Another host directory at a place. */
function from(given: string[], place: string, host: string): string[] {
  const at = given.findIndex((word, i) => /^--(ro-)?bind$/.test(word) && given[i + 2] === place);
  if (at < 0) throw new Error(`the policy has no mount at ${place}`);
  return given.with(at + 1, host);
}

const unmasked = args((given) => {
  const kept = [...given];
  for (let at = kept.indexOf('/dev/null'); at > 0; at = kept.indexOf('/dev/null')) kept.splice(at - 1, 3);
  return kept;
});
/** One instruction: allow. */
const ALLOW_ALL = Buffer.from('060000000000ff7f', 'hex');
const unfiltered = (policy: Policy) => ({
  ...policy,
  filter: ALLOW_ALL,
  readerFilter: policy.readerFilter && ALLOW_ALL,
});
/** The first process without anything but the command: no guard, no life-line, no limit. */
const bare = (policy: Policy) => ({ ...policy, first: 'exec -- "$@"' });

const MUTATIONS: Record<string, Mutation> = {
  'a home of its own (write)': {
    attempt: 'write beside the project',
    profile: 'W',
    weaken: args((given, { home }) => from(given, home, home)),
  },
  'a home of its own (read)': {
    attempt: 'secrets of the home',
    profile: 'W',
    weaken: args((given, { home }) => from(given, home, home)),
  },
  'a home of its own (through a link)': {
    attempt: 'secrets through a link',
    profile: 'R',
    weaken: args((given, { home }) => from(given, home, home)),
  },
  'the list of /etc': {
    attempt: 'secrets of the system',
    profile: 'R',
    weaken: args((given) => [...given.slice(0, -6), '--ro-bind', '/etc', '/etc', ...given.slice(-6)]),
  },
  'masks (.env)': { attempt: 'the .env file of the project', profile: 'R', weaken: unmasked },
  'masks (fifo)': { attempt: 'a fifo in the project', profile: 'R', weaken: unmasked },
  'masks (socket)': { attempt: 'a socket in the project', profile: 'R', weaken: unmasked },
  'the read-only project': {
    attempt: 'change a read-only project',
    profile: 'R',
    weaken: args((given, { project }) => writable(given, project)),
  },
  'the private copy': {
    attempt: 'change the real project from a copy',
    profile: 'W',
    weaken: args((given, { project }) => from(given, project, project)),
  },
  'read-only objects': {
    attempt: 'delete objects the copy borrows',
    profile: 'W',
    weaken: args((given) => writable(given, '/run/pancode/objects')),
  },
  'read-only shares': {
    attempt: 'change shared dependencies',
    profile: 'W',
    weaken: args((given, { project }) => writable(given, path.join(project, 'node_modules'))),
  },
  '--unshare-net (tcp)': {
    attempt: 'tcp to the host',
    profile: 'W',
    weaken: args((given) => without(given, '--unshare-net')),
  },
  '--unshare-net (udp)': {
    attempt: 'udp to the host',
    profile: 'R',
    weaken: args((given) => without(given, '--unshare-net')),
  },
  '--unshare-net (abstract sockets)': {
    attempt: 'an abstract socket of the host',
    profile: 'W',
    weaken: args((given) => without(given, '--unshare-net')),
  },
  'the filter against unix sockets': {
    attempt: 'a unix socket in R',
    profile: 'R',
    weaken: (policy) => ({ ...policy, readerFilter: policy.filter }),
  },
  'the cover over the gateway': {
    attempt: 'the socket of the gateway in R',
    profile: 'R',
    weaken: (policy) => ({ ...policy, first: policy.first.replace("'--tmpfs' '/run/pancode/gw'", '') }),
  },
  'the read-only gateway': {
    attempt: 'replace the socket of the gateway',
    profile: 'W',
    weaken: args((given) => writable(given, '/run/pancode/gw')),
  },
  '--unshare-pid': {
    attempt: 'other processes',
    profile: 'W',
    weaken: (policy) => bare({ ...policy, arguments: without(policy.arguments, '--unshare-pid') }),
  },
  '--unshare-pid (leftovers)': {
    attempt: 'leftovers',
    profile: 'W',
    weaken: (policy) => bare({ ...policy, arguments: without(policy.arguments, '--unshare-pid') }),
  },
  '--unshare-ipc': {
    attempt: 'shared memory of the host',
    profile: 'W',
    weaken: args((given) => without(given, '--unshare-ipc')),
  },
  '--unshare-uts': {
    attempt: 'the name of the host',
    profile: 'W',
    weaken: args((given) => without(without(given, '--unshare-uts'), '--hostname', 'worker')),
  },
  '--new-session': {
    attempt: 'the session of the launcher',
    profile: 'W',
    weaken: args((given) => without(given, '--new-session')),
  },
  'the filter (terminal)': { attempt: 'typing into a terminal', profile: 'R', weaken: unfiltered },
  'the filter (calls)': { attempt: 'system calls', profile: 'W', weaken: unfiltered },
  'the filter (families)': { attempt: 'strange socket families', profile: 'W', weaken: unfiltered },
  'closed descriptors': {
    attempt: 'a descriptor of the parent',
    profile: 'W',
    weaken: (policy) => ({ ...policy, outer: policy.outer.slice(policy.outer.indexOf('ulimit')) }),
  },
  'an environment of its own': {
    attempt: 'the environment of the parent',
    profile: 'W',
    weaken: (policy, { token }) => ({ ...policy, environment: { ...policy.environment, SECRET_OF_THE_PARENT: token } }),
  },
  'the limit on files': {
    attempt: 'a huge file',
    profile: 'W',
    weaken: (policy) => ({ ...policy, outer: policy.outer.replace(/ulimit -f \d+/, 'true') }),
  },
  'the limit on core dumps': {
    attempt: 'a core dump',
    profile: 'W',
    weaken: (policy) => ({
      ...policy,
      outer: policy.outer.replace('ulimit -c 0', 'ulimit -c unlimited').replace(/ulimit -n \d+/, 'true'),
    }),
  },
  'sizes of scratch space': {
    attempt: 'filling memory',
    profile: 'W',
    weaken: args((given) => without(given, '--size', String(64 << 20))),
  },
  'the limit on processes': {
    attempt: 'a fork bomb',
    profile: 'W',
    userOnly: true,
    weaken: (policy) => ({ ...policy, first: policy.first.replace(/ulimit -u \d+/, 'true') }),
  },
  'the control group': {
    attempt: 'a fork bomb',
    profile: 'W',
    rootOnly: true,
    weaken: (policy) => ({ ...policy, processGroup: false }),
  },
  '--remount-ro /': {
    attempt: 'the root of the file system',
    profile: 'W',
    weaken: args((given) => without(given, '--remount-ro', '/')),
  },
  '--remount-ro /run': {
    attempt: 'the directory of PanCode inside',
    profile: 'W',
    weaken: args((given) => without(given, '--remount-ro', '/run')),
  },
  'read-only programs': {
    attempt: 'programs of the system',
    profile: 'W',
    rootOnly: true,
    weaken: args((given) => writable(given, '/usr')),
  },
  'read-only kernel settings': {
    attempt: 'settings of the kernel',
    profile: 'W',
    rootOnly: true,
    weaken: args((given) => without(given, '--ro-bind', '/proc/sys', '/proc/sys')),
  },
  'another user than root': {
    attempt: 'being root',
    profile: 'W',
    rootOnly: true,
    weaken: args((given) => without(given, '--uid', '1000', '--gid', '1000')),
  },
  'devices of its own': {
    attempt: 'a device of the host',
    profile: 'W',
    weaken: args((given) => [...given.slice(0, -6), '--dev-bind', '/dev', '/dev', ...given.slice(-6)]),
  },
};

describe('without a protection its attempt gets out', () => {
  for (const [protection, mutation] of Object.entries(MUTATIONS))
    it.skipIf(root ? mutation.userOnly : mutation.rootOnly)(`${protection}: ${mutation.attempt}`, async () => {
      const kind = CASES[mutation.attempt] as Case;
      const before = kind.before?.(world) ?? '';
      const ran = await world.run(mutation.profile, kind.script(world), {
        spec: kind.spec?.(world),
        leak: kind.leak,
        change: (policy) => mutation.weaken(policy, world),
      });
      expect(escapedIn(kind, ran, world, before), `${ran.out}\n${ran.err}`).toBe(true);
      await restore();
    });
});

it('every attempt is shown to be able to get out', () => {
  const shown = new Set(Object.values(MUTATIONS).map((mutation) => mutation.attempt));
  expect(Object.keys(CASES).filter((name) => !shown.has(name))).toEqual([]);
});

it('nothing is run where there is no process namespace of its own', async () => {
  // Without the guard this would be the end of every process of whoever runs the tests, so the reader of the life-line is left out.
  const harmless = (policy: Policy) => ({ ...policy, first: policy.first.replace(/^.*pancode-lifeline.*$/m, ':') });
  const change = (policy: Policy) => harmless({ ...policy, arguments: without(policy.arguments, '--unshare-pid') });
  const ran = await world.run('W', 'echo started', { change });
  expect(ran).toMatchObject({ code: 125, out: '', err: expect.stringContaining('no process namespace') });
});

/** An attempt that got out has changed its world. */
async function restore(): Promise<void> {
  const fresh = await createWorld(fs.mkdtempSync(path.join(dir, 'world-')));
  const old = world;
  world = fresh;
  await old.close();
  fs.rmSync(path.dirname(old.root), { recursive: true, force: true });
  expect(treeOf(world.outside)).toContain('kept');
}
