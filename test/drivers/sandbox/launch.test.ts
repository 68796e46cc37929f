/** What must work inside, and how a sandbox ends. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processAlive, readProcessIdentity } from '../../../src/drivers/sandbox/identity.ts';
import { startSandboxed } from '../../../src/drivers/sandbox/launch.ts';
import { startUnsandboxed } from '../../../src/drivers/sandbox/none.ts';
import { sharedDirectories } from '../../../src/drivers/sandbox/shares.ts';
import { put, tempDir } from '../../fixtures/temp.ts';
import { createWorld, gitEnv, markedProcesses, PORT, quoted, type World } from './world.ts';

const dir = tempDir();
let world: World;
beforeAll(async () => {
  world = await createWorld(dir);
});
afterAll(() => world.close());

const start = (profile: 'R' | 'W' | 'RX' | 'H', command: string[], change = {}) =>
  startSandboxed(world.spec(profile, change), command, { stdio: 'pipe' });

describe('inside', () => {
  it('the project is at its own path, and the command starts where it shall', async () => {
    const ran = await world.run('R', 'pwd; cat app.js; cat ../.gitignore', {
      spec: { cwd: path.join(world.project, 'src') },
    });
    expect(ran).toMatchObject({ code: 0, out: `${world.project}/src\nhello\nnode_modules\n.env\nsocket\nfifo\n` });
  });

  it('nobody’s .bashrc runs, although a pipe of Node looks like a remote login to bash', async () => {
    const { home } = world.spec('W');
    const mark = path.join(dir, 'bashrc-ran');
    const files = [path.join(home.path, '.bashrc'), path.join(home.host, '.bashrc')];
    const before = files.map((file) => (fs.existsSync(file) ? fs.readFileSync(file) : null));
    for (const file of files) fs.writeFileSync(file, `echo ran; touch ${quoted(mark)}\n`);
    try {
      const child = await start('W', ['/bin/sh', '-c', 'echo hi']);
      child.stdin.end();
      await child.exited;
      expect([String(child.stdout.read()), fs.existsSync(mark)]).toEqual(['hi\n', false]);
    } finally {
      files.forEach((file, n) => {
        fs.rmSync(file);
        if (before[n]) fs.writeFileSync(file, before[n]);
      });
    }
  });

  it('git reads a read-only project without a word of complaint', async () => {
    const ran = await world.run('R', 'git log --format=%s && git blame -s src/app.js && git status --short');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toMatch(/^first\n/);
  });

  it('a copy can be changed and committed to, and the change is in the copy alone', async () => {
    const script =
      'echo more >> src/app.js && git add -A && git -c user.name=a -c user.email=a@x commit -qm second && git log --format=%s';
    expect(await world.run('W', script)).toMatchObject({ code: 0, out: 'second\nfirst\n' });
    expect(fs.readFileSync(path.join(world.copy, 'src/app.js'), 'utf8')).toBe('hello\nmore\n');
    expect(fs.readFileSync(path.join(world.project, 'src/app.js'), 'utf8')).toBe('hello\n');
  });

  it('a harvest reads the copy, writes to its output and has an empty home', async () => {
    const output = path.join(world.root, 'output');
    fs.mkdirSync(output);
    const script =
      'cat src/app.js > /run/pancode/out/got; ls ~/.npmrc ~/.ssh 2>/dev/null; touch x 2>/dev/null; [ -e x ] && echo written; true';
    const ran = await world.run('H', script, { spec: { output } });
    expect(ran).toMatchObject({ code: 0, out: '' });
    expect(fs.readFileSync(path.join(output, 'got'), 'utf8')).toContain('hello');
  });

  it('the gateway answers from the first instant, in every profile that has one', async () => {
    const ask = `exec 3<>/dev/tcp/127.0.0.1/${PORT} && cat <&3`;
    for (const profile of ['R', 'RX', 'W', 'R', 'W'] as const) {
      const ran = await world.run(profile, ask, {
        spec: { gateway: { dir: world.gateway, port: PORT, awaited: true } },
      });
      expect(ran).toMatchObject({ code: 0, out: `gateway ${world.token}\n`, err: '' });
    }
  });

  it('a command that does not wait for the gateway is told when it answers, and gets no descriptor of it', async () => {
    const gateway = { dir: world.gateway, port: PORT, awaited: false };
    const script = `read -r _; exec 3<>/dev/tcp/127.0.0.1/${PORT} && cat <&3; exec 3<&-; echo /proc/$$/fd/*; cat /proc/$$/task/$$/children`;
    for (const profile of ['R', 'RX', 'W', 'R', 'W'] as const) {
      const child = await start(profile, ['/bin/bash', '-c', script], { gateway });
      await child.reachable;
      child.stdin.end('go\n');
      await child.exited;
      const [said, descriptors, children] = (await child.stdout.toArray()).join('').split('\n');
      expect(said).toBe(`gateway ${world.token}`);
      // 3 is the listing's own.
      expect(descriptors?.split(' ').map((file) => path.basename(file))).toEqual(['0', '1', '2', '3']);
      expect(children?.trim().split(' ')).toHaveLength(1);
    }
  });

  it('it is told too when the gateway never will', async () => {
    const gateway = { dir: world.gateway, port: 1, awaited: false };
    for (const profile of ['R', 'W'] as const) {
      const child = await start(profile, ['/bin/bash', '-c', 'read -r _; echo started'], { gateway });
      await expect(child.reachable).rejects.toThrow('relay did not start');
      child.kill();
      await child.exited;
      expect(child.stderrTail()).toContain('EACCES');
    }
  });

  it('nothing is started when the relay cannot be', async () => {
    const gateway = { dir: world.gateway, port: 1, awaited: true };
    const ran = await world.run('R', 'echo started', { spec: { gateway } });
    expect(ran).toMatchObject({ code: 125, out: '' });
    expect(ran.err).toMatch(/EACCES.*\n.*relay did not start/s);
  });

  it('the agent has no children it did not make', async () => {
    for (const profile of ['R', 'W'] as const) {
      const ran = await world.run(
        profile,
        `cat /proc/$$/task/$$/children; perl -e 'print wait() == -1 ? "none" : "some"'`,
        {
          spec: { gateway: { dir: world.gateway, port: PORT, awaited: true } },
        },
      );
      expect(ran.out.replace(/^\d+ /, '')).toBe('none');
    }
  });

  it('shared dependencies are there, read-only, and one the copy has itself is not covered', async () => {
    fs.mkdirSync(path.join(world.project, 'vendor'));
    await put(path.join(world.copy, 'vendor/own'), 'own\n');
    const shares = sharedDirectories(world.project, world.copy, ['node_modules', 'vendor', 'missing']);
    expect(shares.map((share) => path.basename(share.path))).toEqual(['node_modules']);
    const ran = await world.run('W', 'cat node_modules/dep/index.js vendor/own', { spec: { shares } });
    expect(ran).toMatchObject({ code: 0, out: 'dep\nown\n' });
    // Again: the empty mount point that is left in the copy does not count as the copy's own.
    expect(sharedDirectories(world.project, world.copy, ['node_modules'])).toHaveLength(1);
  });

  it('a program inside the project’s own node_modules can be mounted alone', async () => {
    const bin = path.join(world.project, 'node_modules/node-here/bin');
    fs.mkdirSync(bin, { recursive: true });
    fs.copyFileSync('/bin/true', path.join(bin, 'tool'));
    const ran = await world.run('W', `${quoted(path.join(bin, 'tool'))} && ls node_modules`, {
      spec: { roots: [bin] },
    });
    expect(ran).toMatchObject({ code: 0, out: 'node-here\n' });
    const both = sharedDirectories(world.project, world.copy, ['node_modules']);
    expect(
      await world.run('W', `${quoted(path.join(bin, 'tool'))} && cat node_modules/dep/index.js`, {
        spec: { roots: [bin], shares: both },
      }),
    ).toMatchObject({
      code: 0,
    });
  });

  it('a linked worktree, whose git directory lies elsewhere, works read-only', async () => {
    const tree = path.join(world.root, 'linked tree');
    execFileSync('git', ['-C', world.project, 'worktree', 'add', '-q', '-b', 'side', tree], {
      env: gitEnv(world.home),
    });
    const ran = await world.run('R', 'git log --format=%s; git branch x; touch y', {
      spec: { project: tree, cwd: tree },
    });
    expect(ran.out).toBe('first\n');
    expect(ran.err).toMatch(/Read-only file system/);
  });

  it('a home behind a link is the state directory at both of its paths', async () => {
    const link = path.join(world.root, 'home-link');
    fs.symlinkSync(world.home, link);
    const home = { host: world.state, path: link };
    const ran = await world.run(
      'W',
      `touch ~/here; ls ${quoted(`${world.home}/here`)}; cat ${quoted(`${world.home}/.npmrc`)}`,
      { spec: { home } },
    );
    expect(ran.out).toBe(`${world.home}/here\n`);
    expect(ran.out).not.toContain(world.token);
  });

  it('what an earlier agent left in its home leads no mount elsewhere', async () => {
    const roots = [path.join(world.home, '.tool/bin')];
    await put(path.join(roots[0] as string, 'tool'), '#!/bin/sh\necho tool\n', 0o755);
    const victim = path.join(world.root, 'victim');
    fs.mkdirSync(victim);
    fs.symlinkSync(victim, path.join(world.state, '.tool'));
    const ran = await world.run('W', '~/.tool/bin/tool', { spec: { roots } });
    expect(ran).toMatchObject({ code: 0, out: 'tool\n' });
    expect(fs.readdirSync(victim)).toEqual([]);
  });

  it('nested user namespaces work for a writer, so that a CLI’s own sandbox can stay on', async () => {
    const ran = await world.run('W', 'bwrap --unshare-all --ro-bind / / --dev /dev echo nested');
    expect(ran).toMatchObject({ code: 0, out: 'nested\n' });
  });

  it('a command with arguments of every shape arrives as it was given', async () => {
    const odd = ['-x', '', 'a b', "it's", '"', '$HOME', 'new\nline', 'ünï', '--'];
    const child = await start('R', ['/usr/bin/perl', '-e', 'print join "|", @ARGV', '--', ...odd]);
    child.stdin.end();
    const out = (await child.stdout.toArray()).join('');
    expect(out).toBe(odd.join('|'));
  });

  it('a variable that would run code before a program does is refused', async () => {
    for (const name of ['LD_PRELOAD', 'BASH_ENV', 'BASH_FUNC_ls%%', 'ENV'])
      await expect(start('W', ['true'], { env: { [name]: 'x' } })).rejects.toThrow(name);
  });
});

describe('places that cannot be held are refused', () => {
  it.each([
    ['the home', () => ({ project: world.home, cwd: world.home })],
    ['an ancestor of the home', () => ({ project: world.root, cwd: world.root })],
    ['/', () => ({ project: '/', cwd: '/' })],
    ['a start outside of the project', () => ({ cwd: world.outside })],
    ['a project that holds the state', () => ({ home: { host: path.join(world.project, 'src'), path: world.home } })],
    ['a home that is /', () => ({ home: { host: world.state, path: '/' } })],
  ])('%s', async (_, change) => {
    await expect(start('R', ['true'], change())).rejects.toMatchObject({
      code: 'place',
      exit: 2,
      do: expect.stringMatching(/\.$/),
    });
  });
});

describe('the end', () => {
  it.each([
    ['exit 7', 7],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
    ['exec nonexistent-program', 127],
  ])('%s gives status %d', async (script, code) => {
    for (const profile of ['R', 'W'] as const) expect((await world.run(profile, script)).code).toBe(code);
  });

  it('comes although a leftover holds the output, and the leftover is gone', async () => {
    const child = await start('W', ['/bin/bash', '-c', 'setsid sleep 600 & echo started']);
    child.stdin.end();
    expect(await child.exited).toMatchObject({ code: 0 });
    expect((await child.stdout.toArray()).join('')).toBe('started\n');
  });

  it('comes although nobody reads, and loses nothing', async () => {
    const child = await start('W', ['/bin/bash', '-c', 'echo error >&2; for i in {1..2000}; do echo "line $i"; done']);
    child.stdin.end();
    await child.exited;
    expect(child.stderrTail()).toBe('error\n');
    expect((await child.stdout.toArray()).join('').split('\n')).toHaveLength(2_001);
  });

  it('keeps the last 8 kB of what is said on standard error', async () => {
    const child = await start('W', ['/bin/bash', '-c', 'for i in {1..5000}; do echo "line $i" >&2; done']);
    child.stdin.end();
    await child.exited;
    expect(child.stderrTail().length).toBe(8_192);
    expect(child.stderrTail()).toMatch(/line 5000\n$/);
  });

  it('comes by kill at any moment, and then nothing of it is alive', async () => {
    const spec = world.spec('W');
    for (const wait of [0, 1, 2, 4, 8, 16, 32, 64, 128]) {
      const child = await startSandboxed(
        spec,
        ['/bin/bash', '-c', 'trap "" TERM INT HUP; setsid sleep 600 & sleep 600'],
        { stdio: 'pipe' },
      );
      await delay(wait);
      child.kill();
      child.kill();
      await child.exited;
      expect(markedProcesses(spec.dispatch), `killed after ${wait} ms`).toEqual([]);
    }
  });

  it('comes at the end of the command, and then nothing of it is alive', async () => {
    const spec = world.spec('R');
    for (let n = 0; n < 5; n += 1) {
      const child = await startSandboxed(spec, ['/bin/bash', '-c', '(setsid sleep 600 >/dev/null 2>&1 &); true'], {
        stdio: 'pipe',
      });
      child.stdin.end();
      // A loop that was busy all the time the sandbox lived must not miss what is left of it.
      if (n === 0) for (const until = performance.now() + 300; performance.now() < until; );
      await child.exited;
      expect(markedProcesses(spec.dispatch)).toEqual([]);
    }
  });

  it('is the same for eight at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, n) => world.run(n % 2 ? 'R' : 'W', `echo ${n}; cat src/app.js | head -1`)),
    );
    expect(all.map((ran) => ran.out)).toEqual(Array.from({ length: 8 }, (_, n) => `${n}\nhello\n`));
  });
});

describe('without a sandbox', () => {
  it('the group ends with its first process', async () => {
    const spec = world.spec('W');
    const child = await startUnsandboxed(spec, ['/bin/bash', '-c', 'sleep 600 & echo $PANCODE_DISPATCH; pwd'], {
      stdio: 'pipe',
    });
    child.stdin.end();
    expect(await child.exited).toMatchObject({ code: 0 });
    expect((await child.stdout.toArray()).join('')).toBe(`${spec.dispatch}\n${world.copy}\n`);
    await vanished(spec.dispatch);
  });

  it('the group ends by kill', async () => {
    const spec = world.spec('W');
    const child = await startUnsandboxed(spec, ['/bin/bash', '-c', 'trap "" TERM; sleep 600 & sleep 600'], {
      stdio: 'pipe',
    });
    child.kill();
    await child.exited;
    await vanished(spec.dispatch);
  });
});

it('a process is known by its start, and a zombie is dead', async () => {
  const identity = readProcessIdentity(process.pid);
  expect(identity && processAlive(identity)).toBe(true);
  expect(identity && processAlive({ ...identity, startTime: '1' })).toBe(false);
  expect(identity && processAlive({ ...identity, bootId: 'x' })).toBe(false);
  expect(readProcessIdentity(4_194_305)).toBeNull();
  const child = (await import('node:child_process')).spawn('/bin/bash', ['-c', 'sleep 0 & echo $!; read -r _'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const zombie = readProcessIdentity(Number(line.toString()));
  child.stdin.end();
  if (zombie) while (processAlive(zombie)) await delay(5);
});

async function vanished(dispatch: string): Promise<void> {
  while (markedProcesses(dispatch).length > 0) await delay(5);
}
