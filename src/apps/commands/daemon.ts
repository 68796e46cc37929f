/** `pancode daemon start|stop|status`. */
import path from 'node:path';
import type { Command } from 'commander';
import { SOCKET_NAME, statePlaces } from '../../core/places.ts';
import { isAbsent, sendIfRunning } from '../client.ts';
import { type CommandContext, examples } from '../command.ts';

interface Hello {
  pid: number;
  version: string;
}

interface Status {
  running: boolean;
  pid: number | null;
  socket: string;
  version: string | null;
}

export function register(program: Command, context: CommandContext): void {
  const daemon = program
    .command('daemon')
    .description('the process that owns fleet, queue and ledger; started on demand')
    .addHelpText('after', examples('pancode daemon status', 'pancode daemon stop'));
  const statusOf = (hello: Hello | null): Status => {
    const socket = path.join(statePlaces(context.environment.roots.state).daemonDir, SOCKET_NAME);
    return { running: hello !== null, pid: hello?.pid ?? null, socket, version: hello?.version ?? null };
  };
  const status = async () => statusOf(await ask<Hello>(context, 'GET', '/v1/hello'));
  const text = (now: Status) =>
    now.running
      ? `The daemon runs (pid ${now.pid}, version ${now.version}).`
      : 'The daemon does not run; any command that needs it starts it.';
  daemon
    .command('start')
    .description('start it now')
    .addHelpText('after', examples('pancode daemon start'))
    .action(async () => {
      const now = statusOf(await context.client.call<Hello>('GET', '/v1/hello'));
      context.output().document(now, () => text(now));
    });
  daemon
    .command('status')
    .description('say whether it runs')
    .addHelpText('after', examples('pancode daemon status --json'))
    .action(async () => {
      const now = await status();
      context.output().document(now, () => text(now));
    });
  daemon
    .command('stop')
    .description('stop it; dispatches go on unless --workers')
    .addHelpText('after', examples('pancode daemon stop', 'pancode daemon stop --workers'))
    .option('--workers', 'cancel all dispatches first')
    .action(async (options: { workers?: boolean }) => {
      const before = await status();
      if (before.pid !== null) {
        await ask(context, 'POST', `/v1/stop${options.workers ? '?workers=1' : ''}`);
        await gone(before.pid);
      }
      const now = await status();
      context.output().document(now, () => (before.running ? 'The daemon has stopped.' : text(now)));
    });
}

/** The daemon's answer, or null where none runs. Never starts one. */
async function ask<T>(context: CommandContext, method: 'GET' | 'POST', target: string): Promise<T | null> {
  try {
    const response = await sendIfRunning(context.environment, method, target);
    if (!response) return null;
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return JSON.parse(text) as T;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

async function gone(pid: number): Promise<void> {
  const { processAlive, readProcessIdentity } = await import('../../drivers/sandbox/identity.ts');
  const { setTimeout: delay } = await import('node:timers/promises');
  const identity = readProcessIdentity(pid);
  while (identity && processAlive(identity)) await delay(10);
}
