/** The native runtime: PanCode's own agent, driven over JSON Lines (drivers/native-agent/lines.ts). */
import type { AgentProcess, RunHost, Runtime } from '../../core/contracts.ts';
import { offeredActions } from '../../core/offered-actions.ts';
import { PanError } from '../../protocol/error.ts';
import { type AgentEnd, AgentEvent } from '../../protocol/event.ts';
import type { Job } from '../../protocol/job.ts';
import { agentLines } from '../agent-lines.ts';
import type { Line } from '../lines.ts';
import { NativeAsk, type NativeCommand, type NativeInput, NativeQuestion, NativeTold } from '../native-agent/lines.ts';

/** Longest silence of a model server: a large prompt on a local model takes minutes before the first word. */
const IDLE_MS = 600_000;

const native: Runtime = {
  id: 'native',
  memoryMb: 120,
  can: {
    questions: true,
    readonly: true,
    resume: false,
    steer: true,
    // Counted by the gateway, through which all its model traffic goes.
    usage: true,
    models: false,
    effort: true,
    systemPrompt: true,
    interrupt: true,
  },
  programs: [],
  wire: null,
  // Part of PanCode: where PanCode runs, it runs. Its models are those of the endpoints.
  probe: async () => ({ version: null, state: 'ready', reason: null, installRoots: [], models: [] }),
  run,
};
export default native;

async function* run(job: Job, host: RunHost): AsyncGenerator<AgentEvent, void> {
  if (host.signal.aborted) return yield cancelled();
  if (job.worker.model === null) return yield failed('The native runtime was given no model to run.');
  let child: AgentProcess;
  try {
    child = await host.spawn(host.nativeCommand, {});
  } catch (error) {
    return yield failed(startFailure(error));
  }
  let grace: NodeJS.Timeout | undefined;
  const killLater = () => {
    grace ??= setTimeout(() => child.kill(), host.graceMs);
  };
  const send = (line: NativeInput | NativeCommand) => {
    if (child.stdin.writable) child.stdin.write(`${JSON.stringify(line)}\n`);
  };
  let told = false;
  const stop = () => {
    // Before its task it has nothing to stop, and would take this for the task.
    if (told) send({ type: 'cancel' });
    killLater();
  };
  // A process that has gone takes no input; its exit is what we report.
  child.stdin.on('error', () => {});
  host.signal.addEventListener('abort', stop, { once: true });
  if (host.signal.aborted) stop();
  /** What the agent has not answered to yet, by number. */
  const telling = new Map<number, (refused: string | null) => void>();
  let messages = 0;
  try {
    const input = inputOf(job, host, job.worker.model);
    // Without its model it is no use; why is in what it wrote to standard error.
    await child.reachable.then(
      () => {
        if (host.signal.aborted) return child.kill();
        told = true;
        send(input);
        host.onSteer(
          (text) =>
            new Promise((resolve) => {
              messages += 1;
              telling.set(messages, resolve);
              send({ type: 'message', id: messages, text });
            }),
        );
      },
      () => child.kill(),
    );
    let end: AgentEnd | null = null;
    for await (const line of agentLines(child)) {
      const heard = understand(line);
      if ('ask' in heard) {
        const { id, action, subject, detail } = heard.ask;
        void host.ask({ action, subject, detail }).then((answer) => send({ type: 'answer', id, ...answer }));
      } else if ('question' in heard) {
        const { id, question } = heard;
        void host.askPerson(question).then((reply) => send({ type: 'reply', id, ...reply }));
      } else if ('told' in heard) {
        telling.get(heard.told.id)?.(heard.told.ok ? null : 'It is through with its work.');
        telling.delete(heard.told.id);
      } else if (heard.event.type === 'end') {
        end = heard.event;
        break;
      } else yield heard.event;
    }
    // It has ended, or closed its output: what it still does, nobody hears.
    killLater();
    const exit = await child.exited;
    // Its own last word stands, but how it went is told.
    if (end && exit.code !== 0) yield { type: 'notice', text: `After its end the ${exitText(exit)}.` };
    yield end ?? (host.signal.aborted ? cancelled() : failed(withoutEnd(exit, child.stderrTail())));
  } catch (error) {
    // `run` never throws: whatever broke here is how the dispatch ended.
    yield host.signal.aborted ? cancelled() : failed(`The native agent’s output could not be read: ${oneLine(error)}`);
  } finally {
    clearTimeout(grace);
    host.signal.removeEventListener('abort', stop);
    child.kill();
    await child.exited;
  }
}

function inputOf(job: Job, host: RunHost, model: string): NativeInput {
  return {
    type: 'start',
    endpoint: host.endpoint,
    model,
    server: serverName(job),
    system: job.prompt.system,
    task: job.prompt.task,
    actions: offeredActions(job),
    effort: job.effort,
    limits: {
      turns: job.limits.turns,
      window: job.window,
      waitMs: job.limits.waitMs,
      idleMs: Math.min(IDLE_MS, job.limits.timeoutMs),
    },
  };
}

/** "lab (http://127.0.0.1:8000)": without the user name and password a URL may hold. */
function serverName(job: Job): string {
  const { baseUrl } = job.upstream;
  const origin = URL.canParse(baseUrl) ? new URL(baseUrl).origin : baseUrl;
  return job.worker.endpoint === null ? origin : `${job.worker.endpoint} (${origin})`;
}

type Heard =
  | { event: AgentEvent }
  | { ask: NativeAsk }
  | { id: number; question: string }
  | { told: { id: number; ok: boolean } };

function understand(line: Line): Heard {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch {
    const what = line.whole
      ? 'The agent process wrote something that is no event'
      : 'The last line of the agent process broke off';
    return { event: { type: 'notice', text: `${what}: ${line.text.slice(0, 300)}` } };
  }
  const ask = NativeAsk.safeParse(value);
  if (ask.success) return { ask: ask.data };
  const question = NativeQuestion.safeParse(value);
  if (question.success) return question.data;
  const told = NativeTold.safeParse(value);
  if (told.success) return { told: told.data };
  const event = AgentEvent.safeParse(value);
  if (event.success) return { event: event.data };
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null;
  return { event: { type: 'unknown', vendorType: typeof type === 'string' ? type : '', raw: value } };
}

function failed(reason: string): AgentEnd {
  return { type: 'end', ok: false, status: 'failed', reason, answer: null, turns: null };
}

function cancelled(): AgentEnd {
  return { type: 'end', ok: false, status: 'cancelled', reason: 'Cancelled.', answer: null, turns: null };
}

function startFailure(error: unknown): string {
  if (error instanceof PanError) return `${error.message} ${error.do}`;
  return `The native agent could not be started: ${oneLine(error)}`;
}

function withoutEnd(exit: { code: number | null; signal: string | null }, stderr: string): string {
  const said = stderr.trim().replace(/\s+/g, ' ').slice(-300);
  return `The ${exitText(exit)} without finishing${said === '' ? '.' : `: ${said}`}`;
}

function exitText(exit: { code: number | null; signal: string | null }): string {
  return `native agent ${exit.signal ? `was ended by ${exit.signal}` : `exited with status ${exit.code ?? 'unknown'}`}`;
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 300);
}
