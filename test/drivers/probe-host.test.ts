/** Programs that are asked small questions: they end in time, with what they started, and with us. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { createProbeHost } from '../../src/drivers/probe-host.ts';
import { processesOf } from '../fixtures/claude-code.ts';
import { tempDir } from '../fixtures/temp.ts';
import { until } from '../fixtures/workers.ts';

const place = (stopped: AbortSignal = new AbortController().signal) => ({
  path: process.env.PATH ?? '',
  home: '/nonexistent',
  scratchHome: join(tempDir(), 'scratch home'),
  stopped,
});
/** Says that it runs and then waits, with a second process in the background. */
const SLOW = ['-c', 'sleep 1000 & echo $! > "$HOME/at-it"; echo partial; wait'];

it('gives output and status', async () => {
  const host = createProbeHost(place());
  expect(await host.run('/bin/sh', ['-c', 'echo out; echo err >&2; exit 3'], { timeoutMs: 20_000 })).toEqual({
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  expect((await host.run('/nonexistent/program', [], { timeoutMs: 20_000 })).code).not.toBe(0);
});

it('ends what takes too long or says too much, with what it started', async () => {
  const where = place();
  const host = createProbeHost(where);
  expect(await host.run('/bin/sh', SLOW, { timeoutMs: 1_000 })).toMatchObject({ code: null, stdout: 'partial\n' });
  expect((await host.run('/bin/sh', ['-c', 'yes'], { timeoutMs: 60_000 })).stdout).toHaveLength(64 * 1024);
  await until(() => processesOf(where.scratchHome).length === 0);
});

it('does not wait for what a program leaves behind, and ends it', async () => {
  const where = place();
  expect(
    await createProbeHost(where).run('/bin/sh', ['-c', 'sleep 1000 & echo done'], { timeoutMs: 500_000 }),
  ).toMatchObject({ code: 0, stdout: 'done\n' });
  await until(() => processesOf(where.scratchHome).length === 0);
});

it('ends everything when it is stopped, and starts nothing more', async () => {
  const stop = new AbortController();
  const where = place(stop.signal);
  const host = createProbeHost(where);
  const asked = host.run('/bin/sh', SLOW, { timeoutMs: 500_000 });
  await until(() => existsSync(join(where.scratchHome, 'at-it')));
  stop.abort();
  expect((await asked).code).toBe(null);
  expect(await host.run('/bin/sh', ['-c', 'true'], { timeoutMs: 20_000 })).toMatchObject({ code: null });
  await until(() => processesOf(where.scratchHome).length === 0);
});

it('ends everything when we are killed', async () => {
  const { scratchHome } = place();
  const module = pathToFileURL(join(import.meta.dirname, '../../src/drivers/probe-host.ts')).href;
  const text = `import { createProbeHost } from ${JSON.stringify(module)};
    createProbeHost({ path: process.env.PATH, home: '/', scratchHome: ${JSON.stringify(scratchHome)}, stopped: new AbortController().signal })
      .run('/bin/sh', ${JSON.stringify(SLOW)}, { timeoutMs: 500_000 });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: 'inherit' });
  await until(() => existsSync(join(scratchHome, 'at-it')) && readFileSync(join(scratchHome, 'at-it'), 'utf8') !== '');
  child.kill('SIGKILL');
  await until(() => processesOf(scratchHome).length === 0);
});
