/** One turn of the probe: a scratch home with a secret, a canary, a gateway, a sibling, and the script in profiles R and W at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { listenInDirectory } from '../socket.ts';
import { knownFailure } from './failures.ts';
import { startPolicy } from './launch.ts';
import { policyOf } from './policy.ts';
import { PROBE_SCRIPT } from './probe-script.ts';
import { systemProgram } from './programs.ts';
import type { SandboxSpec } from './spec.ts';

export interface ProbeParts {
  cacheDir: string;
  node: string;
  relay: string;
  bwrap: string;
}

export interface Finding {
  profile: 'R' | 'W';
  /** Why nothing was found, with the fix where it is known; null: the script ran to its end. */
  startFault: string | null;
  facts: { id: string; ok: boolean; detail: string }[];
}

/** A sandbox starts in a tenth of a second; a machine that is this late is too busy to say anything about. */
const TIMEOUT_MS = 20_000;
/** Port of the gateway inside; the network there is empty. */
const PORT = 8377;

/** Starts the script in both profiles and looks at what it could do. Rejects where the scratch directory cannot be made. */
export async function tryProfiles(parts: ProbeParts): Promise<Finding[]> {
  const scratch = fs.realpathSync(fs.mkdtempSync(path.join(parts.cacheDir, 'sandbox-probe-')));
  const token = randomBytes(12).toString('hex');
  let reached = 0;
  const canary = net.createServer((socket) => {
    reached += 1;
    socket.destroy();
  });
  const gateway = net.createServer((socket) => {
    socket.on('error', () => {}); // the script ended first
    socket.end(`${token}\n`);
  });
  const sibling = spawn(systemProgram('bash'), ['--norc', '-p', '-c', 'read -r _'], {
    env: { PROBE: token },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    fs.mkdirSync(path.join(scratch, 'home', '.ssh'), { recursive: true });
    fs.writeFileSync(path.join(scratch, 'home', '.ssh', 'id_probe'), token);
    await Promise.all([
      once(canary.listen(0, '127.0.0.1'), 'listening'),
      listenInDirectory(gateway, path.join(scratch, 'gateway')),
      started(sibling),
    ]);
    const port = (canary.address() as net.AddressInfo).port;
    return await Promise.all(
      (['R', 'W'] as const).map((profile) =>
        tryProfile(profile, { ...parts, scratch, token, port, reached: () => reached }),
      ),
    );
  } finally {
    sibling.kill('SIGKILL');
    await Promise.all([close(canary), close(gateway)]);
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

interface Trial extends ProbeParts {
  scratch: string;
  token: string;
  /** Of the canary on the host, and how often it was reached. */
  port: number;
  reached(): number;
}

async function tryProfile(profile: 'R' | 'W', trial: Trial): Promise<Finding> {
  const spec = specOf(profile, trial);
  const outside = path.join(trial.scratch, `outside-${profile}`);
  const inside = path.join(spec.project, 'written');
  const secret = path.join(spec.home.path, '.ssh', 'id_probe');
  const half = trial.token.length / 2;
  const args = [
    outside,
    inside,
    secret,
    String(trial.port),
    String(PORT),
    trial.token.slice(0, half),
    trial.token.slice(half),
  ];
  const leak = fs.openSync(secret, 'r');
  const process_ = await policyOf(spec, { bwrap: trial.bwrap })
    .then((policy) => startPolicy(policy, ['/bin/bash', '-c', PROBE_SCRIPT, 'probe', ...args], { stdio: 'pipe', leak }))
    .finally(() => fs.closeSync(leak));
  process_.stdin.end();
  const said = await within(TIMEOUT_MS, ended(process_.stdout));
  process_.letGo();
  const died = (await within(TIMEOUT_MS, process_.exited)) !== null;
  process_.kill();
  const status = await process_.exited;
  if (said?.get('end') === undefined)
    return { profile, startFault: faultOf(said, status.code, process_.stderrTail()), facts: [] };
  const real = profile === 'R' ? inside : path.join(spec.copy as string, 'written');
  const projectHolds = profile === 'R' ? !fs.existsSync(real) : fs.existsSync(real) && !fs.existsSync(inside);
  const fact = (id: string, ok: boolean, good: string, bad: string) => ({ id, ok, detail: ok ? good : bad });
  return {
    profile,
    startFault: null,
    facts: [
      fact(
        'write-outside',
        !fs.existsSync(outside) && projectHolds,
        'nothing beside the project, and nothing in a read-only one, can be written',
        'a write reached the home or the real project, or a copy could not be written',
      ),
      fact(
        'home-secret',
        said.get('secret') === 'hidden',
        'a secret in the home is not there',
        'a secret in the home is visible',
      ),
      fact(
        'network',
        said.get('canary') === 'refused' && trial.reached() === 0,
        'a port of the host cannot be reached',
        'a port of the host was reached',
      ),
      fact(
        'gateway',
        said.get('gateway') === trial.token,
        'the gateway answers',
        `the gateway does not answer: ${process_.stderrTail().trim()}`,
      ),
      fact(
        'sibling',
        said.get('sibling') === 'hidden',
        'other processes are invisible',
        'the environment of another process is visible',
      ),
      tiocsti(said),
      fact(
        'descriptor',
        said.get('descriptor') === 'closed',
        'a descriptor of the parent is closed',
        'a descriptor of the parent is open',
      ),
      fact('dies-with-parent', died, 'the end of the life-line ends it', 'it outlived its life-line'),
    ],
  };
}

function tiocsti(said: Map<string, string>): Finding['facts'][number] {
  const filter = said.get('filter');
  // Neither perl nor python to try it with: 2 = a filter is in force, of which we know what it does.
  if (filter !== undefined)
    return {
      id: 'tiocsti',
      ok: filter === '2',
      detail: 'the system call filter is in force (no perl or python3 to try it)',
    };
  const ok = said.get('tiocsti') === '1';
  return {
    id: 'tiocsti',
    ok,
    detail: ok ? 'typing into a terminal is refused' : `typing into a terminal gave ${said.get('tiocsti')}, not EPERM`,
  };
}

function specOf(profile: 'R' | 'W', trial: Trial): SandboxSpec {
  const { scratch } = trial;
  const at = (...names: string[]) => path.join(scratch, ...names);
  const project = at('home', `project-${profile}`);
  const [state, copy] = [at(`state-${profile}`), at(`copy-${profile}`)];
  for (const dir of [project, state, copy]) fs.mkdirSync(dir, { mode: 0o700 });
  return {
    dispatch: `probe-${path.basename(scratch)}`,
    profile,
    project,
    cwd: project,
    copy: profile === 'W' ? copy : null,
    commonDir: null,
    objects: [],
    home: { host: state, path: at('home') },
    roots: [],
    files: [],
    shares: [],
    masks: [],
    gateway: { dir: at('gateway'), port: PORT, awaited: true },
    output: null,
    env: {},
    path: '/usr/local/bin:/usr/bin:/bin',
    locale: {},
    relay: trial.relay,
    node: trial.node,
  };
}

/** Findings by name, once the script says that it is at its end or its output ends. */
async function ended(stdout: AsyncIterable<Buffer>): Promise<Map<string, string>> {
  let text = '';
  for await (const chunk of stdout) {
    text += chunk.toString('utf8');
    if (text.includes('end end\n')) break;
  }
  return new Map(text.split('\n').map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
}

function faultOf(said: Map<string, string> | null, code: number | null, stderr: string): string {
  const known = knownFailure(stderr);
  if (known) return `${known.what} ${known.do}`;
  if (said === null) return `It did not start within ${TIMEOUT_MS / 1_000} s. Try again when the machine is less busy.`;
  const words = stderr.trim().split('\n').at(-1) ?? '';
  return `It ended with ${code ?? 'a signal'}${words === '' ? '' : `: ${words}`}. Run \`bwrap --ro-bind / / --unshare-all true\` to see more.`;
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  const over = new AbortController();
  const late = delay(ms, null, { signal: over.signal }).catch(() => null);
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}

async function started(child: ChildProcess): Promise<void> {
  await once(child, 'spawn');
}

async function close(server: net.Server): Promise<void> {
  if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
}
