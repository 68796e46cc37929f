/** The environment inside (safety-design §4): built from nothing; nothing of the client's own comes along. */
import fs from 'node:fs';
import { PanError } from '../../protocol/error.ts';
import type { SandboxSpec } from './spec.ts';

/** Variables by which a shell or the loader runs code before a program does: never from an adapter or a project. */
const REFUSED = /^(LD_.*|GLIBC_TUNABLES|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|PROMPT_COMMAND|PS4|BASH_FUNC_.*)$/;

/** `inside`: the PATH as it is inside. Throws PanError (exit 2) for a variable nobody may set, as `env.pass` may name it. */
export function environment(spec: SandboxSpec, inside: string): Record<string, string> {
  for (const name of Object.keys(spec.env)) {
    if (REFUSED.test(name) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new PanError(
        'bad-variable',
        `The variable ${name} would run code before a program does, so no sandbox takes it.`,
        'Take it out of env.pass.',
      );
  }
  return {
    ...spec.locale,
    PATH: inside,
    HOME: spec.home.path,
    USER: 'worker',
    LOGNAME: 'worker',
    SHELL: '/bin/bash',
    TMPDIR: '/tmp',
    GIT_TERMINAL_PROMPT: '0',
    GIT_PAGER: 'cat',
    PAGER: 'cat',
    ...gitOf(spec),
    ...spec.env,
    PANCODE_SANDBOX: '1',
    PANCODE_DISPATCH: spec.dispatch,
  };
}

/** Git in a read-only project must not try to refresh the index, and must accept an owner the user has accepted outside. */
function gitOf(spec: SandboxSpec): Record<string, string> {
  if (spec.profile !== 'R') return {};
  const own = fs.statSync(spec.copy ?? spec.project).uid === process.getuid?.();
  const trust = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: spec.project };
  return { GIT_OPTIONAL_LOCKS: '0', ...(own ? {} : trust) };
}
