/** Attempts to get out, as shell texts, and how the host sees that one has succeeded. Each is judged by its effect, never by its status. */
import fs from 'node:fs';
import path from 'node:path';
import type { SandboxSpec } from '../../../src/drivers/sandbox/spec.ts';
import { PORT, quoted, type Ran, treeOf, type World } from './world.ts';

export interface Case {
  profiles: ('R' | 'W')[];
  script(world: World): string;
  /** Whether it got out. Without it: the output says ESCAPED or holds the token. */
  escaped?(ran: Ran, world: World, before: string): boolean;
  /** What the host looks like before; handed to `escaped`. */
  before?(world: World): string;
  spec?(world: World): Partial<SandboxSpec>;
  leak?: boolean;
}

/** With a gateway, and so with a relay. */
const gatewayOf = ({ gateway }: World) => ({ gateway: { dir: gateway, port: PORT, awaited: true } });

const both: ('R' | 'W')[] = ['R', 'W'];
const syscalls =
  process.arch === 'arm64'
    ? { ptrace: 117, keyctl: 219, bpf: 280, syslog: 116 }
    : { ptrace: 101, keyctl: 250, bpf: 321, syslog: 103 };
/** A call that the filter lets through gives something else than EPERM. */
const call = (number: number, args: string) =>
  `perl -e '$! = 0; my $r = syscall(${number}, ${args}); print $r == -1 && $! == 1 ? "no" : "ESCAPED $r $!"'`;
const outputSays = (ran: Ran, world: World) => ran.out.includes('ESCAPED') || ran.out.includes(world.token);

export const CASES: Record<string, Case> = {
  'write beside the project': {
    profiles: both,
    script: ({ outside, home }) =>
      `echo x > ${quoted(`${outside}/new`)}; rm -rf ${quoted(`${outside}/kept`)}; echo x >> ${quoted(`${home}/.bashrc`)}; mkdir -p ${quoted(`${home}/.config/systemd`)}`,
    before: ({ home }) => treeOf(home),
    escaped: (_ran, { home }, before) => treeOf(home) !== before,
  },
  'secrets of the home': {
    profiles: both,
    script: ({ home, outside }) =>
      `cat ~/.ssh/* ~/.aws/* ~/.npmrc ~/.claude/.cr* ~/.config/gh/*; cat ${quoted(`${home}/.npmrc`)} ${quoted(`${outside}/secret`)}`,
  },
  'secrets through a link': { profiles: both, script: () => 'cat link; readlink -f link >/dev/null; cat < link' },
  'secrets of the system': {
    profiles: both,
    script: () =>
      'for f in /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh /var/lib /root /srv /mnt /sys /boot; do [ -e $f ] && echo "ESCAPED $f"; done',
  },
  'the .env file of the project': {
    profiles: both,
    script: () =>
      "cat .env; cat .git/../.env; unshare -Urm bash -c 'umount -l .env; cat .env'; cat /run/pancode/objects/../../.env",
  },
  'a fifo in the project': { profiles: ['R'], script: () => '[ -p fifo ] && echo ESCAPED' },
  'a socket in the project': {
    profiles: ['R'],
    script: () => '[ -S socket/sock ] && echo ESCAPED',
  },
  'change a read-only project': {
    profiles: ['R'],
    script: () =>
      'touch new; rm -f src/app.js; sed -i s/hello/pwn/ src/app.js; chmod 777 src; mv src s; ln -s /etc/passwd l; git commit -q --allow-empty -m x; git branch x; git config alias.x "!x"; echo x > .git/hooks/pre-commit; rm -rf .git/objects; find . -name app.js -delete; node -e "0"; true',
    before: ({ project }) => treeOf(project),
    escaped: (_ran, { project }, before) => treeOf(project) !== before,
  },
  'change the real project from a copy': {
    profiles: ['W'],
    script: ({ project }) =>
      `cd ${quoted(project)}; echo x > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git config core.fsmonitor x; git checkout -q -b x; echo x > src/app.js; git add src; git -c user.name=a -c user.email=a@x commit -q -m x; git update-ref -d refs/heads/main`,
    before: ({ project }) => treeOf(project),
    escaped: (_ran, { project }, before) => treeOf(project) !== before,
  },
  'delete objects the copy borrows': {
    profiles: ['W'],
    script: () => 'rm -rf /run/pancode/objects/*; echo x > /run/pancode/objects/x',
    before: ({ project }) => treeOf(path.join(project, '.git/objects')),
    escaped: (_ran, { project }, before) => treeOf(path.join(project, '.git/objects')) !== before,
  },
  'change shared dependencies': {
    profiles: ['W'],
    spec: ({ project }) => ({
      shares: [{ host: path.join(project, 'node_modules'), path: path.join(project, 'node_modules') }],
    }),
    script: () => 'cat node_modules/dep/index.js; echo x > node_modules/dep/index.js; touch node_modules/x',
    before: ({ project }) => treeOf(path.join(project, 'node_modules')),
    escaped: (_ran, { project }, before) => treeOf(path.join(project, 'node_modules')) !== before,
  },
  'tcp to the host': {
    profiles: both,
    script: ({ tcpPort }) =>
      `for a in 127.0.0.1 0.0.0.0 127.1; do (echo x > /dev/tcp/$a/${tcpPort}) 2>/dev/null; done; true`,
    before: ({ hits }) => String(hits.tcp),
    escaped: (_ran, { hits }, before) => String(hits.tcp) !== before,
  },
  'udp to the host': {
    profiles: both,
    script: ({ udpPort }) => `(echo x > /dev/udp/127.0.0.1/${udpPort}) 2>/dev/null; sleep 0.05`,
    before: ({ hits }) => String(hits.udp),
    escaped: (_ran, { hits }, before) => String(hits.udp) !== before,
  },
  'an abstract socket of the host': {
    profiles: both,
    script: ({ abstractName }) =>
      `perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) or exit; connect(S, pack("S a*", 1, "\\0" . $ARGV[0])) and print "ESCAPED"' ${abstractName}`,
  },
  'a unix socket in R': {
    profiles: ['R'],
    script: () =>
      `perl -MSocket -e 'print socket(S, PF_UNIX, SOCK_STREAM, 0) ? "ESCAPED" : "no"; socketpair(A, B, AF_UNIX, SOCK_STREAM, 0) or print "ESCAPED: pairs must work"'`,
  },
  'the socket of the gateway in R': {
    profiles: ['R'],
    spec: gatewayOf,
    script: () =>
      `[ -e /run/pancode/gw/sock ] && echo ESCAPED; unshare -Urm bash -c 'umount -l /run/pancode/gw; [ -e /run/pancode/gw/sock ] && echo ESCAPED'`,
  },
  'replace the socket of the gateway': {
    profiles: ['W'],
    spec: gatewayOf,
    script: () => 'rm -f /run/pancode/gw/sock; touch /run/pancode/gw/x; chmod 777 /run/pancode/gw',
    before: ({ gateway }) => treeOf(gateway),
    escaped: (_ran, { gateway }, before) => treeOf(gateway) !== before,
  },
  'other processes': {
    profiles: both,
    // A pattern that does not match itself in the command line of grep.
    script: ({ token, sibling }) =>
      `grep -aqs 'canary[${token[6]}]${token.slice(7)}' /proc/[0-9]*/cmdline /proc/[0-9]*/environ && echo ESCAPED; grep -aqs 'read -r _' /proc/${sibling.pid}/cmdline && kill -0 ${sibling.pid} && echo ESCAPED; cat /proc/1/environ`,
    escaped: (ran, { sibling }) => ran.out.includes('ESCAPED') || sibling.exitCode !== null,
  },
  'shared memory of the host': {
    profiles: both,
    script: ({ shmKey }) => `perl -e 'print defined shmget(${shmKey}, 0, 0) ? "ESCAPED" : "no"'`,
  },
  'the name of the host': { profiles: both, script: () => '[ "$(uname -n)" = worker ] || echo ESCAPED' },
  'the session of the launcher': {
    profiles: both,
    script: () => 'read -r _ _ _ _ _ session _ < /proc/self/stat; [ "$session" -gt 0 ] || echo ESCAPED',
  },
  'typing into a terminal': {
    profiles: both,
    script: () =>
      `perl -e 'for my $r (0x5412, 0x541c) { my $c = "x"; ioctl(STDIN, $r, $c); print $! == 1 ? "no" : "ESCAPED" }'`,
  },
  'system calls': {
    profiles: both,
    script: () =>
      [
        call(425, '1, 0'),
        call(syscalls.keyctl, '0, -3, 0'),
        call(syscalls.bpf, '0, 0, 0'),
        call(syscalls.syslog, '10, 0, 0'),
        call(syscalls.ptrace, '0, 0, 0, 0'),
      ].join('; '),
  },
  'strange socket families': {
    profiles: both,
    script: () =>
      `perl -e 'for (17, 38, 40, 31, 15, 44, 30) { $! = 0; socket(S, $_, 2, 0) || $! != 1 and print "ESCAPED $_ $!\\n" }'`,
  },
  'a descriptor of the parent': {
    profiles: both,
    leak: true,
    script: () =>
      'for n in {3..20}; do [ -e /proc/$$/fd/$n ] && echo "ESCAPED $n"; done; [ -e /proc/$$/fd/9 ] && cat <&9; [ -e /proc/1/fd/9 ] && cat /proc/1/fd/9',
  },
  'the environment of the parent': { profiles: both, script: () => 'env; cat /proc/*/environ' },
  'a huge file': {
    profiles: both,
    script: () =>
      'cd /tmp; truncate -s 3G big; s=$(stat -c %s big); rm -f big; [ "$s" -le 2147483648 ] || echo ESCAPED',
  },
  'a core dump': {
    profiles: both,
    script: () => '[ "$(ulimit -c)" = 0 ] && [ "$(ulimit -n)" -le 4096 ] || echo ESCAPED',
  },
  'filling memory': {
    profiles: both,
    script: () =>
      'head -c 80000000 /dev/zero > /var/tmp/fill; s=$(stat -c %s /var/tmp/fill); rm -f /var/tmp/fill; [ "$s" -le 67108864 ] || echo ESCAPED',
  },
  'a fork bomb': {
    profiles: ['W'],
    script: () =>
      `perl -e 'my $n = 0; for (1 .. 560) { my $p = fork; last unless defined $p; if (!$p) { sleep 60; exit } $n++ } print "count $n"'`,
    escaped: (ran) => Number(/count (\d+)/.exec(ran.out)?.[1] ?? 0) > 530,
  },
  leftovers: {
    profiles: both,
    script: ({ shmKey }) =>
      `setsid sleep 471.${shmKey} >/dev/null 2>&1 & (setsid nohup sleep 472.${shmKey} >/dev/null 2>&1 &); true`,
    escaped: (_ran, { shmKey }) => processesWith(`sleep\u000047[12].${shmKey}`).length > 0,
  },
  'the root of the file system': {
    profiles: both,
    script: () => 'mkdir /x 2>/dev/null && echo ESCAPED; touch /etc/x 2>/dev/null && echo ESCAPED; true',
  },
  'the directory of PanCode inside': {
    profiles: both,
    script: () => 'touch /run/x 2>/dev/null && echo ESCAPED; touch /run/pancode/x 2>/dev/null && echo ESCAPED; true',
  },
  'programs of the system': {
    profiles: both,
    script: () => '[ -w /usr ] && echo ESCAPED; [ -w /usr/bin/env ] && echo ESCAPED; true',
  },
  'settings of the kernel': {
    profiles: both,
    script: () => '[ -w /proc/sys/kernel/printk ] && echo ESCAPED; [ -w /proc/sysrq-trigger ] && echo ESCAPED; true',
  },
  'being root': {
    profiles: both,
    script: () =>
      '[ "$(id -u)" = 0 ] && echo ESCAPED; grep -qE "^Cap(Prm|Eff):\\s*0*[1-9a-f]" /proc/self/status && echo ESCAPED; true',
  },
  'a device of the host': {
    profiles: both,
    script: () =>
      'for d in /dev/*; do [ -b "$d" ] && echo "ESCAPED $d"; done; ls /dev/mem /dev/kmsg 2>/dev/null && echo ESCAPED; true',
  },
};

export function escapedIn(kind: Case, ran: Ran, world: World, before: string): boolean {
  return (kind.escaped ?? outputSays)(ran, world, before);
}

/** Processes of the host whose command line matches. */
function processesWith(pattern: string): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && new RegExp(pattern).test(fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      return false; // it ended while we looked
    }
  });
}
