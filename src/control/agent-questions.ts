/**
 * What a running agent asks a person, kept by its shim: the question outlives the daemon, and the agent's time stands still while it waits.
 * The daemon lists it from the journal and hands an answer on (`shim-questions.ts`).
 */
import type { RunHost } from '../core/contracts.ts';
import type { DispatchPlaces } from '../core/places.ts';
import { answerAction } from '../core/policy/actions.ts';
import { actionQuestion, mustAsk, toldOfAction } from '../core/policy/asked-action.ts';
import { ALONE, agentQuestion, type Put, toldAgent } from '../core/questions.ts';
import type { NewEvent } from '../drivers/store/journal.ts';
import type { JournalEvent } from '../protocol/event.ts';
import type { Job } from '../protocol/job.ts';
import type { AnswerEvent } from '../protocol/question.ts';
import { createQuestions, type Questions } from './questions.ts';
import type { TimeLimit } from './time-limit.ts';

export interface AgentQuestions {
  /** For the runtime's host. */
  askPerson: RunHost['askPerson'];
  /** For the runtime's host. */
  askAction: RunHost['ask'];
  /** A person's answer; throws PanError where it cannot be one. */
  answer: Questions['answer'];
  /** Somebody who can answer is there, until what it gives is called. */
  attach(): () => void;
  /** The agent hears nothing any more: what is open is given up, and nothing is put to anybody after it. */
  close(by: 'user' | 'nobody'): void;
}

export interface AgentQuestionParts {
  /** null where it could not be written down. */
  emit(event: NewEvent): JournalEvent | null;
  now(): Date;
  log(line: string): void;
  time: Pick<TimeLimit, 'hold'>;
}

export function createAgentQuestions(job: Job, places: DispatchPlaces, parts: AgentQuestionParts): AgentQuestions {
  const questions = createQuestions({
    state: places.state,
    now: parts.now,
    log: parts.log,
    // Only the daemon writes in the state directory.
    keep: () => {},
    append(event) {
      const written = parts.emit(event);
      if (!written) throw new Error('the journal cannot be written');
      return written;
    },
  });
  let closed: 'user' | 'nobody' | null = null;
  /** Rejects where the question or its answer cannot be written down. */
  const wait = async (put: Put): Promise<AnswerEvent | null> => {
    if (closed !== null) return null;
    const release = parts.time.hold();
    try {
      const about = { job, places, put, stance: job.stance, notify: job.notify, usd: null, deliver: () => {} };
      const answer = questions.ask(about);
      // What was written may have filled the disk, which ends the run.
      if (closed !== null) questions.withdraw(job.id, closed);
      return await answer;
    } finally {
      release();
    }
  };
  return {
    async askPerson(question) {
      try {
        const answer = await wait(agentQuestion(question));
        return answer ? toldAgent(answer) : { ok: false, text: 'The dispatch is ending.' };
      } catch (error) {
        parts.log(`the question of an agent could not be put: ${String(error)}`);
        return { ok: false, text: `The question could not be put to anybody. ${ALONE}` };
      }
    },
    async askAction(request) {
      const policy = answerAction(request, job.stance);
      if (!policy.allow || !mustAsk(request.action, job)) return policy;
      try {
        const answer = await wait(actionQuestion(request, job.project));
        return answer ? toldOfAction(answer) : { allow: false, reason: 'The dispatch is ending.' };
      } catch (error) {
        parts.log(`an action of an agent could not be put to a person: ${String(error)}`);
        return { allow: false, reason: 'It could not be put to anybody, so it was not done.' };
      }
    },
    answer: questions.answer,
    attach: () => questions.attach(job.id),
    close(by) {
      if (closed !== null) return;
      closed = by;
      try {
        questions.withdraw(job.id, by);
      } catch (error) {
        parts.log(`an open question could not be given up: ${String(error)}`);
      }
    },
  };
}
