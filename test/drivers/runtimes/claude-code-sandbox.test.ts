/** The real Claude Code in the real sandbox, against a scripted model behind a gateway socket: what a dispatch gives it, without the dispatch. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { RunHost } from '../../../src/core/contracts.ts';
import claudeCode from '../../../src/drivers/runtimes/claude-code.ts';
import { type SandboxedProcess, startSandboxed } from '../../../src/drivers/sandbox/launch.ts';
import type { SandboxSpec } from '../../../src/drivers/sandbox/spec.ts';
import type { AgentEvent } from '../../../src/protocol/event.ts';
import { collect, endOf, until } from '../../conformance/runtimes.ts';
import { claudeProgram, processesOf } from '../../fixtures/claude-code.ts';
import { testJob } from '../../fixtures/run-host.ts';
import { type ScriptedModel, type ScriptedTurn, scriptedModel } from '../../fixtures/scripted-model.ts';

const PORT = 8377;
let program: string;
let bundle: string;
let root: string;
let model: ScriptedModel;
let gateway: net.Server;
let children: SandboxedProcess[];

beforeAll(async () => {
  program = await claudeProgram();
  bundle = await mkdtemp(path.join(tmpdir(), 'pancode-relay-'));
  const source = path.resolve(import.meta.dirname, '../../../src/apps/relay.ts');
  await build({
    entryPoints: [source],
    outfile: path.join(bundle, 'relay.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  });
}, 300_000);
afterAll(() => rm(bundle, { recursive: true, force: true }));

beforeEach(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), 'pcs-')));
  children = [];
  // The copy lies on the host where the state is, and appears at the project's path.
  for (const dir of ['a project', 'copy', 'home', 'gw']) await mkdir(path.join(root, dir), { mode: 0o700 });
  for (const dir of ['a project', 'copy']) {
    await writeFile(path.join(root, dir, 'a.txt'), 'one\n');
    spawnSync('git', ['init', '-q', path.join(root, dir)]);
  }
});
afterEach(async () => {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.exited));
  await new Promise((resolve) => gateway.close(resolve));
  await model.close();
  await rm(root, { recursive: true, force: true });
});

async function start(
  profile: 'R' | 'RX' | 'W',
  turns: ScriptedTurn[],
  signal = new AbortController().signal,
  graceMs = 30_000,
) {
  model = await scriptedModel('anthropic-messages', turns);
  gateway = net.createServer((inside) => {
    const outside = net.connect(Number(new URL(model.url).port), '127.0.0.1');
    inside.pipe(outside).pipe(inside);
    inside.on('error', () => outside.destroy());
    outside.on('error', () => inside.destroy());
  });
  const project = path.join(root, 'a project');
  const home = path.join(root, 'home');
  await new Promise<void>((resolve) => gateway.listen(path.join(root, 'gw/sock'), resolve));
  // What a probe finds for npm’s package, and for a file among others.
  const installRoots = [profile === 'W' ? path.dirname(program) : program];
  const spec = (env: Record<string, string>): SandboxSpec => ({
    dispatch: '01J00000000000000000000000',
    profile,
    project,
    cwd: project,
    copy: profile === 'R' ? null : path.join(root, 'copy'),
    commonDir: null,
    objects: [],
    home: { host: home, path: '/home/somebody' },
    roots: installRoots,
    files: [],
    shares: [],
    masks: [],
    gateway: { dir: path.join(root, 'gw'), port: PORT, awaited: true },
    output: null,
    env,
    path: '/usr/bin:/bin',
    locale: { LANG: 'C.UTF-8' },
    relay: path.join(bundle, 'relay.js'),
    node: process.execPath,
  });
  const host: RunHost = {
    async spawn(command, env) {
      const child = await startSandboxed(spec(env), command, { stdio: 'pipe' });
      children.push(child);
      return child;
    },
    ask: async () => ({ allow: true, reason: '' }),
    askPerson: () => Promise.reject(new Error('not here')),
    onSteer: () => {},
    endpoint: { baseUrl: `http://127.0.0.1:${PORT}`, token: 'dispatch-token', wire: 'anthropic-messages' },
    home: '/home/somebody',
    hostHome: home,
    nativeCommand: [],
    signal,
    graceMs,
  };
  const worker = { ...testJob(project).worker, runtime: 'claude-code', endpoint: null, model: 'claude-sonnet-5' };
  const stance = { mode: 'build', safety: 'auto-edit', readonly: profile !== 'W' } as const;
  return claudeCode.run(testJob(project, { worker, stance, profile, program: { path: program, installRoots } }), host);
}
const run = async (...args: Parameters<typeof start>): Promise<AgentEvent[]> => collect(await start(...args));
const bash = (command: string): ScriptedTurn => ({ calls: [{ name: 'Bash', args: { command } }] });
const seen = (request: number) => JSON.stringify(model.requests[request]?.body.messages);

it('lets a writer work in its copy, and nowhere else', async () => {
  const project = path.join(root, 'a project');
  const events = await run('W', [
    { calls: [{ name: 'Read', args: { file_path: path.join(project, 'a.txt') } }] },
    {
      calls: [{ name: 'Edit', args: { file_path: path.join(project, 'a.txt'), old_string: 'one', new_string: 'two' } }],
    },
    { calls: [{ name: 'Write', args: { file_path: path.join(project, 'b.txt'), content: 'b\n' } }] },
    { calls: [{ name: 'Grep', args: { pattern: 'two' } }] },
    bash('cat a.txt b.txt; git status --short; touch /usr/x; ls -A /tmp; cat ~/.claude.json | wc -l'),
    { text: 'done' },
  ]);
  expect(endOf(events)).toMatchObject({ ok: true, answer: 'done', turns: 6 });
  expect(await readFile(path.join(root, 'copy/a.txt'), 'utf8')).toBe('two\n');
  expect(await readFile(path.join(root, 'copy/b.txt'), 'utf8')).toBe('b\n');
  expect(await readFile(path.join(project, 'a.txt'), 'utf8')).toBe('one\n');
  expect(existsSync(path.join(project, 'b.txt'))).toBe(false);
  expect(seen(5)).toContain('touch: cannot touch');
});

it.each(['R', 'RX'] as const)(
  'lets a reader in profile %s look and run commands, and change nothing; trap: its plan mode would not (fact 9)',
  async (profile) => {
    const project = path.join(root, 'a project');
    const events = await run(profile, [
      {
        calls: [
          { name: 'Read', args: { file_path: path.join(project, 'a.txt') } },
          { name: 'Glob', args: { pattern: '*.txt' } },
        ],
      },
      bash('cat a.txt && touch made; git status --short; echo ran'),
      { calls: [{ name: 'Task', args: { description: 'd', prompt: 'p', subagent_type: 'general-purpose' } }] },
      bash('echo from-below'),
      { text: 'sub' },
      { text: 'done' },
    ]);
    expect(endOf(events)).toMatchObject({ ok: true, answer: 'done' });
    const [, , ran] = events.filter((event) => event.type === 'tool-result');
    expect(ran?.summary).toMatch(profile === 'R' ? /^one touch: .*Read-only file system .*ran$/ : /^one .*made ran$/);
    expect(existsSync(path.join(project, 'made'))).toBe(false);
  },
);

it.each([
  ['ends by itself', 30_000],
  ['is killed at once; trap: its commands have sessions of their own, which no signal to it reaches (fact 5)', 0],
])('is gone with every command when it is cancelled and %s', async (_how, graceMs) => {
  const stop = new AbortController();
  const stubborn = 'trap "" TERM INT HUP; (setsid sleep 600 &); touch started; while :; do sleep 1; done';
  const running = run('W', [bash(stubborn), { text: 'never' }], stop.signal, graceMs);
  await until(() => existsSync(path.join(root, 'copy/started')));
  stop.abort();
  expect(endOf(await running)).toMatchObject({ ok: false, status: 'cancelled' });
  expect(processesOf('/home/somebody')).toEqual([]);
});
