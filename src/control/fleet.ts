/**
 * The fleet: what can work, with its health. A snapshot is taken from what is known and returns at once; looking, asking and
 * listing go on in the background and are kept by fingerprint over restarts.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Provider, Runtime, RuntimeProbe } from '../core/contracts.ts';
import { tierOfModel } from '../core/tiers.ts';
import { ownUpstream } from '../core/upstream.ts';
import { buildWorkers, type RuntimeModels } from '../core/workers.ts';
import { loadConfig } from '../drivers/config.ts';
import { type FoundProgram, inspectProgram, scanPath } from '../drivers/path-scan.ts';
import { openProbeCache } from '../drivers/probe-cache.ts';
import { createProbeHost } from '../drivers/probe-host.ts';
import type { ClientContext } from '../protocol/api.ts';
import type { Config } from '../protocol/config.ts';
import type { EndpointEntry, Fleet, RuntimeEntry } from '../protocol/fleet.ts';
import { type Findable, findables, NOTHING } from './clis.ts';
import { endpointEntry, type ProviderAnswer, type WantedEndpoint, wantedEndpoints } from './endpoints.ts';
import { createProbes } from './probes.ts';

export interface FleetParts {
  runtimes: readonly Runtime[];
  providers: readonly Provider[];
  /** Answers of programs are kept here; its directory also holds the home they are asked in. */
  cacheFile: string;
  /** Milliseconds. */
  now(): number;
  /** PanCode's own version: another one asks every program again. */
  version?: string;
}

/** What the fleet of one client depends on. */
export interface FleetContext {
  config: Config;
  path: string;
  home: string;
  keys: Record<string, string>;
}

/** A program that runs a runtime, as a job needs it. */
export interface RuntimeProgram {
  path: string | null;
  installRoots: string[];
}

/** A local engine answers in a few milliseconds; a hosted or busy one gets longer. */
const DISCOVERY_MS = 300;
const CONFIGURED_MS = 2_000;
/** How long an answer counts as news. What is down is looked at again sooner. */
const SCAN_FRESH_MS = 5_000;
const READY_FRESH_MS = 15_000;
const ABSENT_FRESH_MS = 3_000;

export type FleetSource = ReturnType<typeof createFleet>;

export function createFleet(parts: FleetParts) {
  const subjects = findables(parts.runtimes);
  const cache = openProbeCache(parts.cacheFile);
  const scans = createProbes<ReadonlyMap<string, FoundProgram>>({ now: parts.now, atOnce: 4 });
  const programs = createProbes<RuntimeProbe>({ now: parts.now, atOnce: 2 });
  const services = createProbes<ProviderAnswer>({ now: parts.now, atOnce: 16 });
  const all = [scans, programs, services];
  const stopping = new AbortController();

  const programOf = (subject: Findable, context: FleetContext): FoundProgram | null | undefined => {
    if (subject.programs.length === 0) return null;
    const found = scans.known(scanKey(subjects, context));
    return found === undefined ? undefined : (found.get(subject.id) ?? null);
  };

  const answerOf = (
    subject: Findable,
    program: FoundProgram | null,
    context: FleetContext,
  ): RuntimeProbe | undefined => {
    const key = [parts.version ?? '', subject.id, subject.adapter, program?.fingerprint ?? ''].join('\0');
    const kept = cache.get(key);
    if (kept) return kept;
    const host = createProbeHost({
      path: context.path,
      home: context.home,
      scratchHome: join(dirname(parts.cacheFile), 'probe-home'),
      stopped: stopping.signal,
    });
    return programs.ask(
      key,
      async () => {
        const answer = await subject.probe(program?.path ?? '', host);
        // A program that would not say its version today may say it tomorrow.
        if (program !== null && answer.version !== null && !stopping.signal.aborted) cache.set(key, answer);
        return answer;
      },
      (answer) => (answer?.version == null ? 60_000 : Infinity),
    );
  };

  const runtimeModels = (subject: Findable, context: FleetContext): RuntimeModels => {
    const override = context.config.runtimes[subject.id];
    const entry: RuntimeEntry = {
      id: subject.id,
      path: null,
      version: null,
      state: 'unavailable',
      reason: null,
      can: subject.can,
    };
    const done = (changes: Partial<RuntimeEntry>, models: RuntimeProbe['models'] = []): RuntimeModels => ({
      entry: { ...entry, ...changes },
      throughEndpoints: subject.adapter && subject.wire === null,
      models: override?.models?.map((id) => ({ id, tier: tierOfModel(id) })) ?? models,
    });
    if (override?.enabled === false)
      return { ...done({ state: 'cordoned', reason: `runtimes.${subject.id}.enabled is false` }), models: [] };
    const program = programOf(subject, context);
    if (program === undefined) return done({ reason: 'PATH has not been searched yet' });
    if (program === null && subject.programs.length > 0) return done({ reason: missing(subject, context) });
    const answer = answerOf(subject, program, context);
    const path = program?.path ?? null;
    if (answer === undefined)
      return subject.programs.length === 0
        ? done({ state: 'ready' })
        : done({ path, reason: 'found; it has not said its version yet' });
    const { version, state, reason } = answer;
    const keyless = state === 'ready' && subject.wire !== null ? missingKey(subject, context, parts.providers) : null;
    return done(
      { path, version, state: keyless === null ? state : 'auth-required', reason: keyless ?? reason },
      answer.models,
    );
  };

  const endpointOf = (wanted: WantedEndpoint, context: FleetContext): EndpointEntry | null => {
    const { provider } = wanted;
    const key = wanted.apiKeyEnv === null ? null : (context.keys[wanted.apiKeyEnv] ?? null);
    if (provider === undefined || (wanted.apiKeyEnv !== null && !key))
      return endpointEntry(wanted, undefined, context.keys);
    const sealed = key === null ? '' : createHash('sha256').update(key).digest('hex');
    const answer = services.ask(
      [provider.id, wanted.url, sealed].join('\0'),
      () => provider.probe(wanted.url, { apiKey: key, timeoutMs: wanted.discovered ? DISCOVERY_MS : CONFIGURED_MS }),
      (last) => (last?.state === 'ready' ? READY_FRESH_MS : ABSENT_FRESH_MS),
    );
    return endpointEntry(wanted, answer, context.keys);
  };

  const snapshot = (context: FleetContext): Fleet => {
    scans.ask(
      scanKey(subjects, context),
      () => lookFor(subjects, context),
      () => SCAN_FRESH_MS,
    );
    const runtimes = subjects.map((subject) => runtimeModels(subject, context));
    const endpoints = wantedEndpoints(context.config, parts.providers, context.keys)
      .map((wanted) => endpointOf(wanted, context))
      .filter((entry) => entry !== null);
    const acp = Object.entries(context.config.runtimes).filter(([, runtime]) => runtime.kind === 'acp');
    return {
      runtimes: [
        ...runtimes.map(({ entry }) => entry),
        ...acp.map(([id]): RuntimeEntry => ({ id, path: null, version: null, can: NOTHING, ...NO_ACP })),
      ],
      endpoints,
      workers: buildWorkers(runtimes, endpoints),
    };
  };

  /** Resolves when nothing is being asked any more. Every question is limited in time. */
  const settled = async (): Promise<void> => {
    while (all.some((probes) => probes.busy())) await Promise.all(all.map((probes) => probes.settled()));
    await cache.written();
  };

  return {
    snapshot,
    settled,
    /** What a client's request means for the fleet. Throws PanError (exit 2) on a wrong configuration. */
    async contextOf(client: ClientContext, configDir: string): Promise<FleetContext> {
      const { config } = await loadConfig({ configDir, projectRoot: null, flags: { preset: client.preset } });
      return { config, path: client.path, home: client.home, keys: client.keys };
    },
    /**
     * A snapshot as soon as `until` holds for one, or when everything asked for it has been answered, or after `timeoutMs` (15 s).
     * Without `until`: everything that can be known now.
     */
    async fresh(
      context: FleetContext,
      options: { until?: (fleet: Fleet) => boolean; timeoutMs?: number } = {},
    ): Promise<Fleet> {
      const deadline = AbortSignal.timeout(options.timeoutMs ?? 15_000);
      const late = new Promise<void>((resolve) => deadline.addEventListener('abort', () => resolve(), { once: true }));
      for (;;) {
        const fleet = snapshot(context);
        if (options.until?.(fleet) || deadline.aborted || !all.some((probes) => probes.busy())) return fleet;
        await Promise.race([...all.filter((probes) => probes.busy()).map((probes) => probes.next()), late]);
      }
    },
    /** Asks everything again at the next snapshot, what is cached on disk too. */
    forget(): void {
      cache.clear();
      for (const probes of all) probes.forget();
    },
    /** Ends every program that is being asked; resolves when none of them is alive. */
    async close(): Promise<void> {
      stopping.abort();
      await programs.settled();
      await cache.written();
    },
    /** What a job needs to start a runtime; null where it is not found or has not answered. */
    program(runtimeId: string, context: FleetContext): RuntimeProgram | null {
      const subject = subjects.find((one) => one.id === runtimeId);
      const program = subject && programOf(subject, context);
      if (!subject || program === undefined || (program === null && subject.programs.length > 0)) return null;
      const answer = answerOf(subject, program, context);
      if (program === null) return { path: null, installRoots: answer?.installRoots ?? [] };
      return answer === undefined ? null : { path: program.path, installRoots: answer.installRoots };
    },
  };
}

const NO_ACP = { state: 'unsupported', reason: 'agents that speak ACP are not built yet' } as const;

/** Programs that discovery may look for: with `discover: false` only those the configuration names. */
function sought(subjects: readonly Findable[], config: Config): Findable[] {
  return subjects.filter(
    ({ id, programs }) => programs.length > 0 && (config.discover || Object.hasOwn(config.runtimes, id)),
  );
}

function scanKey(subjects: readonly Findable[], { path, config }: FleetContext): string {
  return JSON.stringify([path, sought(subjects, config).map(({ id }) => [id, config.runtimes[id]?.path ?? null])]);
}

/** By runtime id. */
async function lookFor(
  subjects: readonly Findable[],
  { path, config }: FleetContext,
): Promise<Map<string, FoundProgram>> {
  const wanted = sought(subjects, config);
  const scanned = await scanPath(
    path,
    wanted.flatMap(({ programs }) => programs),
  );
  const found = await Promise.all(
    wanted.map(async ({ id, programs }) => {
      const override = config.runtimes[id]?.path;
      if (override !== undefined) return [id, await inspectProgram(override)] as const;
      return [id, programs.map((name) => scanned.get(name)).find((hit) => hit !== undefined) ?? null] as const;
    }),
  );
  return new Map(found.filter((entry): entry is [string, FoundProgram] => entry[1] !== null));
}

function missing({ id, programs }: Findable, { config }: FleetContext): string {
  const override = config.runtimes[id]?.path;
  if (override !== undefined) return `runtimes.${id}.path (${override}) is no program that can be run`;
  if (!config.discover && !Object.hasOwn(config.runtimes, id)) return 'not looked for: discover is false';
  return `no "${programs[0]}" on PATH`;
}

/** Why a runtime with one upstream of its own cannot reach it; null = it can. */
function missingKey(subject: Findable, context: FleetContext, providers: readonly Provider[]): string | null {
  const upstream = ownUpstream(subject, context.config, providers);
  if (upstream === null) return `no service is known for it: set runtimes.${subject.id}.baseUrl`;
  if (upstream.apiKeyEnv === null || context.keys[upstream.apiKeyEnv]) return null;
  return `no key: set ${upstream.apiKeyEnv}, or runtimes.${subject.id}.baseUrl`;
}
