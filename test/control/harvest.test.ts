/** The sandbox that waits for the agent's end: used once, replaced where it was killed, and gone whatever happens. Real bubblewrap. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import type { BoxParts } from '../../src/control/box.ts';
import { harvestWork, startHarvester, type WorkPlace } from '../../src/control/harvest.ts';
import { dispatchPlaces } from '../../src/core/places.ts';
import { createCopy, pristineIndex } from '../../src/drivers/workspace/copy.ts';
import { takeSnapshot } from '../../src/drivers/workspace/snapshot.ts';
import { at, type Repository, smallRepository } from '../drivers/workspace/user-repository.ts';
import { processesOf } from '../fixtures/pancode.ts';
import { testJob } from '../fixtures/run-host.ts';
import { until } from '../fixtures/workers.ts';

const parts: BoxParts = {
  assets: { node: process.execPath, relay: process.execPath, nativeAgent: process.execPath, ripgrepDir: null },
  locale: {},
  passed: {},
  hide: [],
};
let number = 0;
let work: WorkPlace;
let copy: Repository;

beforeEach(async () => {
  const repository = smallRepository();
  repository.write('bin/own', '#!/bin/sh\n', 0o755);
  const project = await repository.project();
  // The project's own programs are on PATH, as direnv and npm put them there.
  const git = { ...repository.host, path: `${project.root}/bin:${repository.host.path}` };
  const id = `HARVEST-${process.pid}-${number++}`;
  const places = dispatchPlaces(path.join(repository.scratch, 'state'), id);
  fs.mkdirSync(places.dir, { recursive: true });
  const { commit: base } = await takeSnapshot(project, git, {
    id,
    scratchDir: places.scratch,
    from: null,
    maxFileMb: 10,
    maxTotalMb: 10,
  });
  await createCopy(project, git, { id, commit: base, dir: places.copy });
  const job = testJob(project.root, { id, env: { path: git.path, home: git.home, pass: [] } });
  work = { job, places, project, git, base };
  copy = at(places.copy, git, repository.scratch);
});
const result = () => `refs/pancode/${work.job.id}/result`;
const show = (file: string) => at(work.project.root, work.git, work.places.scratch).git('show', `${result()}:${file}`);

it('takes what was written after it was started, and is gone then', async () => {
  const waiting = startHarvester(work, parts);
  await waiting;
  copy.write('new.txt', 'late\n');
  expect(await harvestWork(work, parts, waiting)).toMatchObject({ files: 1 });
  expect(show('new.txt')).toBe('late');
  expect(processesOf(work.job.id)).toEqual([]);
});

it('is replaced where it was killed, or could not be started', async () => {
  copy.write('new.txt', 'kept\n');
  const killed = startHarvester(work, parts);
  await (await killed).end();
  expect(await harvestWork(work, parts, killed)).toMatchObject({ files: 1 });
  expect(await harvestWork(work, parts, Promise.reject(new Error('no more processes')))).toMatchObject({ files: 1 });
  expect(show('new.txt')).toBe('kept');
});

it('leaves no process where there can be no harvest', async () => {
  const broken = { ...work, base: 'f'.repeat(40) };
  fs.rmSync(pristineIndex(work.places.copy));
  const waiting = startHarvester(broken, parts);
  await waiting;
  expect(processesOf(work.job.id).length).toBeGreaterThan(0);
  await expect(harvestWork(broken, parts, waiting)).rejects.toThrow();
  await expect(harvestWork(broken, parts)).rejects.toThrow();
  await until(() => processesOf(work.job.id).length === 0);
});

it('runs no program that the agent put where the project is on PATH', async () => {
  for (const name of ['git', 'grep', 'sed', 'sort', 'touch', 'head', 'tr', 'comm', 'cat'])
    copy.write(`bin/${name}`, `#!/bin/sh\necho ${name} >> /run/pancode/out/ran\nexit 0\n`, 0o755);
  copy.write('new.txt', 'new\n');
  copy.write('ignored/x', 'x\n');
  expect(await harvestWork(work, parts)).toMatchObject({ files: 10, ignored: ['ignored/'] });
  expect(fs.existsSync(path.join(work.places.harvest, 'ran'))).toBe(false);
});
