/** `pancode fleet`: runtimes, endpoints and workers, and what each needs to be ready. */
import type { Command } from 'commander';
import { visibleLine } from '../../core/visible.ts';
import type { Fleet } from '../../protocol/fleet.ts';
import type { CommandContext } from '../command.ts';
import { columns } from '../output.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('fleet')
    .description('runtimes, endpoints and workers')
    .option('--refresh', 'ask everything again and wait for the answers')
    .action(async (options: { refresh?: boolean }) => {
      const fleet = await context.client.call<Fleet>(
        'POST',
        `/v1/fleet${options.refresh ? '?refresh=1' : ''}`,
        await context.clientContext(),
      );
      context.output().document(fleet, () => fleetText(fleet));
    });
}

export function fleetText(fleet: Fleet): string {
  const mark = (state: string) => (state === 'ready' ? 'ok' : '--');
  const rows = [
    ...fleet.runtimes.map((runtime) => [
      mark(runtime.state),
      runtime.id,
      runtime.id === 'native' ? 'NATIVE' : 'CLI',
      runtime.version ?? '',
      runtime.state,
      visibleLine(runtime.reason ?? '', 100),
    ]),
    ...fleet.endpoints.map((endpoint) => [
      mark(endpoint.state),
      endpoint.id,
      'ENDPOINT',
      endpoint.provider,
      endpoint.state,
      visibleLine(
        endpoint.reason ??
          endpoint.models
            .map((model) => model.id)
            .slice(0, 4)
            .join(', '),
        100,
      ),
    ]),
  ];
  const ready = fleet.workers.filter((worker) => worker.state === 'ready');
  const workers = ready.length
    ? ['', 'workers ready', ...ready.map((worker) => `  ${visibleLine(worker.id)}  ${worker.tier}`)]
    : [
        '',
        'No worker is ready. Set ANTHROPIC_API_KEY, start Ollama, or add an endpoint to the configuration (`pancode config path`); `pancode demo` needs none.',
      ];
  return [columns(rows), ...workers].join('\n');
}
