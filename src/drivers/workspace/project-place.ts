/** Where a project may be: a directory that can be read, and none that holds more than a project. */
import fs from 'node:fs';
import { EXIT, PanError } from '../../protocol/error.ts';

/** The real path of `cwd`. */
export function realDirectory(cwd: string): string {
  const stat = fs.statSync(cwd, { throwIfNoEntry: false });
  if (!stat) throw refused('no-directory', `${cwd} does not exist.`, 'Give --cwd a directory of your project.');
  if (!stat.isDirectory())
    throw refused('no-directory', `${cwd} is not a directory.`, 'Give --cwd a directory of your project.');
  try {
    fs.accessSync(cwd, fs.constants.R_OK | fs.constants.X_OK);
  } catch (cause) {
    throw refused('unreadable', `${cwd} cannot be read.`, 'Make it readable for you, or work elsewhere.', cause);
  }
  return fs.realpathSync(cwd);
}

/** The whole disk, a home, and anything that holds PanCode's own state are no projects: an agent would see far too much. */
export function refusePlaces(dir: string, home: string, stateDir: string | undefined): void {
  const realHome = fs.existsSync(home) ? fs.realpathSync(home) : home;
  if (dir === '/')
    throw refused('bad-project', 'The root directory cannot be a project.', 'Change into your project first.');
  if (holds(dir, realHome))
    throw refused(
      'bad-project',
      `${dir} is your home directory or holds it, so it cannot be a project.`,
      'Change into your project first.',
    );
  const state = stateDir && fs.existsSync(stateDir) ? fs.realpathSync(stateDir) : stateDir;
  if (state && (holds(dir, state) || dir.startsWith(`${state}/`)))
    throw refused(
      'bad-project',
      `${dir} holds PanCode's own state or lies in it, so it cannot be a project.`,
      'Work elsewhere, or move PANCODE_HOME.',
    );
}

const SYSTEM = [
  ...['/bin', '/boot', '/dev', '/etc', '/lib', '/lib64', '/media', '/mnt', '/opt', '/proc', '/run', '/sbin', '/srv'],
  ...['/sys', '/tmp', '/usr', '/usr/local', '/var', '/var/tmp', '/home', '/Users', '/Library', '/System', '/private'],
];
/** Nothing below these is anybody's project. */
const KERNEL = ['/dev', '/proc', '/sys'];

/** A repository says where a project begins; without one, a directory that is everybody's, or somebody else's home, is refused. */
export function refuseShared(dir: string): void {
  if (SYSTEM.includes(dir) || KERNEL.some((top) => dir.startsWith(`${top}/`)))
    throw refused(
      'bad-project',
      `${dir} is a directory of the system and no git repository, so it cannot be a project.`,
      'Change into your project first.',
    );
  const home = homes().find((one) => holds(dir, one));
  if (home !== undefined)
    throw refused(
      'bad-project',
      `${dir} ${home === dir ? 'is the home of a user' : `holds ${home}, the home of a user,`} and no git repository, so it cannot be a project.`,
      'Change into your project first.',
    );
}

/** Homes of the users of this machine; none where that is not known. */
function homes(): string[] {
  if (!fs.existsSync('/etc/passwd')) return [];
  const fields = fs.readFileSync('/etc/passwd', 'utf8').split('\n');
  const named = fields.map((line) => line.split(':')[5] ?? '').filter((home) => /^\/./.test(home));
  return named.filter((home) => fs.existsSync(home)).map((home) => fs.realpathSync(home));
}

function holds(dir: string, inner: string): boolean {
  return inner === dir || inner.startsWith(dir === '/' ? '/' : `${dir}/`);
}

function refused(code: string, what: string, toDo: string, cause?: unknown): PanError {
  return new PanError(code, what, toDo, EXIT.usage, cause);
}
