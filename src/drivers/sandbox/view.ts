/** What a sandbox sees: bubblewrap's arguments, built from nothing (safety-design §3). Order: system, home, project, protections. */
import fs from 'node:fs';
import { objectsInside } from '../../core/places.ts';
import { FD, INSIDE } from './first.ts';
import { type Mount, ownDirectories } from './mounts.ts';
import { type SandboxSpec, within } from './spec.ts';

/** What programs need of /etc; never shadow, ssh, sudoers, cron, systemd. */
const ETC = [
  ...[
    'alternatives',
    'ca-certificates',
    'ca-certificates.conf',
    'ssl',
    'pki',
    'ld.so.cache',
    'ld.so.conf',
    'ld.so.conf.d',
  ],
  ...[
    'passwd',
    'group',
    'nsswitch.conf',
    'localtime',
    'timezone',
    'host.conf',
    'hosts',
    'protocols',
    'services',
    'mime.types',
  ],
  ...[
    'magic',
    'bash.bashrc',
    'profile',
    'terminfo',
    'inputrc',
    'os-release',
    'debian_version',
    'lsb-release',
    'login.defs',
  ],
  ...['perl', 'python3', 'java', 'fonts', 'locale.alias', 'default/locale'],
];
const SYSTEM = ['/usr', '/opt', '/nix'];
const LINKS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Directories of keys in the trees above; root would own what is in them. */
const KEYS = ['/etc/ssl/private', '/etc/pki/tls/private', '/etc/pki/private', '/etc/pki/nssdb', '/etc/pki/rsyslog'];
const GB = 1 << 30;
const MB = 1 << 20;

/**
 * `mounts` in the order of their depth, `masks` as paths inside. Bubblewrap's own descriptors are in it; the environment and the command
 * are not.
 */
export function bwrapArguments(spec: SandboxSpec, mounts: Mount[], masks: string[]): string[] {
  const root = process.getuid?.() === 0;
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--unshare-net'],
    ...['--new-session', '--die-with-parent', '--hostname', 'worker', '--cap-drop', 'ALL'],
    ...(root ? ['--uid', '1000', '--gid', '1000'] : []),
    ...['--seccomp', String(FD.filter)],
    ...systemView(),
    ...hiddenInSystem(spec).flatMap((dir) => tmpfs(dir, MB)),
    ...['--proc', '/proc', ...(root ? ownedByRoot() : []), '--dev', '/dev'],
    ...tmpfs('/tmp', GB),
    ...tmpfs('/var/tmp', 64 * MB),
    ...tmpfs('/run', 16 * MB),
    ...tmpfs('/dev/shm', 256 * MB),
    ...(spec.profile === 'H' ? tmpfs(spec.home.path, 64 * MB) : []),
    ...mounts.flatMap((mount) => [
      ...linksOf(mount),
      ...[mount.writable ? '--bind' : '--ro-bind', mount.host, mount.path],
    ]),
    ...cachesIn(spec).flatMap((dir) => tmpfs(dir, GB)),
    ...mounts.flatMap((mount) => (mount.linked ? ['--remount-ro', mount.linked.path] : [])),
    ...masks.flatMap((file) => readOnly('/dev/null', file)),
    ...inRun(spec),
    ...['--remount-ro', '/run', '--remount-ro', '/', '--chdir', spec.cwd],
  ];
}

const readOnly = (host: string, inside = host) => ['--ro-bind', host, inside];
const tmpfs = (dir: string, bytes: number) => ['--size', String(bytes), '--tmpfs', dir];
const exists = (file: string) => fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;

function systemView(): string[] {
  const links = LINKS.filter(exists).flatMap((at) =>
    fs.lstatSync(at).isSymbolicLink() ? ['--symlink', fs.readlinkSync(at), at] : readOnly(at),
  );
  const etc = ETC.filter((name) => fs.existsSync(`/etc/${name}`)).flatMap((name) =>
    readOnly(fs.realpathSync(`/etc/${name}`), `/etc/${name}`),
  );
  return [...SYSTEM.filter(exists).flatMap((dir) => readOnly(dir)), ...links, '--dir', '/etc', ...etc];
}

function linksOf({ linked }: Mount): string[] {
  if (linked === undefined) return [];
  const links = linked.links.flatMap(({ name, target }) => ['--symlink', target, `${linked.path}/${name}`]);
  return [...tmpfs(linked.path, 16 * MB), ...links];
}

/** Places inside that tools write to although what is around them is read-only. */
export function cachesIn(spec: SandboxSpec): string[] {
  return [...spec.shares, ...(spec.caches ?? [])].flatMap((share) => share.caches ?? []);
}

/** Keys, and what PanCode keeps below a system directory: as empty directories. */
function hiddenInSystem(spec: SandboxSpec): string[] {
  const own = ownDirectories(spec).filter((dir) => dir !== spec.copy && isSystem(dir));
  return [...KEYS, ...own].filter((dir) => fs.statSync(dir, { throwIfNoEntry: false })?.isDirectory());
}

/** Whether a path is in every sandbox's view by itself. */
export function isSystem(file: string): boolean {
  return [...SYSTEM, ...LINKS].some((dir) => within(file, dir));
}

/** As root, ownership alone would make these writable (measured). */
function ownedByRoot(): string[] {
  return ['/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus']
    .filter(exists)
    .flatMap((file) => readOnly(file));
}

/** What PanCode itself brings. A socket is connectable through a read-only mount (measured), and nothing can be put in its place. */
function inRun(spec: SandboxSpec): string[] {
  const objects = spec.copy === null ? [] : spec.objects.flatMap((dir, n) => readOnly(dir, objectsInside(n)));
  const files = spec.files.flatMap((file) => readOnly(file.host, file.path));
  const output = spec.output === null ? [] : ['--bind', spec.output, INSIDE.output];
  if (spec.gateway === null) return [...objects, ...files, ...output, '--dir', INSIDE.gateway];
  const relay = [
    ...readOnly(spec.gateway.dir, INSIDE.gateway),
    ...readOnly(spec.relay, INSIDE.relay),
    ...readOnly(spec.node, INSIDE.node),
  ];
  return [...objects, ...files, ...output, ...relay];
}
