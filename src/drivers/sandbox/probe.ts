/** What the sandbox really holds on this machine: started once in R and W, and asked for the eight facts of safety-design §3. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as z from 'zod';
import { PanError } from '../../protocol/error.ts';
import { writeAtomic } from '../atomic-file.ts';
import { takeLock } from '../lock.ts';
import { limitProcessGroup } from './limits.ts';
import { type Finding, type ProbeParts, tryProfiles } from './probe-run.ts';
import { PROBE_SCRIPT } from './probe-script.ts';
import { findSystemProgram, systemProgram } from './programs.ts';
import { seccompProgram, seccompSupported } from './seccomp.ts';

const Probe = z.object({
  backend: z.enum(['bubblewrap', 'none']),
  /** Of bubblewrap; null where there is none. */
  version: z.string().nullable(),
  /** `ok: false` with the reason and the fix in `detail`. One fact `start` where nothing could be started. */
  facts: z.array(z.object({ id: z.string(), ok: z.boolean(), detail: z.string() })),
  /** What limits the number of processes. */
  limits: z.enum(['prlimit', 'cgroup']),
  /** Promises this user's sandboxes do not keep, as sentences. */
  degraded: z.array(z.string()),
});
export type SandboxProbe = z.infer<typeof Probe>;

const CacheFile = z.object({ schema: z.literal(1), key: z.string(), probe: Probe });

export interface ProbeOptions {
  cacheDir: string;
  /** Host paths of the node that runs PanCode and of the relay bundle. */
  node: string;
  relay: string;
  /** Another bubblewrap than the system's. */
  bwrap?: string;
}

/**
 * Never throws for anything the machine lacks. Kept until the next boot when everything holds; everything else is asked again, because it
 * may have been mended meanwhile. Processes that ask at once share one probe.
 */
export async function probeSandbox(options: ProbeOptions): Promise<SandboxProbe> {
  const bwrap = options.bwrap ?? findSystemProgram('bwrap');
  if (bwrap === null) return withoutBackend(null, missing());
  if (!seccompSupported(process.arch))
    return withoutBackend(null, `There is no system call table for ${process.arch}. Use an x86-64 or arm64 machine.`);
  const file = path.join(options.cacheDir, 'sandbox.json');
  try {
    const key = keyOf(options, bwrap);
    fs.mkdirSync(options.cacheDir, { recursive: true, mode: 0o700 });
    const kept = readCache(file, key);
    if (kept) return kept;
    const lock = await takeTurn(path.join(options.cacheDir, 'sandbox.lock'));
    try {
      const probe = readCache(file, key) ?? (await probeNow(options, bwrap));
      if (probe.backend === 'bubblewrap' && probe.facts.every((fact) => fact.ok))
        await writeAtomic(file, JSON.stringify({ schema: 1, key, probe }));
      return probe;
    } finally {
      lock.release();
    }
  } catch (error) {
    // A full disk, a cache that is not writable, a missing bundle: nothing is known, so nothing is promised.
    const reason = error instanceof PanError ? `${error.message} ${error.do}` : `${(error as Error).message}.`;
    return withoutBackend(null, `The sandbox could not be checked: ${reason}`);
  }
}

async function probeNow(options: ProbeOptions, bwrap: string): Promise<SandboxProbe> {
  const parts: ProbeParts = { ...options, bwrap };
  const [version, findings] = await Promise.all([versionOf(bwrap), tryProfiles(parts)]);
  if (version === null || findings.every((finding) => finding.startFault !== null)) {
    const fault = findings.find((finding) => finding.startFault !== null)?.startFault;
    return withoutBackend(version, fault ?? `${bwrap} does not answer to --version.`);
  }
  const group = process.getuid?.() === 0 ? limitProcessGroup() : null;
  group?.remove();
  const unbound = process.getuid?.() === 0 && group === null;
  return {
    backend: 'bubblewrap',
    version,
    facts: factsOf(findings),
    limits: group ? 'cgroup' : 'prlimit',
    degraded: unbound ? ['PanCode runs as root, whom the limit on the number of processes does not bind.'] : [],
  };
}

/** A fact holds when it holds in every profile. */
function factsOf(findings: Finding[]): SandboxProbe['facts'] {
  const ids = [...new Set(findings.flatMap((finding) => finding.facts.map((fact) => fact.id)))];
  const faults = findings.flatMap((finding) =>
    finding.startFault === null ? [] : [{ id: 'start', ok: false, detail: finding.startFault }],
  );
  return [
    ...faults,
    ...ids.map((id) => {
      const all = findings.flatMap((finding) =>
        finding.facts.filter((fact) => fact.id === id).map((fact) => ({ ...fact, finding })),
      );
      const broken = all.find((fact) => !fact.ok);
      return {
        id,
        ok: !broken,
        detail: broken ? `profile ${broken.finding.profile}: ${broken.detail}` : (all[0]?.detail ?? ''),
      };
    }),
  ];
}

/** Whatever changes what would be found: the boot (with it the kernel and its settings), the programs, the user, and our own policy. */
function keyOf(options: ProbeOptions, bwrap: string): string {
  const stamp = (file: string) => {
    const stat = fs.statSync(file);
    return [fs.realpathSync(file), stat.size, stat.mtimeMs, stat.ino];
  };
  const policy = [seccompProgram(process.arch, { blockUnix: true }), fs.readFileSync(options.relay), PROBE_SCRIPT];
  const hash = createHash('sha256');
  for (const part of policy) hash.update(part);
  const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return JSON.stringify([
    boot,
    os.release(),
    process.getuid?.(),
    stamp(bwrap),
    stamp(options.node),
    hash.digest('hex'),
  ]);
}

function readCache(file: string, key: string): SandboxProbe | null {
  try {
    const kept = CacheFile.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
    return kept.key === key ? kept.probe : null;
  } catch {
    return null; // no cache yet, or one that is broken or of another version: it is asked again
  }
}

async function takeTurn(file: string): Promise<{ release(): void }> {
  for (;;) {
    const lock = takeLock(file);
    if (lock) return lock;
    await delay(10);
  }
}

async function versionOf(bwrap: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(bwrap, ['--version'], { timeout: 10_000, env: {} });
    return /(\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null; // it says so to the probe too, with its words
  }
}

function withoutBackend(version: string | null, detail: string): SandboxProbe {
  return { backend: 'none', version, facts: [{ id: 'start', ok: false, detail }], limits: 'prlimit', degraded: [] };
}

function missing(): string {
  try {
    return `${systemProgram('bwrap')} has vanished. Run the command again.`;
  } catch (error) {
    if (!(error instanceof PanError)) throw error;
    return `${error.message} ${error.do}`;
  }
}
