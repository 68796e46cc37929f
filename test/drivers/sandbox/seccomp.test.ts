/** The filter's decisions, by a tiny interpreter of the classic BPF it is written in; that the kernel takes it is shown by escapes.test.ts. */
import { describe, expect, it } from 'vitest';
import { seccompProgram, seccompSupported } from '../../../src/drivers/sandbox/seccomp.ts';

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const KILL = 0x80000000;

interface Call {
  arch: number;
  number: number;
  args?: bigint[];
}

/** struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits. */
function decide(program: Buffer, call: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.arch, 4);
  (call.args ?? []).forEach((value, i) => {
    data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * i);
  });
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at += 1) {
    const code = program.readUInt16LE(at * 8);
    const value = program.readUInt32LE(at * 8 + 4);
    const jump = (taken: boolean) => program.readUInt8(at * 8 + (taken ? 2 : 3));
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x15) at += jump(accumulator === value);
    else if (code === 0x35) at += jump(accumulator >= value);
    else if (code === 0x06) return value;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('the program runs off its end');
}

/** From the kernel's tables, written down apart from the program's own. */
const MACHINES = {
  x64: {
    arch: 0xc000003e,
    denied: [
      101, 310, 311, 438, 425, 426, 427, 321, 298, 323, 248, 249, 250, 246, 320, 175, 313, 176, 179, 163, 103, 304, 167,
      168, 169, 153,
    ],
    free: [0, 1, 2, 9, 39, 56, 57, 59, 165, 272, 308, 435, 449],
    socket: 41,
    socketpair: 53,
    ioctl: 16,
  },
  arm64: {
    arch: 0xc00000b7,
    denied: [
      117, 270, 271, 438, 425, 426, 427, 280, 241, 282, 217, 218, 219, 104, 294, 105, 273, 106, 60, 89, 116, 265, 224,
      225, 142, 58,
    ],
    free: [56, 63, 64, 40, 97, 220, 221, 222, 268, 435],
    socket: 198,
    socketpair: 199,
    ioctl: 29,
  },
} as const;

describe.each(['x64', 'arm64'] as const)('on %s', (name) => {
  const machine = MACHINES[name];
  const writer = seccompProgram(name, { blockUnix: false });
  const reader = seccompProgram(name, { blockUnix: true });
  const on = (program: Buffer, number: number, ...args: bigint[]) =>
    decide(program, { arch: machine.arch, number, args });

  it('is whole instructions whose jumps stay inside and whose last is a decision', () => {
    for (const program of [writer, reader]) {
      expect(program.length % 8).toBe(0);
      const count = program.length / 8;
      expect(count).toBeLessThanOrEqual(4_096);
      for (let at = 0; at < count; at += 1)
        if ([0x15, 0x35].includes(program.readUInt16LE(at * 8)))
          for (const byte of [2, 3]) expect(at + 1 + program.readUInt8(at * 8 + byte)).toBeLessThan(count);
      expect(program.readUInt16LE((count - 1) * 8)).toBe(0x06);
    }
  });

  it('refuses the calls that reach other processes, the kernel and its keys', () => {
    for (const program of [writer, reader])
      for (const number of machine.denied) expect(on(program, number), String(number)).toBe(EPERM);
  });

  it('lets everything else through, namespaces and mounts included', () => {
    for (const program of [writer, reader])
      for (const number of machine.free) expect(on(program, number), String(number)).toBe(ALLOW);
  });

  it('kills what speaks for another architecture', () => {
    for (const arch of [0x40000003, 0x40000028, name === 'x64' ? MACHINES.arm64.arch : MACHINES.x64.arch])
      expect(decide(writer, { arch, number: 1 })).toBe(KILL);
  });

  it('refuses typing into a terminal, whatever stands in the upper half of the request', () => {
    for (const request of [0x5412n, 0x541cn, 0xffffffff00005412n])
      expect(on(writer, machine.ioctl, 0n, request)).toBe(EPERM);
    for (const request of [0x5413n, 0x5401n, 0x541bn]) expect(on(writer, machine.ioctl, 0n, request)).toBe(ALLOW);
  });

  it('allows the four families a program needs, and a reader three', () => {
    for (const family of [2n, 10n, 16n])
      for (const program of [writer, reader]) expect(on(program, machine.socket, family)).toBe(ALLOW);
    expect(on(writer, machine.socket, 1n)).toBe(ALLOW);
    expect(on(reader, machine.socket, 1n)).toBe(EPERM);
    expect(on(reader, machine.socket, 0xffffffff00000001n)).toBe(EPERM);
    for (let family = 0n; family < 64n; family += 1n)
      if (![1n, 2n, 10n, 16n].includes(family)) expect(on(writer, machine.socket, family), String(family)).toBe(EPERM);
  });

  it('leaves socket pairs alone: Node makes its pipes of them', () => {
    expect(on(reader, machine.socketpair, 1n)).toBe(ALLOW);
  });
});

it('refuses the second set of numbers of x86-64', () => {
  const program = seccompProgram('x64', { blockUnix: false });
  for (const number of [0x40000000, 0x40000065, 0x400000ff, -1])
    expect(decide(program, { arch: MACHINES.x64.arch, number })).toBe(EPERM);
});

it('has no program for other machines', () => {
  expect(seccompSupported('riscv64')).toBe(false);
  expect(() => seccompProgram('riscv64', { blockUnix: false })).toThrow(/no system call table/);
});
