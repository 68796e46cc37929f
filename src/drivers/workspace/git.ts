/** The one place that runs git on the host. Hooks, fsmonitor, gc, maintenance and optional locks are off in every call (safety-design §6). */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import fs from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { EXIT, PanError } from '../../protocol/error.ts';
import { ownEnvironment } from './own-directory.ts';

/** The user's HOME (for their git configuration) and PATH (for their git and filters). */
export interface GitHost {
  home: string;
  path: string;
  /** The state directory. With it, git finds the directory of ours for a project that has none of its own (own-directory.ts). */
  state?: string;
}

export interface GitOptions {
  cwd: string;
  env?: Record<string, string>;
  input?: string | Buffer;
  /** A file to read as input instead, however large it is. */
  inputFile?: string;
  config?: string[];
  /** git is killed after this time; without it, it may take as long as it needs. */
  timeoutMs?: number;
}

export interface GitAnswer {
  /** git's own status; 128 also where it was killed. */
  code: number;
  stdout: Buffer;
  stderr: string;
}

/**
 * Nothing of the user's repository runs or is written by the way: no hooks, no fsmonitor, no background upkeep, no reflog of our refs,
 * no index that is shared with others. Locks of four dispatches at once are waited for.
 */
const HOST_FLAGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'core.splitIndex=false',
  'core.logAllRefUpdates=false',
  'core.filesRefLockTimeout=10000',
  'core.packedRefsTimeout=10000',
  'gc.auto=0',
  'maintenance.auto=false',
].flatMap((flag) => ['-c', flag]);

/**
 * Runs git and gives its answer whatever its status; out of time is status 128, and `stderr` says so. Rejects only when git cannot be
 * started, or its input file cannot be read.
 */
export function tryGit(host: GitHost, args: string[], options: GitOptions): Promise<GitAnswer> {
  return new Promise((resolve, reject) => {
    const file = options.inputFile === undefined ? null : fs.openSync(options.inputFile, 'r');
    const stdin = file ?? (options.input === undefined ? 'ignore' : 'pipe');
    let child: ChildProcessByStdio<Writable | null, Readable, Readable>;
    try {
      child = spawn('git', [...HOST_FLAGS, ...(options.config ?? []).flatMap((flag) => ['-c', flag]), ...args], {
        cwd: options.cwd,
        env: {
          PATH: host.path,
          HOME: host.home,
          LC_ALL: 'C',
          GIT_TERMINAL_PROMPT: '0',
          GIT_OPTIONAL_LOCKS: '0',
          // What a partial clone lacks is never fetched: git between 2.40 and 2.43 knows the second of these only.
          GIT_NO_LAZY_FETCH: '1',
          GIT_ALLOW_PROTOCOL: 'none',
          GIT_NO_REPLACE_OBJECTS: '1',
          ...ownEnvironment(host.state, options.cwd),
          ...options.env,
        },
        stdio: [stdin, 'pipe', 'pipe'],
      }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
    } finally {
      if (file !== null) fs.closeSync(file);
    }
    const out: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-4_096);
    });
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            child.kill('SIGKILL');
            // A filter that git started may hold the pipes open for as long as it likes.
            child.stdout.destroy();
            child.stderr.destroy();
            resolve({
              code: 128,
              stdout: Buffer.concat(out),
              stderr: `git did not answer within ${options.timeoutMs} ms`,
            });
          }, options.timeoutMs);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(
        new PanError(
          'no-git',
          `git could not be started (${cause.message}).`,
          'Install git and run the command again.',
          EXIT.usage,
          cause,
        ),
      );
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 128, stdout: Buffer.concat(out), stderr });
    });
    // git may end before it has read everything; its status says so.
    child.stdin?.on('error', () => {}).end(options.input);
  });
}

/** Runs git and gives its standard output; any status but 0 is an error with git's own words. */
export async function git(host: GitHost, args: string[], options: GitOptions): Promise<Buffer> {
  const answer = await tryGit(host, args, options);
  if (answer.code === 0) return answer.stdout;
  throw new PanError(
    'git-failed',
    `git ${args[0]} failed in ${options.cwd}: ${lastLine(answer.stderr) || `status ${answer.code}`}.`,
    'Look at the repository with `git status` and `git fsck`.',
    EXIT.failed,
  );
}

/** One line of output, without its end. */
export async function gitLine(host: GitHost, args: string[], options: GitOptions): Promise<string> {
  return (await git(host, args, options)).toString('utf8').replace(/\n$/, '');
}

/** What git said last, which is mostly why it failed. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** NUL-separated output, as any path can be. With `latin1` every byte survives, also of names that are no UTF-8. */
export function splitNul(bytes: Buffer, encoding: 'utf8' | 'latin1' = 'utf8'): string[] {
  const text = bytes.toString(encoding);
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}
