/** Snapshot, copy and harvest of one dispatch, without a sandbox: everything is at its real path. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createCopy } from '../../../src/drivers/workspace/copy.ts';
import { type Harvest, type HarvestOptions, harvest, prepareHarvest } from '../../../src/drivers/workspace/harvest.ts';
import { takeSnapshot } from '../../../src/drivers/workspace/snapshot.ts';
import { at, type Repository } from './user-repository.ts';

export interface Dispatch {
  id: string;
  repository: Repository;
  base: string;
  /** What the agent works in, with a home of its own. */
  copy: Repository;
  harvest(options?: Partial<HarvestOptions>): Promise<Harvest>;
}

export async function dispatchIn(repository: Repository, id = 'ID'): Promise<Dispatch> {
  const { host, scratch } = repository;
  const project = await repository.project();
  const limits = { maxFileMb: 10, maxTotalMb: 10 };
  const { commit: base } = await takeSnapshot(project, host, { id, scratchDir: scratch, from: null, ...limits });
  const dir = path.join(scratch, `copy of ${id}`);
  const home = path.join(scratch, `home of ${id}`);
  fs.mkdirSync(home);
  await createCopy(project, host, { id, commit: base, dir, unsandboxed: true });
  const outDir = path.join(scratch, `harvest of ${id}`);
  return {
    id,
    repository,
    base,
    copy: at(dir, { ...host, home }, scratch),
    harvest: (more = {}) => {
      const place = { id, base, copy: dir, outDir, unsandboxed: true };
      const command = prepareHarvest(project, host, place);
      const run = (line: string) => runHere(command, { PATH: host.path, HOME: home }, line);
      return harvest(project, host, { ...place, run, ...more });
    },
  };
}

function runHere(
  [program, ...args]: string[],
  env: Record<string, string>,
  line: string,
): ReturnType<HarvestOptions['run']> {
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, args, { env, stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stderr }));
    child.stdin.end(`${line}\n`);
  });
}
