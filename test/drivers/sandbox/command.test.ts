/** `pancode sandbox run` as a user starts it: from a bundle, with a home of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { put, tempDir } from '../../fixtures/temp.ts';
import { bundledRelay, gitEnv } from './world.ts';

const apps = path.join(import.meta.dirname, '../../../src/apps');
const root = tempDir();
let home: string;
let project: string;
let temporary: string;

beforeAll(async () => {
  bundledRelay(root);
  await build({
    ...{
      entryPoints: [path.join(apps, 'main.ts')],
      outfile: path.join(root, 'main.js'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    },
    ...{ external: ['@vscode/ripgrep'], define: { PANCODE_VERSION: '"0"' } },
    banner: {
      js: "import{createRequire as pancodeRequire}from'node:module';const require=pancodeRequire(import.meta.url);",
    },
  });
  await put(path.join(root, 'package.json'), '{"type":"module"}');
});

let n = 0;
beforeEach(async () => {
  n += 1;
  home = path.join(root, `home ${n}`);
  temporary = path.join(root, `tmp${n}`);
  project = path.join(home, '-my app');
  fs.mkdirSync(temporary, { recursive: true });
  await put(path.join(project, 'src/app.js'), 'hello\n');
  await put(path.join(project, '.gitignore'), 'node_modules\n.env\n');
  await put(path.join(project, 'node_modules/dep.js'), 'dep\n');
  await put(path.join(project, '.env'), 'SECRET\n');
  await put(path.join(home, '.npmrc'), 'SECRET\n');
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '.'],
    ['commit', '-qm', 'first'],
  ])
    execFileSync('git', args, { cwd: project, env: gitEnv(home) });
  fs.writeFileSync(path.join(project, 'untracked'), 'untracked\n');
});

function start(args: string[], cwd = project): ChildProcess {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    PANCODE_HOME: path.join(root, `pancode${n}`),
    TMPDIR: temporary,
    SECRET: 'SECRET',
  };
  return spawn(process.execPath, [path.join(root, 'main.js'), 'sandbox', 'run', ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(args: string[], cwd = project): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(args, cwd);
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

const shell = (script: string) => ['--', '/bin/bash', '-c', script];
const build_ = ['--mode', 'build', '--safety', 'full-auto'];
const refs = () => execFileSync('git', ['for-each-ref'], { cwd: project, env: gitEnv(home), encoding: 'utf8' });

it.each([
  [['--mode', 'plan']],
  [['--mode', 'review', '--safety', 'full-auto']],
  [['--mode', 'admin']],
  [['--mode', 'build', '--safety', 'full-auto', '--readonly']],
])('%j cannot write', async (given) => {
  const ran = await run([
    ...given,
    '--project',
    project,
    ...shell('cat src/app.js untracked .env ~/.npmrc; env; echo x > src/app.js; echo x > new'),
  ]);
  expect(ran.code).toBe(1);
  expect(ran.out).toMatch(/^hello\nuntracked\n/);
  expect(ran.out).not.toContain('SECRET');
  expect(fs.readFileSync(path.join(project, 'src/app.js'), 'utf8')).toBe('hello\n');
  expect(fs.existsSync(path.join(project, 'new'))).toBe(false);
  expect(fs.readdirSync(temporary)).toEqual([]);
});

it('a writer without a workspace gets a copy of the working tree that is thrown away', async () => {
  const before = refs();
  const ran = await run([
    ...build_,
    '--project',
    '.',
    ...shell('cat untracked node_modules/dep.js && echo x > src/app.js && git status --short; exit 7'),
  ]);
  expect(ran).toMatchObject({ code: 7, err: '' });
  expect(ran.out).toMatch(/^untracked\ndep\n M src\/app.js\n/);
  expect(fs.readFileSync(path.join(project, 'src/app.js'), 'utf8')).toBe('hello\n');
  expect(refs()).toBe(before);
  expect(fs.readdirSync(temporary)).toEqual([]);
});

it('a reader that may run the project writes to a copy that is thrown away', async () => {
  const ran = await run(['--mode', 'review', '--run', '--project', project, ...shell('echo out > built && cat built')]);
  expect(ran).toMatchObject({ code: 0, out: 'out\n' });
  expect(fs.existsSync(path.join(project, 'built'))).toBe(false);
});

it('a workspace, a state directory and a home that were given are used and kept', async () => {
  const [workspace, state] = [path.join(root, `ws${n}`), path.join(root, `state${n}`)];
  execFileSync('git', ['clone', '-q', project, workspace], { env: gitEnv(home) });
  fs.mkdirSync(state);
  const given = ['--project', project, '--workspace', workspace, '--state', state, '--home', '/home/somebody'];
  const ran = await run([...build_, ...given, ...shell('echo x > src/app.js; echo y > ~/kept; echo "$HOME"; pwd')]);
  expect(ran).toMatchObject({ code: 0, out: `/home/somebody\n${project}\n` });
  expect(fs.readFileSync(path.join(workspace, 'src/app.js'), 'utf8')).toBe('x\n');
  expect(fs.readFileSync(path.join(state, 'kept'), 'utf8')).toBe('y\n');
});

it('a port of the host can be reached when it is named, and only then', async () => {
  const server = net.createServer((socket) => socket.on('error', () => {}).end('from the host\n'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as net.AddressInfo;
  const ask = shell(`exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`);
  for (const mode of ['plan', 'build']) {
    expect(await run(['--mode', mode, '--project', project, '--gateway-port', String(port), ...ask])).toMatchObject({
      code: 0,
      out: 'from the host\n',
    });
    expect((await run(['--mode', mode, '--project', project, ...ask])).out).toBe('');
  }
  server.close();
});

it('the status is the command’s own, a signal as 128 and its number', async () => {
  for (const [script, code] of [
    ['exit 0', 0],
    ['exit 3', 3],
    ['kill -TERM $$', 143],
    ['nonexistent', 127],
  ] as const)
    expect((await run(['--mode', 'plan', '--project', project, ...shell(script)])).code).toBe(code);
});

it.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
  ['SIGKILL', null],
] as const)('%s takes the sandbox down', async (signal, code) => {
  const mark = `600.${process.pid}${n}`;
  const child = start([
    ...build_,
    '--project',
    project,
    ...shell(`trap "" TERM INT HUP; setsid sleep ${mark} & echo up; sleep ${mark}`),
  ]);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.kill(signal);
  const [ended] = await once(child, 'exit');
  expect(ended).toBe(code);
  const alive = () =>
    fs.readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`sleep\0${mark}`);
      } catch {
        return false; // it ended while we looked
      }
    });
  // At once where the command could still wait for it; soon where it was killed itself.
  if (signal !== 'SIGKILL') expect(alive()).toEqual([]);
  while (alive().length > 0) await delay(10);
  if (signal !== 'SIGKILL') expect(fs.readdirSync(temporary)).toEqual([]);
});

it.each([
  [['--project', '.'], /--mode is missing/],
  [['--mode', 'biuld', '--project', '.'], /--mode cannot be "biuld".*build/],
  [['--mode', 'plan', '--safety', 'yolo', '--project', '.'], /--safety cannot be "yolo"/],
  [['--mode', 'plan'], /--project/],
  [['--mode', 'plan', '--project', '/nonexistent'], /\/nonexistent is not a directory/],
  [['--mode', 'plan', '--project', '.', '--state', '/nonexistent'], /--state \/nonexistent is not a directory/],
  [['--mode', 'build', '--project', '.', '--workspace', '/etc/passwd'], /--workspace \/etc\/passwd is not a directory/],
  [['--mode', 'plan', '--project', '.', '--gateway-port', '80'], /--gateway-port/],
  [['--mode', 'plan', '--project', '.', '--gateway-port', '99999'], /--gateway-port/],
  [['--mode', 'plan', '--project', '/'], /root directory/],
  [['--mode', 'plan', '--project', '..'], /home/],
])('%j is refused', async (given, expected) => {
  const ran = await run([...given, ...shell('echo started')]);
  expect(ran).toMatchObject({ code: 2, out: '' });
  expect(ran.err).toMatch(expected);
  expect(ran.err).not.toMatch(/\n\s+at /);
});

it('a directory outside of git can be read, and a writer gets a copy of it', async () => {
  const plain = path.join(home, 'plain');
  await put(path.join(plain, 'a'), 'plain\n');
  expect(await run(['--mode', 'plan', '--project', plain, ...shell('cat a')], plain)).toMatchObject({
    code: 0,
    out: 'plain\n',
  });
  const ran = await run([...build_, '--project', plain, ...shell('echo x > a && cat a')], plain);
  expect(ran).toMatchObject({ code: 0, out: 'x\n' });
  expect(fs.readFileSync(path.join(plain, 'a'), 'utf8')).toBe('plain\n');
});
