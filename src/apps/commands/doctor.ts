/** `pancode doctor`: what holds here. Really starts the sandbox and checks what it promises. */
import type { Command } from 'commander';
import { probeSandbox } from '../../drivers/sandbox/probe.ts';
import { PanError } from '../../protocol/error.ts';
import type { Fleet } from '../../protocol/fleet.ts';
import { findAssets } from '../assets.ts';
import { type CommandContext, examples } from '../command.ts';
import { columns } from '../output.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description('sandbox facts, runtimes and what each needs')
    .addHelpText('after', examples('pancode doctor'))
    .option('--probe', 'run each runtime against the simulated model')
    .action(async (options: { probe?: boolean }) => {
      if (options.probe)
        throw new PanError(
          'not-built',
          'doctor --probe is not built yet.',
          'Run `pancode doctor` for the sandbox facts and `pancode demo` for a whole simulated dispatch.',
        );
      const assets = findAssets();
      const sandbox = await probeSandbox({
        cacheDir: context.environment.roots.cache,
        node: assets.node,
        relay: assets.relay,
      });
      const fleet = await context.client.call<Fleet>('POST', '/v1/fleet?refresh=1', await context.clientContext());
      const answer = {
        sandbox,
        runtimes: fleet.runtimes.map(({ id, version, state }) => ({ id, version, state, cells: [] })),
      };
      context
        .output()
        .document(answer, () =>
          [
            `sandbox ${sandbox.backend}${sandbox.version ? ` ${sandbox.version}` : ''}${sandbox.backend === 'none' ? ': UNSANDBOXED, dispatches are refused' : ''}`,
            columns(sandbox.facts.map((fact) => [fact.ok ? '  ok' : '  NO', fact.id, fact.detail])),
            '',
            columns(
              fleet.runtimes.map((runtime) => [
                runtime.state === 'ready' ? '  ok' : '  --',
                runtime.id,
                runtime.version ?? '',
                runtime.state,
                runtime.reason ?? '',
              ]),
            ),
          ].join('\n'),
        );
    });
}
