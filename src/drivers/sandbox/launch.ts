/** Starts a command in a sandbox, holds its life-line, and knows when its process namespace is gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import type { Duplex } from 'node:stream';
import { EXIT, PanError } from '../../protocol/error.ts';
import { type SandboxedProcess, startedChild } from './child.ts';
import { FD } from './first.ts';
import { handOver } from './hand-over.ts';
import { limitProcessGroup } from './limits.ts';
import { followNamespace } from './namespace.ts';
import { type Policy, policyOf } from './policy.ts';
import type { SandboxSpec } from './spec.ts';

export type { SandboxedProcess } from './child.ts';

export interface StartOptions {
  stdio: 'pipe' | 'inherit';
  /** A descriptor that reaches the launcher as number 9, as one leaked by our own parent would: the probe checks that it goes no further. */
  leak?: number;
}

/** Starts `command` in the sandbox of `spec`. Throws PanError when that cannot be held; what bubblewrap refuses shows in exit and stderr. */
export async function startSandboxed(
  spec: SandboxSpec,
  command: string[],
  options: StartOptions,
): Promise<SandboxedProcess> {
  return startPolicy(await policyOf(spec), command, options);
}

/** `letGo` closes the life-line and does nothing else: what our own death does. */
export type HeldProcess = SandboxedProcess & { letGo(): void };

/** Starts `command` under a policy that was computed before. */
export async function startPolicy(policy: Policy, command: string[], options: StartOptions): Promise<HeldProcess> {
  const handed = [
    policy.filter,
    policy.readerFilter,
    Buffer.from(policy.arguments.map((word) => `${word}\0`).join('')),
  ].map((bytes) => (bytes === null ? ('ignore' as const) : handOver(bytes)));
  const { bash, bwrap, outer, first } = policy;
  const group = policy.processGroup ? limitProcessGroup() : null;
  // The name of the first process inside is in the command line of bubblewrap's own, where no agent can change it.
  const name = `pancode-${randomBytes(12).toString('hex')}`;
  // Node's pipes are sockets, which a bash takes for a connection from elsewhere: it would run ~/.bashrc (measured: 100 ms of a user's own).
  const inner = [bash, '--norc', '-p', '-c', first, name, ...command];
  const args = [
    '--norc',
    '-p',
    '-c',
    outer,
    'outer',
    group?.procs ?? '',
    bwrap,
    '--args',
    String(FD.arguments),
    '--',
    ...inner,
  ];
  const io = options.stdio === 'inherit' ? ('inherit' as const) : ('pipe' as const);
  const ready = policy.announced ? ('pipe' as const) : ('ignore' as const);
  const leaked = options.leak === undefined ? [] : ['ignore' as const, options.leak];
  let child: ChildProcess;
  try {
    child = spawn(bash, args, {
      stdio: [io, io, io, ...handed, 'pipe', ready, ...leaked],
      env: policy.environment,
      cwd: '/',
    });
  } catch (cause) {
    group?.remove();
    throw notStarted(cause);
  } finally {
    for (const fd of handed) if (typeof fd === 'number') fs.closeSync(fd);
  }
  if (child.pid === undefined) {
    const [cause] = await once(child, 'error');
    group?.remove();
    throw notStarted(cause);
  }
  const namespace = followNamespace(child, name);
  const reachable = policy.announced ? announced(child) : Promise.resolve();
  reachable.catch(() => {}); // whoever does not wait for it learns it from the process itself
  const { ended, ...process_ } = await startedChild(child);
  const exited = ended.then(async (status) => {
    await namespace.gone();
    group?.remove();
    return status;
  });
  return { ...process_, reachable, exited, kill: namespace.kill, letGo: namespace.letGo };
}

/** The relay's word; every other end of the descriptor is closed, so it ends with the relay. */
function announced(child: ChildProcess): Promise<void> {
  const stdio: unknown[] = [...child.stdio];
  const stream = stdio[FD.ready] as Duplex;
  return new Promise((resolve, reject) => {
    stream.once('data', () => resolve());
    stream.once('close', () => reject(new Error('the gateway relay did not start')));
    stream.on('error', () => {}); // it closes then
  });
}

function notStarted(cause: unknown): PanError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PanError(
    'no-sandbox',
    `The sandbox could not be started: ${reason}.`,
    'Run `pancode doctor` for the fix.',
    EXIT.unavailable,
    cause,
  );
}
