/** Everything the kernel and the first process are told about one sandbox, as data: computed first, then started as it is. */
import fs from 'node:fs';
import path from 'node:path';
import { environment } from './environment.ts';
import { firstText, outerText, readerWrapOf } from './first.ts';
import { hiddenFiles } from './hidden.ts';
import { innerLimits, outerLimits } from './limits.ts';
import { makeMountPoints } from './mount-points.ts';
import { type Mount, mountAround, mountsOf } from './mounts.ts';
import { refusePlaces } from './place.ts';
import { systemProgram } from './programs.ts';
import { seccompProgram } from './seccomp.ts';
import { type SandboxSpec, within } from './spec.ts';
import { toolchainsOf } from './toolchains.ts';
import { bwrapArguments, cachesIn, isSystem } from './view.ts';

export interface Policy {
  /** System programs by their real paths. */
  bash: string;
  bwrap: string;
  /** Bubblewrap's arguments. */
  arguments: string[];
  /** What the first process runs inside when the last argument was read: a shell text, which gets the agent's command. */
  first: string;
  /** What runs on the host before bubblewrap: a shell text. */
  outer: string;
  filter: Buffer;
  /** Profile R only: the filter that is put on the agent but not on the relay. */
  readerFilter: Buffer | null;
  environment: Record<string, string>;
  /** The relay says at `FD.ready` that it listens. */
  announced: boolean;
  /** Whether the number of processes needs a control group, because the limit of the process itself does not bind. */
  processGroup: boolean;
}

/** Makes the mount points, which is all that changes on the host. Throws PanError for places that cannot be held, with the way out. */
export async function policyOf(spec: SandboxSpec, programs = { bwrap: systemProgram('bwrap') }): Promise<Policy> {
  refusePlaces(spec);
  const bash = fs.realpathSync(systemProgram('bash'));
  const bwrap = fs.realpathSync(programs.bwrap);
  const tools = toolchainsOf(spec);
  const mounts = mountsOf(spec, tools.mounts);
  const masks = await masksOf(spec, mounts, tools.masks);
  makeMountPoints(spec, mounts);
  const reader = spec.profile === 'R';
  const hard = fs.readFileSync('/proc/self/limits', 'utf8');
  const first = {
    limits: innerLimits(hard),
    gateway: spec.gateway,
    // Inside, only what lies in the system's directories shows.
    readerWrap: reader ? readerWrapOf(isSystem(bwrap) ? bwrap : fs.realpathSync(systemProgram('bwrap'))) : null,
    bash,
  };
  return {
    bash,
    bwrap,
    arguments: bwrapArguments(spec, mounts, masks),
    first: firstText(first),
    outer: outerText(outerLimits(hard)),
    filter: seccompProgram(process.arch, { blockUnix: false }),
    readerFilter: reader ? seccompProgram(process.arch, { blockUnix: true }) : null,
    environment: environment(spec, tools.path),
    announced: spec.gateway?.awaited === false,
    processGroup: process.getuid?.() === 0,
  };
}

/** Files to cover, as paths inside: only what shows there, because covering a file that is not there would make it. */
async function masksOf(spec: SandboxSpec, mounts: Mount[], tokens: string[]): Promise<string[]> {
  const given = [...spec.masks, ...tokens].flatMap((file) => visibleFile(mounts, file));
  const found = spec.copy === null ? await hiddenFiles(spec.project) : await hiddenInShares(spec);
  return [...new Set([...given, ...found])];
}

/** Shared directories hold no secrets by their nature, but a tool's cache in them may hold a socket of a process of the user's. */
async function hiddenInShares(spec: SandboxSpec): Promise<string[]> {
  const hidden: string[] = [];
  for (const share of spec.shares)
    for (const file of await hiddenFiles(share.host))
      hidden.push(path.join(share.path, path.relative(share.host, file)));
  return hidden.filter((file) => !cachesIn(spec).some((dir) => within(file, dir)));
}

function visibleFile(mounts: Mount[], file: string): string[] {
  const around = mountAround(mounts, file);
  if (around === null) return isSystem(file) && fs.existsSync(file) ? [file] : [];
  const host = path.join(around.host, path.relative(around.path, file));
  if (!fs.statSync(host, { throwIfNoEntry: false })?.isFile()) return [];
  const real = fs.realpathSync(host);
  return within(real, around.host) ? [path.join(around.path, path.relative(around.host, real))] : [];
}
