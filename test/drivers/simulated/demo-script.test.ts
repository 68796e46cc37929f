/** The demo's script played by the real native agent on every wire. The real Claude Code plays it in the end-to-end tests and the benchmark. */
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import native from '../../../src/drivers/runtimes/native.ts';
import { DEMO_SCRIPT } from '../../../src/drivers/simulated/demo-script.ts';
import { type Simulated, startSimulated } from '../../../src/drivers/simulated/server.ts';
import type { Job } from '../../../src/protocol/job.ts';
import { WIRES } from '../../../src/protocol/words.ts';
import { collect, endOf } from '../../conformance/runtimes.ts';
import { bundleNativeAgent } from '../../fixtures/native-agent.ts';
import { testJob, testRunHost } from '../../fixtures/run-host.ts';
import { put } from '../../fixtures/temp.ts';

let bundle: string;
let command: string[];
let model: Simulated;
beforeAll(async () => {
  bundle = await mkdtemp(path.join(tmpdir(), 'pancode-agent-'));
  command = await bundleNativeAgent(bundle);
  model = await startSimulated({ script: DEMO_SCRIPT });
});
afterAll(async () => {
  await model.close();
  await rm(bundle, { recursive: true, force: true });
});

describe.each(WIRES)('the demo on %s', (wire) => {
  /** Runs a task in a directory of its own and gives the end and the files. */
  async function run(
    task: string,
    files: Record<string, string>,
    change: Partial<Job> = {},
    system = 'You are a builder.',
  ) {
    const cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode demo-')));
    const host = testRunHost({ cwd, nativeCommand: command, endpoint: { baseUrl: model.url, token: 't', wire } });
    try {
      for (const [name, text] of Object.entries(files)) await put(path.join(cwd, name), text);
      const prompt = { ...testJob(cwd).prompt, system, task: `# Task\n\n${task}` };
      const events = await collect(native.run(testJob(cwd, { ...change, prompt }), host));
      const read: Record<string, string> = {};
      for (const entry of await readdir(cwd, { recursive: true, withFileTypes: true }))
        if (entry.isFile()) {
          const file = path.join(entry.parentPath, entry.name);
          read[path.relative(cwd, file)] = await readFile(file, 'utf8');
        }
      return { end: endOf(events), files: read };
    } finally {
      await host.close();
      await rm(cwd, { recursive: true, force: true });
    }
  }
  const GREET = 'export const greet = (name) => `Hello, $' + '{name}`;\n';
  const TASK = 'Add a farewell next to the greeting, with a note in NOTES.md.';
  const readonly = { stance: { ...testJob('/').stance, readonly: true } };

  it('adds the farewell', async () => {
    const { end, files } = await run(TASK, { 'src/greet.js': GREET });
    expect(end).toMatchObject({
      ok: true,
      turns: 3,
      answer: expect.stringContaining('Edited src/greet.js at line 1.'),
    });
    expect(files['NOTES.md']).toContain('farewell');
    const module = await import(`data:text/javascript,${encodeURIComponent(files['src/greet.js']!)}`);
    expect([module.greet('A'), module.farewell('A')]).toEqual(['Hello, A', 'Goodbye, A']);
  });

  it('says what the tool said where the file is another', async () => {
    const { end, files } = await run(TASK, { 'src/greet.js': 'other\n' });
    expect(end).toMatchObject({ ok: true, answer: expect.stringContaining('`old` does not occur in src/greet.js') });
    expect(files).toMatchObject({ 'src/greet.js': 'other\n' });
  });

  it('writes any other task down', async () => {
    const { end, files } = await run('Add a farewell next to the greeting.', {});
    expect(end).toMatchObject({ ok: true, answer: expect.stringContaining('Created NOTES.md') });
    expect(files).toEqual({ 'NOTES.md': '# Notes\n\nAsked: Add a farewell next to the greeting.\n' });
  });

  it('answers a reader from what it reads, there or not', async () => {
    const system = 'You are read-only. The project is mounted so.';
    const { end, files } = await run('Look around', { 'README.md': 'The readme\n' }, readonly, system);
    expect(end.answer).toMatch(/simulated[\s\S]*The readme/);
    expect(Object.keys(files)).toEqual(['README.md']);
    const missing = await run('Look around', {}, readonly, system);
    expect(missing.end.answer).toMatch(/There is no \\?"README.md/);
  });

  it('gives a reviewer its verdict', async () => {
    const reviewer = await readFile(path.join(import.meta.dirname, '../../../agents/reviewer.md'), 'utf8');
    const { end } = await run('Review it', { 'README.md': 'x\n' }, readonly, reviewer);
    const [, verdict] = /```json\n(.*)\n```$/s.exec(end.answer ?? '') ?? [];
    expect(JSON.parse(verdict!)).toMatchObject({ verdict: 'approve', findings: [{ severity: 'note' }] });
  });
});
