/** What an installed `claude` is: its version, its models, and what must be mounted for it to run. Asks no model and needs no key. */
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { ProbeHost, RuntimeProbe } from '../../core/contracts.ts';
import { tierOfModel } from '../../core/tiers.ts';
import { OWN_SETTINGS_ONLY, QUIET } from './command.ts';

/** The oldest version whose behaviour was measured. */
const OLDEST = [2, 1, 197] as const;
/** Twice that of a busy machine: it starts in 0.2–0.5 s on an idle one. */
const TIMEOUT_MS = 20_000;
const PACKAGE = '@anthropic-ai/claude-code';

export async function probe(program: string, host: ProbeHost): Promise<RuntimeProbe> {
  const none = { version: null, installRoots: [], models: [] };
  const asked = await host.run(program, ['--version'], { timeoutMs: TIMEOUT_MS, env: QUIET });
  if (asked.code !== 0) return { ...none, state: 'unavailable', reason: noVersion(asked) };
  const version = /^(\d+\.\d+\.\d+)\S* \(Claude Code\)/.exec(asked.stdout.trim())?.[1];
  if (version === undefined)
    return { ...none, state: 'unsupported', reason: `${program} does not say that it is Claude Code` };
  const known = { ...none, version };
  if (older(version))
    return {
      ...known,
      state: 'unsupported',
      reason: `${version} is older than ${OLDEST.join('.')}: run \`claude update\``,
    };
  const installRoots = await installRootsOf(program, host.home);
  if (installRoots === null) {
    const reason = `${program} is a script that starts something else: name the program itself in runtimes.claude-code.path`;
    return { ...known, state: 'unsupported', reason };
  }
  const models = await askModels(program, host);
  if (models === null)
    return { ...known, installRoots, state: 'unsupported', reason: `${version} does not answer on its JSON protocol` };
  return { version, state: 'ready', reason: null, installRoots, models };
}

function noVersion(asked: { code: number | null; stderr: string }): string {
  // The npm package without its install script: its program is a placeholder.
  if (asked.stderr.includes('native binary not installed'))
    return `installed without its binary: run \`npm install -g ${PACKAGE}\` again, with scripts and optional dependencies allowed`;
  const said = asked.stderr.trim().split('\n')[0]?.slice(0, 200) ?? '';
  const how = asked.code === null ? 'cannot be started or does not answer' : `ends with status ${asked.code}`;
  return `\`claude --version\` ${how}${said === '' ? '' : `: ${said}`}`;
}

function older(version: string): boolean {
  const parts = version.split('.').map(Number);
  const at = OLDEST.findIndex((part, n) => parts[n] !== part);
  return at !== -1 && (parts[at] ?? 0) < OLDEST[at]!;
}

const Initialized = z.object({
  type: z.literal('control_response'),
  response: z.object({
    response: z.object({ models: z.array(z.object({ value: z.string(), resolvedModel: z.string().optional() })) }),
  }),
});

/** Its own list, its default first; null where it does not answer. The question goes through a shell: a probe gives no input. */
async function askModels(program: string, host: ProbeHost): Promise<RuntimeProbe['models'] | null> {
  const question = { type: 'control_request', request_id: 'models', request: { subtype: 'initialize' } };
  const flags = [
    '-p',
    '--output-format',
    'stream-json',
    '--verbose',
    '--input-format',
    'stream-json',
    ...OWN_SETTINGS_ONLY,
  ];
  // A base URL where nothing listens, and a key for nothing: an answer to this question needs neither.
  const env = { ...QUIET, ANTHROPIC_BASE_URL: 'http://127.0.0.1:9', ANTHROPIC_API_KEY: 'none' };
  // Its temporary files go where everything else of a probe is, not to /tmp.
  const script = 'export CLAUDE_CODE_TMPDIR="$HOME"; question=$1; shift; printf "%s\\n" "$question" | "$@"';
  const args = ['-c', script, 'sh', JSON.stringify(question), program, ...flags];
  const asked = await host.run('/bin/sh', args, { timeoutMs: TIMEOUT_MS, env });
  for (const line of asked.stdout.split('\n')) {
    const answer = Initialized.safeParse(parse(line));
    if (!answer.success) continue;
    // `[1m]` is a switch of the window, not part of the model's name.
    const ids = answer.data.response.response.models.map((model) =>
      (model.resolvedModel ?? model.value).replace(/\[1m\]$/, ''),
    );
    return [...new Set(ids)].filter((id) => id.startsWith('claude-')).map((id) => ({ id, tier: tierOfModel(id) }));
  }
  return null;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Whatever else it prints is not the answer.
    return null;
  }
}

/**
 * The program is one file with everything in it, or (npm, up to 2.0) a script in its package. Its directory is mounted where nothing else
 * is in it; else the file alone, so that a program in somebody's download folder does not show the folder. null: a script of another kind.
 */
async function installRootsOf(program: string, home: string): Promise<string[] | null> {
  const dir = path.dirname(program);
  if (await isScript(program)) {
    const root = await packageRoot(dir);
    if (root !== null) return [root];
    return ['/usr', '/opt', '/nix'].some((place) => program.startsWith(`${place}/`)) ? [dir] : null;
  }
  // The vendor's own installer: one file per version, nothing else.
  if (dir === path.join(home, '.local/share/claude/versions')) return [dir];
  return (await packageRoot(dir)) === null ? [program] : [dir];
}

async function isScript(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.toString('latin1') === '#!';
  } finally {
    await handle.close();
  }
}

/** The directory of the npm package (or of its package for this platform) that `dir` is or is in. */
async function packageRoot(dir: string): Promise<string | null> {
  for (const candidate of [dir, path.dirname(dir)]) {
    const manifest = await readFile(path.join(candidate, 'package.json'), 'utf8').catch(() => null);
    const name = (parse(manifest ?? '') as { name?: unknown } | null)?.name;
    if (typeof name === 'string' && (name === PACKAGE || name.startsWith(`${PACKAGE}-`))) return candidate;
  }
  return null;
}
