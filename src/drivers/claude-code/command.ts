/** How Claude Code is started for a dispatch: command line, environment, and what its HOME holds before. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunHost } from '../../core/contracts.ts';
import type { Job } from '../../protocol/job.ts';
import { ASKED_TOOLS, offeredTools } from './actions.ts';
import { MAX_RETRIES } from './retries.ts';

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];
const PROMPT_FILE = '.claude/pancode-system-prompt.md';
const TEMPORARY = '.claude/tmp';

export interface Start {
  command: string[];
  env: Record<string, string>;
}

/** Without reasons of its own to connect anywhere (measured through a logging proxy: no connection but to the base URL). */
export const QUIET: Record<string, string> = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
};

/** Nothing of the opened project is loaded: its hooks and servers would run before anything is asked, in `-p` even in an untrusted folder. */
export const OWN_SETTINGS_ONLY: readonly string[] = ['--setting-sources', '', '--strict-mcp-config'];

/** Writes into the empty HOME what the command line names. Rejects where that cannot be written. */
export async function prepare(job: Job, program: string, model: string, host: RunHost): Promise<Start> {
  await mkdir(path.join(host.hostHome, TEMPORARY), { recursive: true, mode: 0o700 });
  // A file, since every local user sees command lines, and their length has a limit.
  await writeFile(path.join(host.hostHome, PROMPT_FILE), job.prompt.system, { mode: 0o600 });
  const args = [
    '-p',
    ...['--output-format', 'stream-json', '--verbose'],
    ...['--input-format', 'stream-json'],
    ...['--permission-prompt-tool', 'stdio'],
    ...OWN_SETTINGS_ONLY,
    ...['--tools', offeredTools(job).join(',')],
    ...['--session-id', randomUUID()],
    ...['--model', model],
    ...['--append-system-prompt-file', path.posix.join(host.home, PROMPT_FILE)],
  ];
  if (job.limits.turns !== null) args.push('--max-turns', String(job.limits.turns));
  if (job.effort !== null && EFFORTS.includes(job.effort)) args.push('--effort', job.effort);
  if (job.ask === 'action') args.push('--settings', JSON.stringify({ permissions: { ask: ASKED_TOOLS } }));
  return { command: [program, ...args], env: environment(model, host) };
}

function environment(model: string, host: RunHost): Record<string, string> {
  return {
    ...QUIET,
    ANTHROPIC_BASE_URL: host.endpoint.baseUrl,
    ANTHROPIC_API_KEY: host.endpoint.token,
    CLAUDE_CODE_MAX_RETRIES: String(MAX_RETRIES),
    // Else a sub-agent or command goes on after the result, and the work would be harvested before it is done.
    CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
    // A dispatch is one worker: sub-agents on another model would be counted at the wrong price.
    CLAUDE_CODE_SUBAGENT_MODEL: model,
    CLAUDE_CODE_SUBAGENT_MODEL_FORCE: '1',
    // Its HOME does not outlive the dispatch.
    CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
    // Else it leaves /tmp/claude-<uid> and /tmp/cc-socks where /tmp is not private.
    CLAUDE_CODE_TMPDIR: path.posix.join(host.home, TEMPORARY),
    // CLAUDE_CODE_SUBPROCESS_ENV_SCRUB is left out: with it every command needs its own sandbox (bubblewrap and socat), else Bash fails.
  };
}
