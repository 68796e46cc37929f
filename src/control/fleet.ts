/**
 * The fleet: what can work, with its health. A snapshot is taken from what is known and returns at once; looking, asking and
 * listing go on in the background and are kept by fingerprint over restarts.
 */
import { dirname, join } from 'node:path';
import { withoutVersion } from '../core/base-url.ts';
import type { Provider, Runtime, RuntimeProbe } from '../core/contracts.ts';
import type { Outcome } from '../core/cool-down.ts';
import { withCordons } from '../core/cordons.ts';
import { tierOfModel } from '../core/tiers.ts';
import { ownUpstream } from '../core/upstream.ts';
import { buildWorkers, type RuntimeModels } from '../core/workers.ts';
import { loadConfig } from '../drivers/config.ts';
import { readCordons } from '../drivers/cordon-file.ts';
import { askShellPath, loginShell, usersShell } from '../drivers/login-shell.ts';
import { openProbeCache } from '../drivers/probe-cache.ts';
import { createProbeHost } from '../drivers/probe-host.ts';
import type { ClientContext } from '../protocol/api.ts';
import type { Config } from '../protocol/config.ts';
import type { EndpointEntry, Fleet, RuntimeEntry } from '../protocol/fleet.ts';
import { type Findable, findables, NOTHING } from './clis.ts';
import { createHealth, type Service } from './health.ts';
import { createProbes } from './probes.ts';
import { type Found, findPrograms, sought } from './search.ts';
import { createServices } from './services.ts';

export interface FleetParts {
  runtimes: readonly Runtime[];
  providers: readonly Provider[];
  /** Answers of programs are kept here; its directory also holds the home they are asked in. */
  cacheFile: string;
  /** What a person has taken out of the fleet. */
  cordonFile: string;
  /** Milliseconds since 1970. */
  now(): number;
  /** How long an address is asked whether an engine is there; default 300. */
  discoveryMs?: number;
  /** PanCode's own version: another one asks every program again. */
  version?: string;
}

/** What the fleet of one client depends on. */
export interface FleetContext {
  config: Config;
  path: string;
  home: string;
  keys: Record<string, string>;
  /** Program of the person's login shell, which may know of more programs; absent or null = none is asked. */
  shell?: string | null;
}

export const fleetContext = (config: Config, client: ClientContext): FleetContext => ({
  config,
  path: client.path,
  home: client.home,
  keys: client.keys,
  shell: client.shell ?? usersShell(),
});

/** A program that runs a runtime, as a job needs it. */
export interface RuntimeProgram {
  path: string | null;
  installRoots: string[];
}

/** How long a search counts as news. */
const SCAN_FRESH_MS = 5_000;
/** A login shell that would not say its PATH is left alone this long. */
const SHELL_FAILED_MS = 600_000;

export type FleetSource = ReturnType<typeof createFleet>;

export function createFleet(parts: FleetParts) {
  const subjects = findables(parts.runtimes);
  const cache = openProbeCache(parts.cacheFile);
  const scans = createProbes<ReadonlyMap<string, Found>>({ now: parts.now, atOnce: 4 });
  const shells = createProbes<string | null>({ now: parts.now, atOnce: 1 });
  const programs = createProbes<RuntimeProbe>({ now: parts.now, atOnce: 2 });
  const services = createServices(parts);
  const all = [scans, shells, programs, ...services.probes];
  const health = createHealth(parts.now);
  const stopping = new AbortController();

  const hostOf = (context: FleetContext, path: string) =>
    createProbeHost({
      path,
      home: context.home,
      scratchHome: join(dirname(parts.cacheFile), 'probe-home'),
      stopped: stopping.signal,
    });

  /** Of the login shell; null where it is not known, or not asked. Never waits. */
  const shellPathOf = (context: FleetContext): string | null => {
    const { shell, home } = context;
    if (shell == null || !context.config.discover) return null;
    const path = shells.ask(
      [shell, home].join('\0'),
      async () => {
        const found = await loginShell(shell, home);
        if (!found) return null;
        const kept = cache.path(found.fingerprint);
        if (kept !== null) return kept;
        const answer = await askShellPath(found, hostOf(context, context.path).run);
        if (answer !== null && !stopping.signal.aborted) cache.setPath(found.fingerprint, answer);
        return answer;
      },
      (last) => (last == null ? SHELL_FAILED_MS : SCAN_FRESH_MS),
    );
    return path ?? null;
  };

  const programOf = (subject: Findable, context: FleetContext): Found | null | undefined => {
    if (subject.programs.length === 0) return null;
    const found =
      scans.known(scanKey(subjects, context, shellPathOf(context))) ?? scans.known(scanKey(subjects, context, null));
    return found === undefined ? undefined : (found.get(subject.id) ?? null);
  };

  const searchPathOf = (program: Found | null | undefined, context: FleetContext): string =>
    program?.elsewhere ? `${context.path}:${program.directory}` : context.path;

  const answerOf = (subject: Findable, program: Found | null, context: FleetContext): RuntimeProbe | undefined => {
    const key = [parts.version ?? '', subject.id, subject.adapter, program?.fingerprint ?? ''].join('\0');
    const kept = cache.get(key);
    if (kept) return kept;
    const host = hostOf(context, searchPathOf(program, context));
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
    const where = program?.elsewhere ? `not on PATH: found in ${program.directory}` : null;
    const known = done(
      {
        path,
        version,
        state: keyless === null ? state : 'auth-required',
        reason: [keyless ?? reason, where].filter((part) => part !== null).join('; ') || null,
      },
      answer.models,
    );
    const upstream = ownUpstream(subject, context.config, parts.providers);
    return upstream
      ? { ...known, entry: health.seen(known.entry, { id: subject.id, baseUrl: upstream.baseUrl }) }
      : known;
  };

  const endpointsOf = (context: FleetContext): EndpointEntry[] =>
    services
      .endpoints(context)
      .map((entry) => health.seen(entry, { id: entry.id, baseUrl: withoutVersion(entry.url) }));

  const snapshot = (context: FleetContext): Fleet => {
    const shellPath = shellPathOf(context);
    scans.ask(
      scanKey(subjects, context, shellPath),
      () => findPrograms(subjects, context, shellPath),
      () => SCAN_FRESH_MS,
    );
    const runtimes = subjects.map((subject) => runtimeModels(subject, context));
    const endpoints = endpointsOf(context);
    const acp = Object.entries(context.config.runtimes).filter(([, runtime]) => runtime.kind === 'acp');
    const fleet = {
      runtimes: [
        ...runtimes.map(({ entry }) => entry),
        ...acp.map(([id]): RuntimeEntry => ({ id, path: null, version: null, can: NOTHING, ...NO_ACP })),
      ],
      endpoints,
      workers: buildWorkers(runtimes, endpoints),
    };
    return withCordons(fleet, readCordons(parts.cordonFile));
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
      return fleetContext(config, client);
    },
    /**
     * A snapshot as soon as `until` holds for one, or when everything asked for it has been answered, or after `timeoutMs` (15 s).
     * Without `until`: everything that can be known now; with `soon`, without what the login shell may know, which takes its time.
     */
    async fresh(
      context: FleetContext,
      options: { until?: (fleet: Fleet) => boolean; timeoutMs?: number; soon?: boolean } = {},
    ): Promise<Fleet> {
      const deadline = AbortSignal.timeout(options.timeoutMs ?? 15_000);
      const late = new Promise<void>((resolve) => deadline.addEventListener('abort', () => resolve(), { once: true }));
      for (;;) {
        const fleet = snapshot(context);
        const busy = all.filter((probes) => probes.busy() && !(options.soon && probes === shells));
        if (options.until?.(fleet) || deadline.aborted || busy.length === 0) return fleet;
        await Promise.race([...busy.map((probes) => probes.next()), late]);
      }
    },
    /** Asks everything again at the next snapshot, what is cached on disk too, and what was left alone after failures. */
    forget(): void {
      cache.clear();
      health.forget();
      for (const probes of all) probes.forget();
    },
    /** A model request ended at `at`, ms since 1970: how its service did decides whether the next dispatch gets it. */
    report(service: Service, outcome: Outcome, at: number): void {
      health.report(service, outcome, at);
    },
    /** PATH on which a runtime's program finds its companions. */
    searchPath(runtimeId: string, context: FleetContext): string {
      const subject = subjects.find((one) => one.id === runtimeId);
      return searchPathOf(subject && programOf(subject, context), context);
    },
    /** Ends every program that is being asked; resolves when none of them is alive. */
    async close(): Promise<void> {
      stopping.abort();
      await Promise.all([programs.settled(), shells.settled()]);
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

function scanKey(subjects: readonly Findable[], context: FleetContext, shellPath: string | null): string {
  const { path, home, config } = context;
  const wanted = sought(subjects, context).map(({ id }) => [id, config.runtimes[id]?.path ?? null]);
  return JSON.stringify([path, home, shellPath, wanted]);
}

function missing({ id, programs }: Findable, { config }: FleetContext): string {
  const override = config.runtimes[id]?.path;
  if (override !== undefined) return `runtimes.${id}.path (${override}) is no program that can be run`;
  if (!config.discover && !Object.hasOwn(config.runtimes, id)) return 'not looked for: discover is false';
  return `no "${programs[0]}" on PATH or where installers put it`;
}

/** Why a runtime with one upstream of its own cannot reach it; null = it can. */
function missingKey(subject: Findable, context: FleetContext, providers: readonly Provider[]): string | null {
  const upstream = ownUpstream(subject, context.config, providers);
  if (upstream === null) return `no service is known for it: set runtimes.${subject.id}.baseUrl`;
  if (upstream.apiKeyEnv === null || context.keys[upstream.apiKeyEnv]) return null;
  return `no key: set ${upstream.apiKeyEnv}, or runtimes.${subject.id}.baseUrl`;
}
