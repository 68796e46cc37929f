/**
 * The claude-code runtime: Anthropic's CLI, driven over its JSON Lines with every question answered on stdio.
 * What was measured of it, and why it is driven like this: docs/decisions/claude-code.md.
 */
import type { AgentProcess, RunHost, Runtime } from '../../core/contracts.ts';
import { PanError } from '../../protocol/error.ts';
import type { AgentEnd, AgentEvent } from '../../protocol/event.ts';
import type { Job } from '../../protocol/job.ts';
import { agentLines } from '../agent-lines.ts';
import { actionOf } from '../claude-code/actions.ts';
import { prepare } from '../claude-code/command.ts';
import { createTranslator, type Translator } from '../claude-code/events.ts';
import {
  answerLine,
  interruptLine,
  type Question,
  type Result,
  readLine,
  refusalLine,
  userLine,
} from '../claude-code/lines.ts';
import { probe } from '../claude-code/probe.ts';
import { giveUp, waitedBefore } from '../claude-code/retries.ts';
import { oneLine, usageOf, type VerdictFacts, verdictOf } from '../claude-code/verdict.ts';

const claudeCode: Runtime = {
  id: 'claude-code',
  memoryMb: 300,
  can: {
    questions: true,
    readonly: true,
    resume: false,
    steer: false,
    usage: true,
    models: true,
    effort: true,
    systemPrompt: true,
    interrupt: true,
  },
  programs: ['claude'],
  wire: 'anthropic-messages',
  probe,
  run,
};
export default claudeCode;

type Stop = Pick<AgentEnd, 'status' | 'reason'>;
type Exit = Awaited<AgentProcess['exited']>;
const CANCELLED: Stop = { status: 'cancelled', reason: 'Cancelled.' };

async function* run(job: Job, host: RunHost): AsyncGenerator<AgentEvent, void> {
  if (host.signal.aborted) return yield ended(CANCELLED);
  const { path: program } = job.program;
  const { model } = job.worker;
  if (program === null) return yield failed('Claude Code is not installed where this dispatch runs.');
  if (model === null) return yield failed('Claude Code was given no model to run.');
  let child: AgentProcess;
  try {
    const { command, env } = await prepare(job, program, model, host);
    child = await host.spawn(command, env);
  } catch (error) {
    return yield failed(startFailure(error));
  }
  yield* converse(child, job, host, factsOf(job, model));
}

async function* converse(
  child: AgentProcess,
  job: Job,
  host: RunHost,
  facts: VerdictFacts,
): AsyncGenerator<AgentEvent, void> {
  const translator = createTranslator();
  let result: Result | null = null;
  /** Why we stopped it, if we did before it came to its own end. */
  let stopped: Stop | null = null;
  let waitedMs = 0;
  let killed = false;
  let grace: NodeJS.Timeout | undefined;
  const killLater = () => {
    grace ??= setTimeout(() => {
      killed = true;
      child.kill();
    }, host.graceMs);
  };
  const send = (line: object) => {
    if (child.stdin.writable) child.stdin.write(`${JSON.stringify(line)}\n`);
  };
  const stop = (why: Stop) => {
    if (stopped !== null || result !== null) return;
    stopped = why;
    // Not SIGINT: during a model request that makes it exit 0 without a word.
    send(interruptLine());
    killLater();
  };
  const cancel = () => stop(CANCELLED);
  // A process that has gone takes no input; its exit is what we report.
  child.stdin.on('error', () => {});
  host.signal.addEventListener('abort', cancel, { once: true });
  try {
    // Without its model it is no use; why is in what it wrote to standard error.
    await child.reachable.then(
      () => {
        if (!host.signal.aborted) return send(userLine(job.prompt.task));
        // It has no task yet, so there is nothing to end politely.
        cancel();
        child.kill();
      },
      () => child.kill(),
    );
    for await (const line of agentLines(child)) {
      const heard = readLine(line);
      yield* translator.events(heard);
      if (heard.kind === 'garbage' && heard.requestId !== null) send(refusalLine(heard.requestId));
      if (heard.kind !== 'line') continue;
      const said = heard.line;
      if (said.type === 'result') {
        result = said;
        const usage = usageOf(said);
        if (usage) yield usage;
        // It waits for another message; without one it exits.
        child.stdin.end();
        killLater();
      } else if (said.type === 'control_request') {
        if (isQuestion(said)) void answer(said, host, translator, send);
        else send(refusalLine(said.request_id));
      } else if (said.type === 'system' && said.subtype === 'api_retry') {
        const { attempt, error_status: status = null, retry_delay_ms: delayMs = null } = said;
        const retry = { attempt, status, delayMs };
        waitedMs = waitedBefore(waitedMs, retry);
        const why = giveUp(retry, waitedMs, { ...facts, waitMs: job.limits.waitMs });
        if (why) stop(why);
        waitedMs += delayMs ?? 0;
      }
    }
    // Its output has ended: what it still does, nobody hears.
    killLater();
    const exit = await child.exited;
    if (killed && result && !stopped)
      yield { type: 'notice', text: 'Claude Code did not exit after its end and was killed.' };
    yield { ...endOf(result, stopped, exit, killed, child.stderrTail(), facts), turns: translator.turns() };
  } catch (error) {
    // `run` never throws: whatever broke here is how the dispatch ended.
    yield stopped ? ended(stopped) : failed(`Claude Code’s output could not be read: ${messageOf(error)}`);
  } finally {
    clearTimeout(grace);
    host.signal.removeEventListener('abort', cancel);
    child.kill();
    await child.exited;
  }
}

function isQuestion(line: { request: { subtype: string } }): line is Question {
  return line.request.subtype === 'can_use_tool';
}

async function answer(
  question: Question,
  host: RunHost,
  translator: Translator,
  send: (line: object) => void,
): Promise<void> {
  const { tool_name: tool, input, tool_use_id: callId } = question.request;
  const given = await host.ask(actionOf(tool, input));
  if (!given.allow && callId) translator.denied(callId);
  send(answerLine(question, given));
}

/** Success is all of: its terminal event says so, nobody stopped it before, and it went as it says. */
function endOf(
  result: Result | null,
  stopped: Stop | null,
  exit: Exit,
  killed: boolean,
  stderr: string,
  facts: VerdictFacts,
): AgentEnd {
  if (stopped) return ended(stopped);
  if (!result) return failed(`Claude Code ${exitText(exit, killed)} without a result${saidIn(stderr)}`);
  const verdict = verdictOf(result, facts);
  if (verdict.ok && !killed && exit.code !== 0)
    return failed(`Claude Code said that it was done, but then ${exitText(exit, killed)}${saidIn(stderr)}`);
  return { type: 'end', ...verdict, turns: null };
}

function factsOf(job: Job, model: string): VerdictFacts {
  const { baseUrl, apiKeyEnv } = job.upstream;
  // Without the user name and password a URL may hold.
  const server = URL.canParse(baseUrl) ? new URL(baseUrl).origin : baseUrl;
  return { server, keyEnv: apiKeyEnv, model, turns: job.limits.turns };
}

function ended({ status, reason }: Stop): AgentEnd {
  return { type: 'end', ok: false, status, reason, answer: null, turns: null };
}

function failed(reason: string): AgentEnd {
  return ended({ status: 'failed', reason });
}

function exitText({ code, signal }: Exit, killed: boolean): string {
  if (killed) return 'closed its output and was killed';
  return signal ? `was ended by ${signal}` : `exited with status ${code ?? 'unknown'}`;
}

function saidIn(stderr: string): string {
  const said = stderr.trim().replace(/\s+/g, ' ').slice(-300);
  return said === '' ? '.' : `: ${said}`;
}

function startFailure(error: unknown): string {
  if (error instanceof PanError) return `${error.message} ${error.do}`;
  return `Claude Code could not be started: ${messageOf(error)}`;
}

function messageOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}
