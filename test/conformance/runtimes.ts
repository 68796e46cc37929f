/**
 * What every Runtime must do, whatever its agent process does. Use it from `test/drivers/runtimes/<id>.test.ts`:
 *
 *     describeRuntime(native, { job: (cwd) => testJob(cwd), succeed: async (cwd) => ({ host, close }) });
 *
 * The bad days need nothing of the vendor: the host starts a stand-in program instead of what the runtime asked for.
 * `succeed` runs the real program once against a scripted model; a runtime's own test file covers its dialect.
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/contracts.ts';
import { AgentEvent } from '../../src/protocol/event.ts';
import type { Job } from '../../src/protocol/job.ts';
import { type TestHost, type TestHostOptions, testRunHost } from '../fixtures/run-host.ts';

export interface RuntimeSubject {
  /** A job this runtime accepts, in `cwd`. */
  job(cwd: string): Job;
  /** Options a host of this runtime always needs (its wire, its command). */
  host?: Partial<TestHostOptions>;
  /** A host under which `job(cwd)` ends well with the answer "done". */
  succeed(cwd: string): Promise<{ host: TestHost; close(): Promise<void> }>;
}

/** Stand-in programs for the agent process: each is one awkward day. `ready` is written where the test waits for it. */
const STAND_INS: { day: string; script: string }[] = [
  { day: 'exits at once without a word', script: 'process.exit(0)' },
  { day: 'exits with a failure', script: 'console.error("broken pipe organ"); process.exit(3)' },
  { day: 'is killed by a signal', script: 'process.kill(process.pid, "SIGKILL")' },
  {
    day: 'prints garbage',
    script: 'process.stdout.write("not json\\n\\u0000\\u0001{]\\n\\n[1,2]\\nnull\\n\\"x\\"\\n{}\\n")',
  },
  { day: 'prints bytes that are not UTF-8', script: 'process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a, 0xc3]))' },
  { day: 'tears its last line', script: 'process.stdout.write(\'{"type":"te\')' },
  { day: 'prints events of unknown kinds', script: 'console.log(JSON.stringify({type:"from-the-future",n:1}))' },
  { day: 'prints one line of 2 MB', script: 'process.stdout.write("x".repeat(2000000))' },
  { day: 'prints one line of 50 MB', script: 'process.stdout.write("x".repeat(50000000) + "\\n")' },
  { day: 'closes its input and goes', script: 'process.stdin.destroy(); setTimeout(() => {}, 50)' },
];

/** Prints a byte so that the test knows it runs, ignores every polite request, and would stay for ever. */
const STUBBORN = 'process.on("SIGTERM",()=>{});process.on("SIGINT",()=>{});console.log("{}");setInterval(()=>{},1000)';

export function describeRuntime(runtime: Runtime, subject: RuntimeSubject): void {
  describe(`runtime ${runtime.id}`, () => {
    let cwd: string;
    let hosts: TestHost[] = [];
    const hostOf = (options: Partial<TestHostOptions>) => {
      const host = testRunHost({ cwd, ...subject.host, ...options });
      hosts.push(host);
      return host;
    };
    beforeEach(async () => {
      cwd = await realpath(await mkdtemp(path.join(tmpdir(), 'pancode runtime-')));
    });
    afterEach(async () => {
      await Promise.all(hosts.map((host) => host.close()));
      hosts = [];
      await rm(cwd, { recursive: true, force: true });
    });

    it('ends well when its agent process says so', async () => {
      const { host, close } = await subject.succeed(cwd);
      hosts.push(host);
      try {
        const events = await collect(runtime.run(subject.job(cwd), host));
        expect(endOf(events)).toMatchObject({ ok: true, status: 'succeeded', answer: expect.stringContaining('done') });
        expect(await everyProcessGone(host)).toBe(true);
      } finally {
        await close();
      }
    });

    for (const { day, script } of STAND_INS)
      it(`never claims success when the agent process ${day}`, async () => {
        const host = hostOf({ standIn: [process.execPath, '-e', script] });
        const end = endOf(await collect(runtime.run(subject.job(cwd), host)));
        expect(end.ok).toBe(false);
        expect(end.status).not.toBe('succeeded');
        expect(end.reason.trim()).not.toBe('');
        expect(end.reason).not.toContain('\n');
      });

    it('ends when the program cannot be started', async () => {
      const missing = hostOf({ standIn: ['/nonexistent/program'] });
      expect(endOf(await collect(runtime.run(subject.job(cwd), missing))).ok).toBe(false);
      const refusing = hostOf({});
      refusing.spawn = async () => {
        throw new Error('no sandbox here');
      };
      const end = endOf(await collect(runtime.run(subject.job(cwd), refusing)));
      expect(end).toMatchObject({ ok: false, status: 'failed' });
      expect(end.reason).toContain('no sandbox here');
    });

    it('starts nothing when it is cancelled before it began', async () => {
      const host = hostOf({ signal: AbortSignal.abort() });
      expect(endOf(await collect(runtime.run(subject.job(cwd), host)))).toMatchObject({
        ok: false,
        status: 'cancelled',
      });
      expect(host.commands).toEqual([]);
    });

    it('ends within its grace when cancelled, even if the agent process will not', async () => {
      const stop = new AbortController();
      const host = hostOf({ standIn: [process.execPath, '-e', STUBBORN], signal: stop.signal, graceMs: 300 });
      const events: AgentEvent[] = [];
      const running = (async () => {
        for await (const event of runtime.run(subject.job(cwd), host)) events.push(event);
      })();
      await until(() => host.processes.length > 0);
      stop.abort();
      await running;
      expect(endOf(events)).toMatchObject({ ok: false, status: 'cancelled' });
      expect(await everyProcessGone(host)).toBe(true);
    });

    it('leaves no process when its reader goes away', async () => {
      const host = hostOf({ standIn: [process.execPath, '-e', `console.log("not json");${STUBBORN}`] });
      for await (const _event of runtime.run(subject.job(cwd), host)) break;
      expect(await everyProcessGone(host)).toBe(true);
    });
  });
}

/** Every event, each checked against the schema. */
export async function collect(events: AsyncIterable<AgentEvent>): Promise<AgentEvent[]> {
  const all: AgentEvent[] = [];
  for await (const event of events) {
    expect(AgentEvent.safeParse(event).error).toBeUndefined();
    all.push(event);
  }
  return all;
}

/** The end event: exactly one, and last. */
export function endOf(events: AgentEvent[]): Extract<AgentEvent, { type: 'end' }> {
  expect(events.filter((event) => event.type === 'end')).toHaveLength(1);
  const last = events.at(-1);
  if (last?.type !== 'end') throw new Error('the last event is not "end"');
  return last;
}

async function everyProcessGone(host: TestHost): Promise<boolean> {
  await Promise.all(host.processes.map((child) => child.exited));
  return host.processes.length > 0;
}

/** Waits for a fact that has no event of its own; the test's own time limit is the end of it. */
export async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setTimeout(resolve, 5));
}
