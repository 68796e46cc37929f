/**
 * The PATH a person has in a terminal, from their own login shell: version managers are set up in its start-up files. Those files may print,
 * ask, hang or start another shell, so the answer stands between marks, standard input is empty, and time and output are limited.
 */
import { createHash, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import os from 'node:os';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import type { ProbeHost } from '../core/contracts.ts';
import { inspectProgram } from './path-scan.ts';

export interface LoginShell {
  program: string;
  home: string;
  /** Changes with the shell and with each of its start-up files. */
  fingerprint: string;
}

/** How each shell reads its start-up files: bash reads ~/.bashrc only when it is interactive and no login shell. */
const WAYS: Record<string, string[][]> = {
  bash: [['-l'], ['-i']],
  zsh: [['-l'], ['-l', '-i']],
  fish: [['-l'], ['-l', '-i']],
  sh: [['-l']],
  dash: [['-l']],
  ash: [['-l']],
  ksh: [['-l']],
  mksh: [['-l']],
};
const START_FILES = [
  '/etc/environment',
  '/etc/profile',
  '/etc/bash.bashrc',
  '/etc/zsh/zshenv',
  '/etc/zsh/zprofile',
  '/etc/zsh/zshrc',
  '/etc/paths',
  '/etc/paths.d',
];
const OWN_START_FILES = [
  '.profile',
  '.bash_profile',
  '.bash_login',
  '.bashrc',
  '.zshenv',
  '.zprofile',
  '.zshrc',
  '.zlogin',
  '.config/fish/config.fish',
  '.config/fish/conf.d',
  '.config/fish/fish_variables',
  '.nvm/alias/default',
];
/** One question. A start-up file of seconds is common, one of more is broken or waits for somebody. */
const ANSWER_MS = 4_000;
const MAX_PATH = 32_768;

/** The user's shell by the system's list of users; null where that has none. */
export function usersShell(): string | null {
  try {
    return os.userInfo().shell;
  } catch {
    return null; // a user id without an entry, as in many containers
  }
}

/** null: there is no such shell, or none whose start-up files can be asked. */
export async function loginShell(shell: string | null, home: string): Promise<LoginShell | null> {
  if (shell === null || !isAbsolute(shell) || !Object.hasOwn(WAYS, basename(shell))) return null;
  const program = await inspectProgram(shell);
  if (!program) return null;
  const files = [...START_FILES, ...OWN_START_FILES.map((name) => join(home, name))];
  const facts = await Promise.all(
    files.map(async (file) => {
      const found = await stat(file).catch(() => null); // few have all of them
      return found && `${file}\0${found.size}\0${found.mtimeMs}`;
    }),
  );
  const parts = [shell, program.fingerprint, home, ...facts.filter((fact) => fact !== null)];
  return { program: shell, home, fingerprint: createHash('sha256').update(parts.join('\n')).digest('hex') };
}

/** Absolute directories, as a PATH. null: the shell would not say. Takes seconds; for the background. */
export async function askShellPath(
  shell: LoginShell,
  run: ProbeHost['run'],
  timeoutMs: number = ANSWER_MS,
): Promise<string | null> {
  const answers: string[][] = [];
  for (const way of WAYS[basename(shell.program)] ?? []) {
    const mark = randomBytes(16).toString('hex');
    const { stdout } = await run(shell.program, [...way, '-c', `printf %s ${mark}; printenv PATH; printf %s ${mark}`], {
      timeoutMs,
      env: {
        HOME: shell.home,
        SHELL: shell.program,
        PATH: '/usr/local/bin:/usr/bin:/bin',
        TERM: 'dumb',
        HISTFILE: '/dev/null',
        // For start-up files that want to leave something out, as editors that ask the same way have it.
        PANCODE_RESOLVING_ENVIRONMENT: '1',
        DISABLE_AUTO_UPDATE: 'true', // oh-my-zsh would ask whether to update itself
        ...userVariables(),
      },
    });
    const said = stdout.split(mark);
    if (said.length === 3 && said[1]!.length <= MAX_PATH) answers.push(said[1]!.trim().split(delimiter));
  }
  if (answers.length === 0) return null;
  const directories = answers.flat().filter((directory) => isAbsolute(directory) && !/[\n\0]/.test(directory));
  return [...new Set(directories)].join(delimiter);
}

function userVariables(): Record<string, string> {
  try {
    const { username } = os.userInfo();
    return { USER: username, LOGNAME: username };
  } catch {
    return {}; // as above
  }
}
