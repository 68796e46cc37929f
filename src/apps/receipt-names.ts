/** Whether a name that no receipt has is a name at all. Asked only when a list came out empty. */
import path from 'node:path';
import { didYouMean } from '../core/nearest.ts';
import { PanError } from '../protocol/error.ts';
import type { Fleet } from '../protocol/fleet.ts';
import { bundleDir } from './assets.ts';
import type { CommandContext } from './command.ts';

/** Throws PanError (exit 2) with the nearest name where an agent or worker is neither here nor in a receipt. */
export async function checkNames(filters: { agent?: string; worker?: string }, context: CommandContext): Promise<void> {
  const had = await context.client.call<{ agents: string[]; workers: string[] }>('GET', '/v1/receipt-names');
  if (filters.agent !== undefined && !had.agents.includes(filters.agent))
    known('--agent', filters.agent, [...(await agentNames(context)), ...had.agents], 'See `pancode agents`.');
  if (filters.worker !== undefined && !had.workers.includes(filters.worker)) {
    const fleet = await context.client.call<Fleet>('POST', '/v1/fleet', await context.clientContext());
    const workers = fleet.workers.map((worker) => worker.id);
    known('--worker', filters.worker, [...had.workers, ...workers], 'See `pancode fleet`.');
  }
}

async function agentNames(context: CommandContext): Promise<string[]> {
  const { loadAgents } = await import('../drivers/agents.ts');
  const { projectRootOf } = await import('../drivers/project-root.ts');
  const { agents } = await loadAgents({
    shippedDir: path.join(bundleDir(), '..', 'agents'),
    configDir: context.environment.roots.config,
    projectRoot: projectRootOf(context.options().cwd),
  });
  return agents.map((agent) => agent.name);
}

function known(flag: string, name: string, valid: string[], where: string): void {
  const names = [...new Set(valid)];
  if (!names.includes(name))
    throw new PanError('bad-flag', `${flag} cannot be "${name}": there is none. ${didYouMean(name, names)}`, where);
}
