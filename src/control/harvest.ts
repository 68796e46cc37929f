/** The work of a writer, from its copy into `refs/pancode/<id>/result`. */
import path from 'node:path';
import type { DispatchPlaces } from '../core/places.ts';
import type { SandboxSpec } from '../drivers/sandbox/spec.ts';
import { takeBack } from '../drivers/workspace/env-files.ts';
import type { GitHost } from '../drivers/workspace/git.ts';
import {
  type Harvest,
  type HarvestOptions,
  harvest,
  pathWithoutProject,
  prepareHarvest,
} from '../drivers/workspace/harvest.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import type { Job } from '../protocol/job.ts';
import { type BoxParts, sandboxSpec, startBox } from './box.ts';

/** A sandbox that has the copy before it and waits for the agent's end. */
export interface Harvester {
  run: HarvestOptions['run'];
  /** Whether a signal ended it. */
  killed(): boolean;
  /** Ends it where it has not ended; resolves when nothing of it is alive. */
  end(): Promise<void>;
}

export interface WorkPlace {
  job: Pick<Job, 'id' | 'profile' | 'project' | 'program' | 'env' | 'unsandboxed'>;
  places: DispatchPlaces;
  project: Project;
  git: GitHost;
  /** The snapshot the copy was made from. */
  base: string;
  /** Hears what a person should know about the work. */
  notice?(text: string): void;
}

export async function startHarvester(work: WorkPlace, parts: BoxParts): Promise<Harvester> {
  const { job, places, project, git } = work;
  const command = prepareHarvest(project, git, placeOf(work));
  const spec: SandboxSpec = {
    ...sandboxSpec(job, places, project, true, parts)({}),
    profile: 'H',
    caches: [],
    cwd: project.root,
    gateway: null,
    files: [],
    output: places.harvest,
    path: pathWithoutProject(project, git),
  };
  const child = await startBox(spec, command, job.unsandboxed);
  let killed = false;
  const exited = child.exited.then(({ code }) => {
    // Bubblewrap says it by its status.
    killed = code === null || code > 128;
    return code;
  });
  child.stdin.on('error', () => {}); // it is gone; its status says so
  child.stdout.resume();
  return {
    async run(line) {
      child.stdin.end(`${line}\n`);
      return { code: await exited, stderr: child.stderrTail() };
    },
    killed: () => killed,
    async end() {
      child.kill();
      await exited;
    },
  };
}

/** The agent process must be gone. `waiting`: started before; another one takes its place where it could not be started, or was killed. */
export async function harvestWork(
  work: WorkPlace,
  parts: BoxParts,
  waiting: Promise<Harvester> | null = null,
): Promise<Harvest> {
  const { copy, given: list, trash } = work.places;
  const early = waiting === null ? null : await waiting.catch(() => null); // why, the next one tells
  try {
    takeBack({ copy, list, keep: path.join(trash, 'given'), notice: work.notice ?? (() => {}) });
  } catch (error) {
    await early?.end();
    throw error;
  }
  if (early !== null)
    try {
      return await harvestBy(early, work);
    } catch (error) {
      if (!early.killed()) throw error;
    }
  return harvestBy(await startHarvester(work, parts), work);
}

async function harvestBy(harvester: Harvester, work: WorkPlace): Promise<Harvest> {
  try {
    return await harvest(work.project, work.git, { ...placeOf(work), run: harvester.run });
  } finally {
    await harvester.end();
  }
}

const placeOf = ({ job, places, base }: WorkPlace) => ({
  id: job.id,
  base,
  copy: places.copy,
  outDir: places.harvest,
  unsandboxed: job.unsandboxed,
});
