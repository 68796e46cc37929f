/** The work of a writer, from its copy into `refs/pancode/<id>/result`. */
import type { DispatchPlaces } from '../core/places.ts';
import type { SandboxSpec } from '../drivers/sandbox/spec.ts';
import type { GitHost } from '../drivers/workspace/git.ts';
import { type Harvest, type HarvestOptions, harvest, prepareHarvest } from '../drivers/workspace/harvest.ts';
import type { Project } from '../drivers/workspace/inspect.ts';
import type { Job } from '../protocol/job.ts';
import { type BoxParts, sandboxSpec, startBox } from './box.ts';

/** A sandbox that has the copy before it and waits for the agent's end. */
export interface Harvester {
  run: HarvestOptions['run'];
  kill(): void;
}

export interface WorkPlace {
  job: Job;
  places: DispatchPlaces;
  project: Project;
  git: GitHost;
  /** The snapshot the copy was made from. */
  base: string;
}

export async function startHarvester(work: WorkPlace, parts: BoxParts): Promise<Harvester> {
  const { job, places, project, git } = work;
  const command = prepareHarvest(project, git, placeOf(work));
  const spec: SandboxSpec = {
    ...sandboxSpec(job, places, project, true, parts)({}),
    profile: 'H',
    cwd: project.root,
    gateway: null,
    shares: [],
    files: [],
    output: places.harvest,
  };
  const child = await startBox(spec, command, job.unsandboxed);
  child.stdin.on('error', () => {}); // it is gone; its status says so
  child.stdout.resume();
  return {
    async run(line) {
      child.stdin.end(`${line}\n`);
      const { code } = await child.exited;
      return { code, stderr: child.stderrTail() };
    },
    kill: child.kill,
  };
}

/** The agent process must be gone. `waiting`: started before; where it fails for whatever reason, another one does it. */
export async function harvestWork(
  work: WorkPlace,
  parts: BoxParts,
  waiting: Promise<Harvester> | null = null,
): Promise<Harvest> {
  if (waiting !== null)
    try {
      const { run } = await waiting;
      return await harvest(work.project, work.git, { ...placeOf(work), run });
    } catch {
      // It may have been killed while it waited. What stands in the way of any harvest is told by the next one.
    }
  const { run } = await startHarvester(work, parts);
  return harvest(work.project, work.git, { ...placeOf(work), run });
}

const placeOf = ({ job, places, base }: WorkPlace) => ({
  id: job.id,
  base,
  copy: places.copy,
  outDir: places.harvest,
  unsandboxed: job.unsandboxed,
});
