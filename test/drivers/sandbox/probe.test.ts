/** The probe against the real bubblewrap, and against programs that answer as a broken one does. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { knownFailure } from '../../../src/drivers/sandbox/failures.ts';
import { probeSandbox } from '../../../src/drivers/sandbox/probe.ts';
import { findSystemProgram } from '../../../src/drivers/sandbox/programs.ts';
import { put, tempDir } from '../../fixtures/temp.ts';
import { bundledRelay } from './world.ts';

const FACTS = [
  'write-outside',
  'home-secret',
  'network',
  'gateway',
  'sibling',
  'tiocsti',
  'descriptor',
  'dies-with-parent',
];
const bwrap = findSystemProgram('bwrap') as string;
const dir = tempDir();
let relay: string;
let options: { cacheDir: string; node: string; relay: string };
beforeAll(() => {
  relay = bundledRelay(dir);
  options = { cacheDir: path.join(dir, 'cache'), node: fs.realpathSync(process.execPath), relay };
});

/** A program that stands for bubblewrap: a wrapper in front of the real one, or one that fails in its words. */
const stub = (name: string, text: string) =>
  put(path.join(dir, name), `#!/bin/bash\n[ "$1" = --version ] && exec ${bwrap} --version\n${text}\n`, 0o755);

it('finds that all eight facts hold, keeps the answer, and cleans up', async () => {
  const probe = await probeSandbox(options);
  expect(probe).toMatchObject({ backend: 'bubblewrap', version: expect.stringMatching(/^\d+\.\d+/) });
  expect(probe.facts.map((fact) => fact.id)).toEqual(FACTS);
  expect(probe.facts.filter((fact) => !fact.ok)).toEqual([]);
  expect(fs.readdirSync(options.cacheDir).sort()).toEqual(['sandbox.json', 'sandbox.lock']);
  // Kept: a changed answer in the cache is what comes back.
  const file = path.join(options.cacheDir, 'sandbox.json');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/"detail":"[^"]*"/, '"detail":"kept"'));
  expect((await probeSandbox(options)).facts[0]?.detail).toBe('kept');
});

it('asks again when the relay, the program or the cache has changed', async () => {
  const cacheDir = path.join(dir, 'again');
  const kept = async (change = {}) =>
    (await probeSandbox({ ...options, cacheDir, ...change })).facts[0]?.detail === 'kept';
  const keep = () => {
    const file = path.join(cacheDir, 'sandbox.json');
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/"detail":"[^"]*"/, '"detail":"kept"'));
  };
  expect(await kept()).toBe(false);
  keep();
  expect(await kept()).toBe(true);
  const other = path.join(dir, 'other-relay.js');
  fs.writeFileSync(other, `${fs.readFileSync(relay, 'utf8')}\n// newer\n`);
  expect(await kept({ relay: other })).toBe(false);
  expect(await kept()).toBe(false);
  keep();
  expect(await kept({ bwrap: await stub('wrapper', `exec ${bwrap} "$@"`) })).toBe(false);
  fs.writeFileSync(path.join(cacheDir, 'sandbox.json'), 'garbage');
  expect(await kept()).toBe(false);
});

it('is one probe for all who ask at once', async () => {
  const cacheDir = path.join(dir, 'at-once');
  const log = path.join(dir, 'starts');
  const counting = await stub('counting', `echo start >> '${log}'\nexec ${bwrap} "$@"`);
  const all = await Promise.all(
    Array.from({ length: 6 }, () => probeSandbox({ ...options, cacheDir, bwrap: counting })),
  );
  expect(all.every((probe) => probe.facts.every((fact) => fact.ok))).toBe(true);
  // One start for each profile.
  expect(fs.readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(2);
});

it.each([
  ['bwrap: setting up uid map: Permission denied', /AppArmor.*apparmor_parser/s],
  ['bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted', /AppArmor/],
  ["bwrap: Can't mount proc on /newroot/proc: Operation not permitted", /as root in another sandbox.*normal user/s],
  [
    'bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.',
    /seccomp=unconfined.*sysctl/s,
  ],
  ['bwrap: Creating new namespace failed: No space left on device', /max_user_namespaces/],
  ['bwrap: Unknown option --json', /too old/],
])('says what to do about "%s"', async (words, expected) => {
  const broken = await stub(`broken-${words.length}`, `echo "${words}" >&2\nexit 1`);
  const cacheDir = path.join(dir, 'broken');
  const probe = await probeSandbox({ ...options, cacheDir, bwrap: broken });
  expect(probe).toMatchObject({
    backend: 'none',
    facts: [{ id: 'start', ok: false, detail: expect.stringMatching(expected) }],
  });
  expect(fs.existsSync(path.join(cacheDir, 'sandbox.json'))).toBe(false);
});

it('gives the words of a failure it does not know', async () => {
  const broken = await stub('unknown', 'echo "bwrap: the moon is full" >&2\nexit 1');
  const probe = await probeSandbox({ ...options, cacheDir: path.join(dir, 'unknown-cache'), bwrap: broken });
  expect(probe.facts[0]?.detail).toContain('the moon is full');
  expect(knownFailure('the moon is full')).toBeNull();
});

it('notices a bubblewrap that starts but does not hold', async () => {
  // Its arguments come through a descriptor; this one drops the filter from them. A newline in a path is carried along as another byte.
  const weak = await stub(
    'weak',
    `exec 8< <(tr '\\n\\0' '\\1\\n' <&5 | grep -vxe --seccomp -e 3 | tr '\\n\\1' '\\0\\n'); shift 2; exec ${bwrap} --args 8 "$@"`,
  );
  const cacheDir = path.join(dir, 'weak-cache');
  const probe = await probeSandbox({ ...options, cacheDir, bwrap: weak });
  expect(probe.facts.filter((fact) => !fact.ok)).toEqual([
    { id: 'tiocsti', ok: false, detail: expect.stringMatching(/^profile W: .* gave 25, not EPERM/) },
  ]);
  expect(fs.existsSync(path.join(cacheDir, 'sandbox.json'))).toBe(false);
});

it('promises nothing where nothing could be checked', async () => {
  const missing = await probeSandbox({
    ...options,
    cacheDir: path.join(dir, 'none'),
    relay: path.join(dir, 'no-relay.js'),
  });
  expect(missing).toMatchObject({
    backend: 'none',
    facts: [{ ok: false, detail: expect.stringContaining('no-relay.js') }],
  });
  const file = await put(path.join(dir, 'a-file'), '');
  const nowhere = await probeSandbox({ ...options, cacheDir: path.join(file, 'cache') });
  expect(nowhere).toMatchObject({
    backend: 'none',
    facts: [{ ok: false, detail: expect.stringMatching(/could not be checked/) }],
  });
  const silent = await probeSandbox({
    ...options,
    cacheDir: path.join(dir, 'silent-cache'),
    bwrap: await stub('silent', 'exit 0'),
  });
  expect(silent).toMatchObject({
    backend: 'none',
    facts: [{ ok: false, detail: expect.stringMatching(/ended with 0/) }],
  });
});
