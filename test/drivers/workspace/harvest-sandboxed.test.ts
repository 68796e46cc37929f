/** The way of a dispatch through real sandboxes: the agent works in one, its copy is harvested in another. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startSandboxed } from '../../../src/drivers/sandbox/launch.ts';
import type { SandboxSpec } from '../../../src/drivers/sandbox/spec.ts';
import { createCopy } from '../../../src/drivers/workspace/copy.ts';
import { harvest, prepareHarvest } from '../../../src/drivers/workspace/harvest.ts';
import { takeSnapshot } from '../../../src/drivers/workspace/snapshot.ts';
import { at, pictureOfRepository, smallRepository } from './user-repository.ts';

async function run(spec: SandboxSpec, command: string[]) {
  const child = await startSandboxed(spec, command, { stdio: 'pipe' });
  child.stdin.end();
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  const { code } = await child.exited;
  return { code, stdout, stderr: child.stderrTail() };
}

it('borrowed objects are found at their mounts, the work comes back, and nothing of the agent runs', async () => {
  const source = smallRepository();
  const plain = path.join(source.scratch, 'plain');
  const repository = at(path.join(source.scratch, 'a "shared"\nclone'), source.host, source.scratch);
  source.git('clone', '-q', source.root, plain);
  source.git('clone', '-q', '--shared', plain, repository.root);
  repository.write('src/b.ts', 'uncommitted\n');
  const { host, scratch } = repository;
  const project = await repository.project();
  const limits = { maxFileMb: 10, maxTotalMb: 10 };
  const { commit: base } = await takeSnapshot(project, host, { id: 'ID', scratchDir: scratch, from: null, ...limits });
  const copy = path.join(scratch, 'copy');
  await createCopy(project, host, { id: 'ID', commit: base, dir: copy });
  const output = path.join(scratch, 'harvest');
  const agentHome = path.join(scratch, 'agent home');
  fs.mkdirSync(agentHome);
  const before = pictureOfRepository(repository);
  const spec: SandboxSpec = {
    dispatch: 'ID',
    profile: 'W',
    project: project.root,
    cwd: project.root,
    copy,
    commonDir: project.commonDir,
    objects: project.objectDirs,
    home: { host: agentHome, path: host.home },
    roots: [],
    files: [],
    shares: [],
    masks: [],
    gateway: null,
    output: null,
    env: {},
    path: host.path,
    locale: {},
    relay: process.execPath,
    node: process.execPath,
  };
  const agent = [
    'git show HEAD:src/b.ts',
    'echo committed > committed.txt && git add -A && git commit -qm mine && git reset -q --hard HEAD~1',
    'echo by the agent > src/a.ts; mkdir inner && git init -q inner; mkdir ignored && touch ignored/x',
    'printf "#!/bin/sh\\ntouch /run/pancode/out/mark; touch \\$0.ran\\n" > .git/trap; chmod +x .git/trap',
    'git config core.fsmonitor "$PWD/.git/trap"; git -C inner config core.fsmonitor "$PWD/.git/trap"',
  ];
  // The harvest's sandbox is there before the agent has done anything, and waits.
  const place = { id: 'ID', base, copy, outDir: output };
  const harvester = await startSandboxed({ ...spec, profile: 'H', output }, prepareHarvest(project, host, place), {
    stdio: 'pipe',
  });
  const worked = await run(spec, ['/bin/sh', '-ec', agent.join('\n')]);
  expect(worked).toMatchObject({ code: 0, stdout: 'uncommitted\n' });
  fs.rmSync(path.join(copy, '.git', 'trap.ran'), { force: true });

  const found = await harvest(project, host, {
    ...place,
    async run(line) {
      harvester.stdin.end(`${line}\n`);
      const { code } = await harvester.exited;
      return { code, stderr: harvester.stderrTail() };
    },
  });
  // The new content, the two trees above it and the commit: nothing is written for what did not change, though it cannot be told by times.
  expect(repository.gitIn(output, '--git-dir=git', 'count-objects').split(' ')[0]).toBe('4');
  expect(found).toMatchObject({ files: 1, embedded: ['inner/'], ignored: ['ignored/', 'inner/'] });
  expect(repository.git('show', 'refs/pancode/ID/result:src/a.ts')).toBe('by the agent');
  expect(found.commits.map((ref) => repository.git('show', `${ref}:committed.txt`))).toEqual(['committed']);
  expect(fs.existsSync(path.join(output, 'mark'))).toBe(false);
  expect(fs.existsSync(path.join(copy, '.git', 'trap.ran'))).toBe(false);
  expect(pictureOfRepository(repository)).toEqual(before);
});
