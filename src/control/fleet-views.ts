/** What a person asks of the fleet: all of it, its models with their prices, what a start reports, and to take something out or bring it back. */

import { priceOf } from '../drivers/prices.ts';
import { probeSandbox } from '../drivers/sandbox/probe.ts';
import type { ClientContext } from '../protocol/api.ts';
import type { Boot, Fleet, ModelEntry, ModelRow, WorkerEntry } from '../protocol/fleet.ts';
import type { Assets } from './box.ts';
import { cordon, uncordon } from './cordons.ts';
import type { FleetContext, FleetSource } from './fleet.ts';
import { PROVIDERS } from './providers.ts';

export interface ViewParts {
  roots: { config: string; cache: string };
  assets: Assets;
  cordonFile: string;
  fleet: FleetSource;
  now(): Date;
}

/** How long a look without `--refresh` waits for answers that are under way, ms. */
const FIRST_LOOK_MS = 1_500;

export function createFleetViews(parts: ViewParts) {
  const contextOf = (client: ClientContext) => parts.fleet.contextOf(client, parts.roots.config);
  const look = (context: FleetContext) => parts.fleet.fresh(context, { timeoutMs: FIRST_LOOK_MS, soon: true });
  return {
    async fleet(client: ClientContext, refresh: boolean): Promise<Fleet> {
      const context = await contextOf(client);
      if (!refresh) return look(context);
      parts.fleet.forget();
      return parts.fleet.fresh(context);
    },
    async models(client: ClientContext): Promise<ModelRow[]> {
      const context = await contextOf(client);
      return modelRows(await look(context), context);
    },
    async boot(client: ClientContext): Promise<Boot> {
      const context = await contextOf(client);
      const { cacheDir, node, relay } = { cacheDir: parts.roots.cache, ...parts.assets };
      const [fleet, sandbox] = await Promise.all([look(context), probeSandbox({ cacheDir, node, relay })]);
      const broken = sandbox.facts.some((fact) => !fact.ok);
      const { mode, safety, budget } = context.config;
      return {
        fleet,
        sandbox: { backend: broken ? 'none' : sandbox.backend, version: sandbox.version },
        mode,
        safety,
        budget,
      };
    },
    async cordon(client: ClientContext, id: string): Promise<{ cordoned: string[] }> {
      const fleet = await look(await contextOf(client));
      const kinds = PROVIDERS.map((provider) => provider.id);
      return idsOf(cordon(parts.cordonFile, id, fleet, kinds, parts.now().toISOString()));
    },
    uncordon: (id: string): { cordoned: string[] } => idsOf(uncordon(parts.cordonFile, id)),
  };
}

const idsOf = (cordons: { id: string }[]) => ({ cordoned: cordons.map(({ id }) => id) });

/** Models of endpoints, then those runtimes have of their own, each once. */
function modelRows(fleet: Fleet, { config }: FleetContext): Promise<ModelRow[]> {
  const workersOf = (of: (worker: WorkerEntry) => boolean) => fleet.workers.filter(of).map(({ id }) => id);
  const price = (workerId: string, endpoint: string | null, provider: string | null, model: string) =>
    priceOf({ workerId, endpoint, model, provider, overrides: config.prices });
  const ofEndpoints = fleet.endpoints.flatMap((endpoint) =>
    endpoint.models.map(async (model): Promise<ModelRow> => {
      const workers = workersOf((worker) => worker.endpoint === endpoint.id && worker.model === model.id);
      const { id, provider, state, reason, retryAt, cooling } = endpoint;
      const local = PROVIDERS.find((one) => one.id === provider)?.billing === 'local';
      const listed = await price(workers[0] ?? '', id, provider, model.id);
      return {
        ...row(model, workers),
        endpoint: id,
        provider,
        state,
        reason: state === 'ready' ? null : reason,
        retryAt: retryAt ?? null,
        cooling: cooling ?? false,
        price: listed ?? (local ? { input: 0, output: 0, table: 'this machine' } : null),
      };
    }),
  );
  const own = fleet.workers.filter((worker) => worker.endpoint === null);
  const ofRuntimes = own.map(async (worker): Promise<ModelRow> => {
    const { model, tier, state, reason, retryAt, cooling } = worker;
    return {
      ...row({ id: model, context: null, loaded: null, tools: true, tier }, [worker.id]),
      endpoint: null,
      provider: null,
      state,
      reason,
      retryAt: retryAt ?? null,
      cooling: cooling ?? false,
      price: await price(worker.id, null, null, model),
    };
  });
  return Promise.all([...ofEndpoints, ...ofRuntimes]);
}

const row = (model: ModelEntry, workers: string[]) => ({
  ...model,
  trainedContext: model.trainedContext ?? null,
  workers,
});
