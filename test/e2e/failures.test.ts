/** Model servers on a bad day: the right status, a receipt, nothing lost. */
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Receipt } from '../../src/protocol/receipt.ts';
import { claudeProgram } from '../fixtures/claude-code.ts';
import { processesOf, receiptsOf } from '../fixtures/pancode.ts';
import { type Bench, CLAUDE, createBench, NATIVE_CHAT, NATIVE_MESSAGES, WORKERS } from '../fixtures/workers.ts';

const FAILING = (fail: object) => ({ calls: [{ write: { path: 'more.txt', content: 'never' } }], fail: [fail] });
const work = { calls: [{ write: { path: 'work.txt', content: 'so far\n' } }] };
const conversation = (when: string, ...turns: object[]) => ({ when, turns });
const SCRIPT = {
  conversations: [
    conversation('Bad key', FAILING({ status: 401, times: 99 })),
    conversation('Limited', work, FAILING({ status: 429, retryAfter: 86_400, times: 99 })),
    conversation('Broken', work, FAILING({ status: 500, times: 99 })),
    conversation('Garbage', work, { text: 'x', then: 'garbage' }),
    conversation('Endless', work, { text: 'x', then: 'hang' }),
    conversation('Hiccup', { ...FAILING({ status: 429, retryAfter: 1, times: 1 }) }, { text: 'Done.' }),
  ],
};

let bench: Bench;
afterEach(() => bench.close());

async function run(
  worker: string,
  task: string,
  ...more: string[]
): Promise<{ receipt: Receipt; code: number | null }> {
  const { value, code } = await bench.user.json<Receipt>(['dispatch', 'builder', task, '--worker', worker, ...more]);
  expect(value.outcome, JSON.stringify(value)).toBeDefined();
  expect(receiptsOf(bench.user).map((receipt) => receipt.id)).toEqual([value.id]);
  expect(processesOf(value.id)).toEqual([]);
  return { receipt: value, code };
}
const kept = (receipt: Receipt) => bench.user.git('show', `${receipt.changes.ref}:work.txt`);

describe.each(WORKERS)('%s', (worker) => {
  it('401 is auth-required', async () => {
    bench = await createBench(SCRIPT);
    const { receipt, code } = await run(worker, 'Bad key');
    expect([receipt.outcome.status, code]).toEqual(['auth-required', 5]);
  });

  it('429 that will last is rate-limited, and the work so far is kept', async () => {
    bench = await createBench(SCRIPT, { limits: { waitMinutes: 0 } });
    const { receipt, code } = await run(worker, 'Limited');
    expect([receipt.outcome.status, code]).toEqual(['rate-limited', 4]);
    expect(kept(receipt)).toBe('so far\n');
  });

  it('429 that passes is waited for', async () => {
    bench = await createBench(SCRIPT);
    const { receipt } = await run(worker, 'Hiccup');
    expect(receipt.outcome.status).toBe('succeeded');
    expect(fs.existsSync(path.join(bench.user.project, 'more.txt'))).toBe(true);
  });

  it('500 and garbage are failed, and the work so far is kept but not applied', async () => {
    for (const task of ['Broken', 'Garbage']) {
      bench = await createBench(SCRIPT);
      const { receipt, code } = await run(worker, task);
      expect([task, receipt.outcome.status, code]).toEqual([task, 'failed', 1]);
      expect(kept(receipt)).toBe('so far\n');
      expect(fs.existsSync(path.join(bench.user.project, 'work.txt'))).toBe(false);
      if (task === 'Broken') await bench.close();
    }
  });

  it('a stream that never ends runs into the time limit', async () => {
    bench = await createBench(SCRIPT);
    const { receipt, code } = await run(worker, 'Endless', '--timeout', '6');
    expect([receipt.outcome.status, code]).toEqual(['timed-out', 124]);
    expect(kept(receipt)).toBe('so far\n');
  });
});

describe('a server that is down', () => {
  it.each([CLAUDE, NATIVE_CHAT, NATIVE_MESSAGES])('%s: failed, and the reason names it', async (worker) => {
    bench = await createBench({ conversations: [{ turns: [{ text: 'Hello.' }] }] });
    const server = http.createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const url = `http://127.0.0.1:${port}`;
    bench.user.configure({
      discover: false,
      endpoints: [
        { id: 'chat', provider: 'openai-compatible', url, models: [{ id: 'm1', tier: 'frontier' }] },
        { id: 'messages', provider: 'anthropic', url, models: [{ id: 'claude-sonnet-5', tier: 'frontier' }] },
      ],
      runtimes: { 'claude-code': { path: await claudeProgram(), baseUrl: url } },
    });
    const { code, value, stderr } = await bench.user.json<Receipt & { error?: { code: string; what: string } }>([
      'dispatch',
      'builder',
      'Anything',
      '--worker',
      worker,
    ]);
    if (value.error) {
      // An endpoint that is known to be down is refused before anything starts.
      expect([value.error.code, code, stderr]).toEqual(['worker-not-ready', 5, '']);
      expect(value.error.what).toContain(url);
    } else {
      expect([value.outcome.status, code]).toEqual(['failed', 1]);
      expect(value.outcome.reason).toMatch(/reach|connect|refused/i);
    }
  });
});
