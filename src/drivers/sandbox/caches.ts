/**
 * What package managers keep in the user's home, so that builds inside find their dependencies without network. Read-only; what a manager
 * writes beside it goes to the private home. Never a manager's own directory: `~/.cargo` holds credentials.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type Share, within } from './spec.ts';

interface Manager {
  /** Where its directory is: variables in the order the manager asks them, each with what is added to its value; then the place in the home. */
  from: [variable: string, below: string][];
  home: string;
  /** What of it is mounted, relative. Parents stay writable, for locks and logs. */
  dirs: string[];
  /** What of that is hidden, relative: clones may name their origin with a password. */
  hidden?: string[];
  /** Variables that keep it from asking for the network, and from waiting for it. The user's own win. */
  env?: Record<string, string>;
}

const MANAGERS: Manager[] = [
  {
    from: [['CARGO_HOME', '']],
    home: '.cargo',
    dirs: ['registry/index', 'registry/cache', 'registry/src', 'git/db', 'git/checkouts'],
    env: { CARGO_NET_OFFLINE: 'true' },
  },
  {
    from: [
      ['GOMODCACHE', ''],
      ['GOPATH', 'pkg/mod'],
    ],
    home: 'go/pkg/mod',
    dirs: [''],
    hidden: ['cache/vcs'],
    // Not `GOFLAGS=-mod=mod`: it would keep Go from using a vendor directory.
    env: { GOPROXY: 'off' },
  },
  {
    from: [['npm_config_cache', '']],
    home: '.npm',
    dirs: ['_cacache/content-v2', '_cacache/index-v5'],
    env: {
      npm_config_offline: 'true',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
    },
  },
  { from: [], home: '.local/share/pnpm/store', dirs: [''] },
  { from: [], home: '.yarn/berry/cache', dirs: [''] },
  {
    from: [['PIP_CACHE_DIR', '']],
    home: '.cache/pip',
    dirs: ['http', 'http-v2', 'wheels'],
    env: { PIP_RETRIES: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
  },
  { from: [], home: '.m2/repository', dirs: [''] },
];
/** Gradle reads a cache that is not its own where this variable says so (its manual: "shared dependency cache"). */
const GRADLE = { inside: '/run/pancode/gradle', dirs: ['modules-2'], variable: 'GRADLE_RO_DEP_CACHE' };

/** `given`: variables the user passes into the sandbox. `project` is never mounted a second time. */
export function packageCaches(
  home: string,
  given: Record<string, string>,
  project: string,
): { caches: Share[]; env: Record<string, string> } {
  const caches: Share[] = [];
  const env: Record<string, string> = {};
  const add = (at: string, inside: string, hidden: string[] = []) => {
    const host = realDirectory(at);
    if (host === null || within(host, project) || within(project, host) || within(home, host)) return false;
    const covered = hidden.filter((name) => realDirectory(path.join(host, name)) === path.join(host, name));
    caches.push({ host, path: inside, caches: covered.map((name) => path.join(inside, name)) });
    return true;
  };
  for (const manager of MANAGERS) {
    const variable = manager.from.find(([name]) => path.isAbsolute(given[name] ?? ''));
    const base = variable ? path.join(given[variable[0]] as string, variable[1]) : path.join(home, manager.home);
    for (const dir of manager.dirs) add(path.join(base, dir), path.join(base, dir), manager.hidden);
    Object.assign(env, manager.env);
  }
  const gradle = path.join(given.GRADLE_USER_HOME ?? path.join(home, '.gradle'), 'caches');
  const found = GRADLE.dirs.filter((name) => add(path.join(gradle, name), path.join(GRADLE.inside, name)));
  if (found.length > 0) env[GRADLE.variable] = GRADLE.inside;
  return { caches, env };
}

function realDirectory(dir: string): string | null {
  try {
    const real = fs.realpathSync(dir);
    return fs.statSync(real).isDirectory() ? real : null;
  } catch {
    return null; // the manager is not used here, or its cache is not ours to read
  }
}
