/** `pancode sandbox run`: a command of your own in exactly the sandbox a dispatch of that stance gets. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { profileFor } from '../../core/profile.ts';
import { EXIT, PanError } from '../../protocol/error.ts';
import type { Mode } from '../../protocol/words.ts';
import { type CommandContext, examples, modeFlag, numberFlag, safetyFlag } from '../command.ts';

interface Flags {
  readonly?: boolean;
  run?: boolean;
  project: string;
  home?: string;
  state?: string;
  workspace?: string;
  gatewayPort?: string;
}

export function register(program: Command, context: CommandContext): void {
  program
    .command('sandbox')
    .description('the sandbox by itself')
    .addHelpText('after', examples('pancode sandbox run --mode plan --safety suggest --project . -- ls'))
    .command('run <command...>')
    .usage('[options] --project DIR -- COMMAND...')
    .description('run a command in the sandbox of a stance; the exit status is its own')
    .addHelpText(
      'after',
      examples(
        'pancode sandbox run --mode plan --safety suggest --project . -- cat README.md',
        'pancode sandbox run --mode build --safety auto-edit --project . -- npm test',
      ),
    )
    .option('--readonly', 'as for a read-only agent')
    .option('--run', 'as for an agent that may run the project: in a copy that is thrown away')
    .requiredOption('--project <dir>', 'the project')
    .option('--home <dir>', 'the path that is HOME inside (your own)')
    .option('--state <dir>', 'the directory that is mounted there (an empty one, removed afterwards)')
    .option('--workspace <dir>', 'the private copy to write to (one that is made and thrown away)')
    .option('--gateway-port <n>', 'a loopback port of this machine that can be reached inside')
    .action(async (command: string[], flags: Flags) => {
      const { mode, safety } = program.opts<{ mode?: string; safety?: string }>();
      safetyFlag(safety); // it decides what is applied later; the kernel's boundary is the same for all of them
      if (mode === undefined) throw new PanError('usage', '--mode is missing.', 'Give --mode plan, review or build.');
      // Acceptance checks speak of a mode `admin`, which has no writable project either.
      await runInSandbox(mode === 'admin' ? 'plan' : (modeFlag(mode) as Mode), command, flags, context);
    });
}

async function runInSandbox(mode: Mode, command: string[], flags: Flags, context: CommandContext): Promise<void> {
  const [{ startSandboxed }, { removeTree }, parts] = await Promise.all([
    import('../../drivers/sandbox/launch.ts'),
    import('../../drivers/workspace/remove.ts'),
    import('./sandbox-parts.ts'),
  ]);
  const port = portFlag(flags.gatewayPort);
  // Signals are held from before anything is made: what is made is also removed.
  const stopped = stopOnSignal();
  const scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'pancode-sandbox-')));
  const undo: (() => void | Promise<void>)[] = [() => removeTree(scratch)];
  try {
    const profile = profileFor({ mode, readonly: flags.readonly ?? false }, flags.run ?? false);
    const given = { ...flags, id: `sandbox-${randomUUID()}`, profile, scratch, port };
    const spec = await parts.sandboxSpec(given, context, undo);
    if (port !== null) undo.push(await carryPort(path.join(scratch, 'gateway'), port));
    stopped.check();
    const child = await startSandboxed(spec, command, { stdio: 'inherit' });
    stopped.onStop(() => child.kill());
    const { code, signal } = await child.exited;
    context.exit(stopped.code() ?? code ?? 128 + os.constants.signals[signal as NodeJS.Signals]);
  } catch (error) {
    const code = stopped.code();
    if (code === null) throw error;
    context.exit(code);
  } finally {
    for (const step of undo.reverse()) await step();
    stopped.release();
  }
}

function portFlag(value: string | undefined): number | null {
  const port = numberFlag('--gateway-port', value, 1_024) ?? null;
  if (port !== null && (port > 65_535 || !Number.isInteger(port)))
    throw new PanError('bad-flag', `--gateway-port cannot be "${value}".`, 'Give a port from 1024 to 65535.');
  return port;
}

/** Listens on a socket in `dir` and pipes every connection to the port. Gives what ends it. */
async function carryPort(dir: string, port: number): Promise<() => void> {
  const { listenInDirectory } = await import('../../drivers/socket.ts');
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (inside) => {
    const outside = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    inside.pipe(outside).pipe(inside);
    for (const [socket, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy()); // one side went: the other sees a closed connection
      socket.on('close', () => open.delete(socket));
    }
  });
  await listenInDirectory(server, dir);
  return () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
}

/** The first of the ending signals; every later one is held too, because the end is under way. */
function stopOnSignal() {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let code: number | null = null;
  let tell: (() => void) | null = null;
  const stop = (signal: NodeJS.Signals) => {
    code ??= 128 + os.constants.signals[signal];
    tell?.();
  };
  for (const signal of signals) process.on(signal, stop);
  return {
    code: () => code,
    /** Throws when a signal has come: nothing is started then. */
    check() {
      if (code !== null)
        throw new PanError('stopped', 'Stopped before it was started.', 'Run it again.', EXIT.cancelled);
    },
    /** `act` is called at the first signal, at once where it has come. */
    onStop(act: () => void) {
      tell = act;
      if (code !== null) act();
    },
    release() {
      for (const signal of signals) process.off(signal, stop);
    },
  };
}
