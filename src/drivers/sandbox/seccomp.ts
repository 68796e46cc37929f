/** The system call filter (safety-design §3) as classic BPF in a Buffer, handed to bubblewrap by descriptor: no native code. */

interface CallTable {
  /** AUDIT_ARCH_*, from linux/audit.h. */
  arch: number;
  denied: Record<string, number>;
  socket: number;
  ioctl: number;
  /** x86-64 has a second set of numbers from bit 30 on. */
  x32: boolean;
}

/** Numbers from the kernel's system call tables. */
const TABLES: Partial<Record<NodeJS.Architecture, CallTable>> = {
  x64: {
    arch: 0xc000003e,
    denied: {
      ptrace: 101,
      process_vm_readv: 310,
      process_vm_writev: 311,
      pidfd_getfd: 438,
      io_uring_setup: 425,
      io_uring_enter: 426,
      io_uring_register: 427,
      bpf: 321,
      perf_event_open: 298,
      userfaultfd: 323,
      add_key: 248,
      request_key: 249,
      keyctl: 250,
      kexec_load: 246,
      kexec_file_load: 320,
      init_module: 175,
      finit_module: 313,
      delete_module: 176,
      quotactl: 179,
      acct: 163,
      syslog: 103,
      open_by_handle_at: 304,
      swapon: 167,
      swapoff: 168,
      reboot: 169,
      vhangup: 153,
    },
    socket: 41,
    ioctl: 16,
    x32: true,
  },
  arm64: {
    arch: 0xc00000b7,
    denied: {
      ptrace: 117,
      process_vm_readv: 270,
      process_vm_writev: 271,
      pidfd_getfd: 438,
      io_uring_setup: 425,
      io_uring_enter: 426,
      io_uring_register: 427,
      bpf: 280,
      perf_event_open: 241,
      userfaultfd: 282,
      add_key: 217,
      request_key: 218,
      keyctl: 219,
      kexec_load: 104,
      kexec_file_load: 294,
      init_module: 105,
      finit_module: 273,
      delete_module: 106,
      quotactl: 60,
      acct: 89,
      syslog: 116,
      open_by_handle_at: 265,
      swapon: 224,
      swapoff: 225,
      reboot: 142,
      vhangup: 58,
    },
    socket: 198,
    ioctl: 29,
    x32: false,
  },
};

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_EQUAL = 0x35;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const KILL_PROCESS = 0x80000000;

/** TIOCSTI types into a terminal, TIOCLINUX pastes into a console. */
const DENIED_IOCTLS = [0x5412, 0x541c];
/**
 * The only socket families there are: INET, INET6, NETLINK (addresses of the own network namespace) and, outside of profile R, UNIX.
 * A list of what is allowed covers VSOCK (reaches the hypervisor), ALG, PACKET, BLUETOOTH and whatever the next kernel brings.
 */
const FAMILIES = [2, 10, 16];
const AF_UNIX = 1;

export function seccompSupported(architecture: NodeJS.Architecture): boolean {
  return TABLES[architecture] !== undefined;
}

/** The filter as the kernel reads it. `blockUnix`: also no unix sockets (pairs stay). Throws where there is no table: the probe refuses before. */
export function seccompProgram(architecture: NodeJS.Architecture, options: { blockUnix: boolean }): Buffer {
  const table = TABLES[architecture];
  if (!table) throw new Error(`no system call table for ${architecture}`);
  const program: Instruction[] = [
    [LOAD, 0, 0, 4],
    [JUMP_EQUAL, 1, 0, table.arch],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, 0],
  ];
  if (table.x32) program.push([JUMP_GREATER_EQUAL, 0, 1, 0x40000000], [RETURN, 0, 0, EPERM]);
  for (const call of Object.values(table.denied)) program.push([JUMP_EQUAL, 0, 1, call], [RETURN, 0, 0, EPERM]);
  // An ioctl request and a socket family are 32 bits wide: their low halves, at offsets 24 and 16, are all the kernel looks at.
  const requests = DENIED_IOCTLS.flatMap((value): Instruction[] => [
    [JUMP_EQUAL, 0, 1, value],
    [RETURN, 0, 0, EPERM],
  ]);
  program.push([JUMP_EQUAL, 0, requests.length + 2, table.ioctl], [LOAD, 0, 0, 24], ...requests, [RETURN, 0, 0, ALLOW]);
  const families = options.blockUnix ? FAMILIES : [...FAMILIES, AF_UNIX];
  const allowed = families.flatMap((value): Instruction[] => [
    [JUMP_EQUAL, 0, 1, value],
    [RETURN, 0, 0, ALLOW],
  ]);
  program.push([JUMP_EQUAL, 0, allowed.length + 2, table.socket], [LOAD, 0, 0, 16], ...allowed, [RETURN, 0, 0, EPERM]);
  program.push([RETURN, 0, 0, ALLOW]);
  return encode(program);
}

/** struct sock_filter: code, offsets when true and false, value. */
type Instruction = [code: number, whenTrue: number, whenFalse: number, value: number];

function encode(program: Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length);
  program.forEach(([code, whenTrue, whenFalse, value], i) => {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(whenTrue, i * 8 + 2);
    bytes.writeUInt8(whenFalse, i * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, i * 8 + 4);
  });
  return bytes;
}
