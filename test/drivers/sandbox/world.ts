/** A host full of what an agent must not reach, and a sandbox in it. Every path holds a space, a newline, a dash and a non-ASCII letter. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { sweepDispatch } from '../../../src/drivers/sandbox/identity.ts';
import { startPolicy } from '../../../src/drivers/sandbox/launch.ts';
import { type Policy, policyOf } from '../../../src/drivers/sandbox/policy.ts';
import type { SandboxProfile, SandboxSpec } from '../../../src/drivers/sandbox/spec.ts';
import { listenInDirectory } from '../../../src/drivers/socket.ts';

export interface Ran {
  code: number | null;
  out: string;
  err: string;
}

export interface World {
  root: string;
  home: string;
  project: string;
  /** A directory beside the project, with `kept` and `secret`. */
  outside: string;
  copy: string;
  state: string;
  gateway: string;
  relay: string;
  /** In every secret, in the environment of the sibling and of this process, and in the leaked descriptor. */
  token: string;
  tcpPort: number;
  udpPort: number;
  abstractName: string;
  /** Connections and datagrams that reached a listener of the host. */
  hits: { tcp: number; udp: number; unix: number; abstract: number };
  sibling: ChildProcess;
  shmKey: number;
  spec(profile: SandboxProfile, change?: Partial<SandboxSpec>): SandboxSpec;
  /** Runs a shell text in the sandbox; `change` may weaken its policy. */
  run(profile: SandboxProfile, script: string, options?: RunOptions): Promise<Ran>;
  close(): Promise<void>;
}

interface RunOptions {
  spec?: Partial<SandboxSpec>;
  change?(policy: Policy): Policy;
  leak?: boolean;
}

export const PORT = 8377;

/** `dir`: an empty directory, which the caller removes. */
export async function createWorld(dir: string): Promise<World> {
  const root = path.join(dir, "wörld\n --it's");
  const at = (...names: string[]) => path.join(root, ...names);
  const token = `canary${randomBytes(9).toString('hex')}`;
  const [home, state, copy, gateway] = [at('home'), at('state'), at('copy'), at('gateway')];
  const project = at('home', '-work ünï\n', 'my app');
  const outside = at('home', '-work ünï\n', 'other');
  for (const each of [home, state, project, outside]) fs.mkdirSync(each, { recursive: true });
  secrets(home, outside, token);
  repository(project, outside);
  copyOf(project, copy);
  fs.writeFileSync(path.join(project, '.env'), `KEY=${token}\n`);
  execFileSync('mkfifo', [path.join(project, 'fifo')]);

  const hits = { tcp: 0, udp: 0, unix: 0, abstract: 0 };
  const counted = (kind: 'tcp' | 'unix') =>
    net.createServer((socket) => {
      hits[kind] += 1;
      socket.destroy();
    });
  const tcp = counted('tcp');
  const unix = counted('unix');
  const udp = dgram.createSocket('udp4').on('message', () => {
    hits.udp += 1;
  });
  const answering = net.createServer((socket) => {
    socket.on('error', () => {}); // the agent went first
    socket.end(`gateway ${token}\n`);
  });
  udp.bind(0, '127.0.0.1');
  await Promise.all([
    once(tcp.listen(0, '127.0.0.1'), 'listening'),
    once(udp, 'listening'),
    listenInDirectory(unix, path.join(project, 'socket')),
    listenInDirectory(answering, gateway),
  ]);
  const abstractName = `pancode-${token}`;
  const abstract = await listenAbstract(abstractName, hits);
  const sibling = spawn('/bin/bash', ['-c', 'read -r _', token], {
    env: { SECRET: token },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(sibling, 'spawn');
  const shmKey = randomBytes(3).readUIntBE(0, 3) + 1;
  perl(`shmget(${shmKey}, 64, 0600 | 01000) // die $!`);
  const relay = bundledRelay(root);

  const dispatches = new Set<string>();
  const world: World = {
    ...{ root, home, project, outside, copy, state, gateway, relay, token, abstractName, hits, sibling, shmKey },
    tcpPort: (tcp.address() as net.AddressInfo).port,
    udpPort: udp.address().port,
    spec(profile, change = {}) {
      const dispatch = `world-${randomBytes(6).toString('hex')}`;
      dispatches.add(dispatch);
      return {
        ...{ dispatch, profile, project, cwd: project, copy: profile === 'R' ? null : copy },
        ...{ commonDir: path.join(project, '.git'), objects: [path.join(project, '.git/objects')] },
        ...{ home: { host: state, path: home }, roots: [], files: [], shares: [], masks: [], env: {}, locale: {} },
        ...{ gateway: null, output: null, path: '/usr/bin:/bin', relay, node: fs.realpathSync(process.execPath) },
        ...change,
      };
    },
    async run(profile, script, options = {}) {
      const policy = await policyOf(world.spec(profile, options.spec));
      const leak = options.leak ? fs.openSync(path.join(outside, 'secret'), 'r') : undefined;
      const child = await startPolicy(options.change?.(policy) ?? policy, ['/bin/bash', '-c', script], {
        stdio: 'pipe',
        leak,
      }).finally(() => leak !== undefined && fs.closeSync(leak));
      child.stdin.end();
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        out += chunk;
      });
      const { code } = await child.exited;
      return { code, out, err: child.stderrTail() };
    },
    async close() {
      for (const dispatch of dispatches) await sweepDispatch(dispatch);
      perl(`my $id = shmget(${shmKey}, 0, 0); defined $id and shmctl($id, 0, 0)`);
      for (const process_ of [sibling, abstract]) process_.kill('SIGKILL');
      udp.close();
      await Promise.all([tcp, unix, answering].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
  return world;
}

function secrets(home: string, outside: string, token: string): void {
  for (const name of [
    '.ssh/id_ed25519',
    '.aws/credentials',
    '.npmrc',
    '.claude/.credentials.json',
    '.config/gh/hosts.yml',
  ]) {
    fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    fs.writeFileSync(path.join(home, name), token, { mode: 0o600 });
  }
  fs.writeFileSync(path.join(home, '.bashrc'), '# rc\n');
  fs.writeFileSync(path.join(outside, 'kept'), 'kept\n');
  fs.writeFileSync(path.join(outside, 'secret'), token);
}

function repository(project: string, outside: string): void {
  fs.mkdirSync(path.join(project, 'src'));
  fs.mkdirSync(path.join(project, 'node_modules', 'dep'), { recursive: true });
  fs.writeFileSync(path.join(project, 'src', 'app.js'), 'hello\n');
  fs.writeFileSync(path.join(project, 'node_modules', 'dep', 'index.js'), 'dep\n');
  fs.writeFileSync(path.join(project, '.gitignore'), 'node_modules\n.env\nsocket\nfifo\n');
  fs.symlinkSync(path.join(outside, 'secret'), path.join(project, 'link'));
  execFileSync('git', ['init', '-q', '-b', 'main', project], { env: gitEnv(project) });
  execFileSync('git', ['-C', project, 'add', '.'], { env: gitEnv(project) });
  execFileSync('git', ['-C', project, 'commit', '-q', '-m', 'first'], { env: gitEnv(project) });
}

/** A copy with no objects of its own, as a dispatch gets it. */
function copyOf(project: string, copy: string): void {
  fs.cpSync(project, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => path.basename(file) !== 'node_modules',
  });
  const objects = path.join(copy, '.git/objects');
  fs.rmSync(objects, { recursive: true });
  fs.mkdirSync(path.join(objects, 'info'), { recursive: true });
  fs.writeFileSync(path.join(objects, 'info/alternates'), '/run/pancode/objects\n');
}

export function gitEnv(home: string): Record<string, string> {
  const who = { GIT_AUTHOR_NAME: 'u', GIT_AUTHOR_EMAIL: 'u@x', GIT_COMMITTER_NAME: 'u', GIT_COMMITTER_EMAIL: 'u@x' };
  return { PATH: process.env.PATH ?? '', HOME: home, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...who };
}

/** An abstract socket has no path: it is there for everybody in the network namespace. */
async function listenAbstract(name: string, hits: { abstract: number }): Promise<ChildProcess> {
  const script =
    '$| = 1; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, pack("S a*", 1, "\\0" . $ARGV[0])) or die; listen(S, 5); print "ready\\n"; while (accept(C, S)) { print "hit\\n"; close C }';
  const server = spawn('perl', ['-MSocket', '-e', script, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  server.stdout.on('data', () => {
    hits.abstract += 1;
  });
  return server;
}

function perl(script: string): void {
  execFileSync('perl', ['-e', script]);
}

/** The relay as it is shipped, in `dir`. */
export function bundledRelay(root: string): string {
  const file = path.join(root, 'relay.js');
  const entry = path.join(import.meta.dirname, '../../../src/apps/relay.ts');
  buildSync({ entryPoints: [entry], outfile: file, bundle: true, platform: 'node', format: 'esm' });
  return file;
}

/** Everything below a directory: names, modes, links and content. Sockets and fifos by name. */
export function treeOf(dir: string): string {
  const lines = fs.readdirSync(dir, { recursive: true, withFileTypes: true }).map((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    const stat = fs.lstatSync(file);
    const content = entry.isSymbolicLink()
      ? fs.readlinkSync(file)
      : entry.isFile()
        ? fs.readFileSync(file, 'latin1')
        : '';
    return `${path.relative(dir, file)} ${stat.mode} ${content}`;
  });
  return lines.sort().join('\n');
}

/** A word for a shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Ids of the live processes of the host that carry the mark of a dispatch. */
export function markedProcesses(dispatch: string): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      if (!/^\d+$/.test(pid)) return false;
      if (!fs.readFileSync(`/proc/${pid}/environ`).includes(`PANCODE_DISPATCH=${dispatch}\0`)) return false;
      return !/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false; // it ended while we looked
    }
  });
}
