/**
 * The one place that reads environment variables. Everything else is handed what it needs.
 */
import path from 'node:path';
import { PanError } from '../protocol/error.ts';

/** The three roots of design §4; `PANCODE_HOME` replaces all of them. Absolute paths. */
export interface Roots {
  config: string;
  state: string;
  cache: string;
}

export interface Environment {
  roots: Roots;
  home: string;
  path: string;
  /** The login shell; undefined where the variable is not set. */
  shell: string | undefined;
  /** A client that must stay attached and cancel on every signal. */
  ci: boolean;
  color: boolean;
  /** Variables a client passes on by name: keys and `env.pass`. Absent ones are left out. */
  pick(names: string[]): Record<string, string>;
  /** What a daemon is started with: the roots, and nothing of the user's session. */
  daemon: Record<string, string>;
  /** Locale and terminal variables an agent process may see. */
  locale: Record<string, string>;
}

const LOCALE = [
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
  'LC_NUMERIC',
  'LC_TIME',
  'LC_COLLATE',
  'TZ',
  'TERM',
  'COLORTERM',
  'NO_COLOR',
];
const ROOT_VARIABLES = ['PANCODE_HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'HOME', 'TMPDIR'];

export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const pick = (names: string[]) =>
    Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name] as string]] : [])));
  const home = env.HOME;
  if (!home || !path.isAbsolute(home))
    throw new PanError(
      'no-home',
      'HOME is not set to an absolute path.',
      'Set HOME to your home directory and run the command again.',
    );
  const roots = rootsOf(env, home);
  return {
    roots,
    home,
    path: env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    shell: env.SHELL || undefined,
    ci: env.CI === 'true' || env.CI === '1',
    color: !env.NO_COLOR && env.TERM !== 'dumb',
    pick,
    daemon: {
      ...pick(ROOT_VARIABLES),
      PATH: '/usr/local/bin:/usr/bin:/bin',
      // Read by Node itself: compiled code is kept in our own cache.
      NODE_COMPILE_CACHE: path.join(roots.cache, 'compile'),
    },
    locale: pick(LOCALE),
  };
}

function rootsOf(env: NodeJS.ProcessEnv, home: string): Roots {
  const own = env.PANCODE_HOME;
  if (own) {
    if (!path.isAbsolute(own))
      throw new PanError(
        'bad-home',
        `PANCODE_HOME is "${own}", which is not an absolute path.`,
        'Set PANCODE_HOME to an absolute path, or unset it.',
      );
    return { config: path.join(own, 'config'), state: path.join(own, 'state'), cache: path.join(own, 'cache') };
  }
  // The XDG specification says a relative value is invalid and must be ignored.
  const base = (name: string, fallback: string) => {
    const value = env[name];
    return value && path.isAbsolute(value) ? value : path.join(home, fallback);
  };
  return {
    config: path.join(base('XDG_CONFIG_HOME', '.config'), 'pancode'),
    state: path.join(base('XDG_STATE_HOME', '.local/state'), 'pancode'),
    cache: path.join(base('XDG_CACHE_HOME', '.cache'), 'pancode'),
  };
}
