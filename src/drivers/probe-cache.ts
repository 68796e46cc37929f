/** What programs and login shells answered, by fingerprint, kept over restarts. A lost or broken cache costs one round of questions and nothing else. */
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import type { RuntimeProbe } from '../core/contracts.ts';
import { RUNTIME_STATES, TIERS } from '../protocol/words.ts';
import { writeAtomic } from './atomic-file.ts';

const CacheFile = z.object({
  schema: z.literal(1),
  probes: z.record(
    z.string(),
    z.object({
      version: z.string().nullable(),
      state: z.enum(RUNTIME_STATES),
      reason: z.string().nullable(),
      installRoots: z.array(z.string()),
      models: z.array(z.object({ id: z.string(), tier: z.enum(TIERS) })),
    }),
  ),
  paths: z.record(z.string(), z.string()).default({}),
});

/** Programs are replaced with every update; older answers than this many are dropped. */
const KEPT = 64;

export interface ProbeCache {
  get(key: string): RuntimeProbe | null;
  /** Kept at once, written soon after; one write at a time. */
  set(key: string, probe: RuntimeProbe): void;
  /** The PATH of a login shell. */
  path(key: string): string | null;
  setPath(key: string, path: string): void;
  clear(): void;
  /** Resolves when everything set so far is on disk, or could not be written. */
  written(): Promise<void>;
}

export function openProbeCache(file: string): ProbeCache {
  const kept = read(file);
  const probes = new Map<string, RuntimeProbe>(Object.entries(kept.probes));
  const paths = new Map<string, string>(Object.entries(kept.paths));
  let writing: Promise<void> = Promise.resolve();
  const write = (): void => {
    writing = writing.then(() =>
      writeAtomic(file, JSON.stringify({ schema: 1, probes: newest(probes), paths: newest(paths) })).catch(() => {
        // A full disk or a read-only cache: the programs are asked again after the next start.
      }),
    );
  };
  return {
    get: (key) => probes.get(key) ?? null,
    set(key, probe) {
      probes.delete(key);
      probes.set(key, probe);
      write();
    },
    path: (key) => paths.get(key) ?? null,
    setPath(key, path) {
      paths.delete(key);
      paths.set(key, path);
      write();
    },
    clear() {
      probes.clear();
      paths.clear();
    },
    written: () => writing,
  };
}

const newest = <T>(answers: Map<string, T>): Record<string, T> => Object.fromEntries([...answers].slice(-KEPT));

function read(file: string): z.infer<typeof CacheFile> {
  try {
    return CacheFile.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // No cache yet, or one that is broken or from another version: it fills again.
    return { schema: 1, probes: {}, paths: {} };
  }
}
