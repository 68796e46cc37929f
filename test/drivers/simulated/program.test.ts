/** The simulated model as a program of its own: what it prints, and that it ends with whoever started it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { put, tempDir } from '../../fixtures/temp.ts';
import { ask, body, json, pathOf } from './talk.ts';

const PROGRAM = path.join(import.meta.dirname, '../../../src/apps/simulated.ts');
const dir = tempDir();
const started = new Set<ChildProcess>();
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
});

function start(...args: string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  started.add(child);
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    out.stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    out.stderr += chunk;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, ...out })),
  );
  const listening = async () => {
    while (!out.stdout.includes('\n')) await once(child.stdout, 'data');
    return (JSON.parse(out.stdout) as { url: string }).url;
  };
  return { child, ended, listening };
}

describe('simulated.js', () => {
  it('says where it listens, and ends when its standard input does', async () => {
    const { child, ended, listening } = start('--demo');
    const url = await listening();
    const answer = await ask(url + pathOf('openai-chat'), { body: body('openai-chat', 'Anything', false) });
    expect(json(answer).choices[0].message.content).toContain('I cannot write NOTES.md');
    child.stdin.end();
    expect(await ended).toEqual({ code: 0, stdout: `${JSON.stringify({ url })}\n`, stderr: '' });
    expect((await ask(url)).broke).toBe('ECONNREFUSED');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends at %s, in the middle of an answer too', async (signal) => {
    const { child, ended, listening } = start('--demo');
    const reply = ask((await listening()) + pathOf('openai-chat'), {
      body: body('openai-chat', '[slow] x', true),
      onData: () => child.kill(signal),
    });
    expect((await ended).code).toBe(0);
    expect((await reply).broke).not.toBeNull();
  });

  it('follows a file, on the port it is told', async () => {
    const script = await put(path.join(dir, 'a script.yaml'), 'conversations: [{turns: [{text: hello}]}]\n');
    const first = start('--script', script);
    const url = await first.listening();
    const answer = await ask(url + pathOf('anthropic-messages'), { body: body('anthropic-messages', 't', false) });
    expect(json(answer).content).toEqual([{ type: 'text', text: 'hello' }]);
    const second = await start('--script', script, '--port', new URL(url).port).ended;
    expect([second.code, second.stdout]).toEqual([1, '']);
    expect(second.stderr).toMatch(/^Port \d+ is in use\. Choose/);
    first.child.stdin.end();
    await first.ended;
    const third = start('--script', script, '--port', new URL(url).port);
    expect(await third.listening()).toBe(url);
  });

  it('poses as an engine', async () => {
    const { child, ended, listening } = start('--demo', '--pose', 'lmstudio');
    const url = await listening();
    expect(json(await ask(`${url}/api/v0/models`)).data).toMatchObject([{ type: 'llm', state: 'loaded' }]);
    child.stdin.end();
    expect((await ended).code).toBe(0);
  });

  it.each<[string, string[], RegExp]>([
    ['nothing', [], /Either --demo or --script/],
    ['both', ['--demo', '--script', 'x'], /Either --demo or --script/],
    ['an unknown flag', ['--dmeo'], /--dmeo/],
    ['a port that is none', ['--demo', '--port', '70000'], /"70000" is no port/],
    ['no port', ['--demo', '--port', ''], /"" is no port/],
    ['an engine that is none', ['--demo', '--pose', 'olama'], /"olama" is no engine; there are ollama, /],
    ['a file that is not there', ['--script', path.join(dir, 'nowhere')], /nowhere cannot be read \(ENOENT\)/],
  ])('refuses %s with exit 2', async (_name, args, message) => {
    const { code, stdout, stderr } = await start(...args).ended;
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
  });
});
