/** The questions of running agents as the daemon sees them: their shims hold them, and answer alone what became of them. */
import { type DispatchPlaces, dispatchPlaces } from '../core/places.ts';
import { answerShim, attendShim } from '../drivers/shim-process.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { JournalEvent } from '../protocol/event.ts';
import type { Job } from '../protocol/job.ts';
import type { Answered, AnswerRequest, OpenQuestion } from '../protocol/question.ts';

/** A line to a shim that broke is laid again after this, ms. */
const AGAIN_MS = 500;

interface Open {
  job: Job;
  question: Extract<JournalEvent, { type: 'question' }>;
  waitedMs(): number;
  usd(): number | null;
}

interface Dispatch {
  /** People who can answer and follow it. */
  clients: Set<object>;
  open: Map<string, Open>;
  /** Leaves the shim alone again; null where it does not know of anybody. */
  leave: (() => void) | null;
  again: NodeJS.Timeout | undefined;
}

export interface ShimQuestions {
  /** A journal event of a dispatch whose shim lives. `usd`: its cost so far, null = unknown. */
  see(job: Job, event: JournalEvent, usd: () => number | null): void;
  /** The shim is gone: nothing of it can be answered. */
  drop(dispatch: string): void;
  list(dispatch?: string): OpenQuestion[];
  /** An open one; null where there is none of that id. */
  find(id: string): OpenQuestion | null;
  /** Hands an answer on; resolves once it is on the disk, throws PanError where it is none. */
  answer(question: OpenQuestion, request: AnswerRequest): Promise<Answered>;
  /** A client that can answer follows this dispatch, until it calls what it gets. */
  attach(dispatch: string): () => void;
}

export function createShimQuestions(parts: { state: string; now(): Date }): ShimQuestions {
  const dispatches = new Map<string, Dispatch>();
  const placesOf = (id: string): DispatchPlaces => dispatchPlaces(parts.state, id);
  const of = (id: string): Dispatch => {
    const known = dispatches.get(id) ?? { clients: new Set(), open: new Map(), leave: null, again: undefined };
    dispatches.set(id, known);
    return known;
  };
  /** The shim knows of a person as long as there are both, a question and somebody who can answer it. */
  const update = (id: string) => {
    const entry = of(id);
    clearTimeout(entry.again);
    if (entry.clients.size > 0 && entry.open.size > 0)
      entry.leave ??= attend(placesOf(id), () => {
        entry.leave = null;
        entry.again = setTimeout(() => update(id), AGAIN_MS);
      });
    else {
      entry.leave?.();
      entry.leave = null;
      if (entry.clients.size === 0 && entry.open.size === 0) dispatches.delete(id);
    }
  };
  const list = (dispatch?: string): OpenQuestion[] =>
    [...dispatches.entries()]
      .filter(([id]) => dispatch === undefined || id === dispatch)
      .flatMap(([, { open }]) => [...open.values()])
      .map(({ job, question, waitedMs, usd }) => {
        const { id, kind, action, subject, detail, risk, deadline, bound } = question;
        return {
          ...{ id, dispatch: job.id, kind, action, subject, detail, risk, deadline, bound },
          ...{ agent: job.agent.name, worker: job.worker.id, project: job.project.root, task: job.task },
          ...{ since: question.at, waitedMs: waitedMs(), usd: usd(), files: [], patchSha256: null },
        };
      });

  return {
    see(job, event, usd) {
      // What is asked about a change is the daemon's own.
      if (event.type === 'question' && event.kind !== 'apply') {
        const before = Math.min(Math.max(parts.now().getTime() - Date.parse(event.at), 0), job.limits.questionMs);
        const since = performance.now();
        const waitedMs = () => Math.round(before + performance.now() - since);
        of(job.id).open.set(event.id, { job, question: event, waitedMs, usd });
      } else if (event.type !== 'answer' || !dispatches.get(job.id)?.open.delete(event.id)) return;
      update(job.id);
    },
    drop(dispatch) {
      of(dispatch).open.clear();
      update(dispatch);
    },
    list,
    find: (id) => list().find((question) => question.id === id) ?? null,
    async answer({ id, dispatch }, request) {
      try {
        return await answerShim(placesOf(dispatch), id, request);
      } catch (error) {
        if (error instanceof PanError) throw error;
        throw new PanError(
          'not-handed-over',
          `The process that holds question ${id} cannot be reached (${error instanceof Error ? error.message : String(error)}).`,
          'See `pancode questions` for whether it is still open, and answer again.',
          EXIT.failed,
          error,
        );
      }
    },
    attach(dispatch) {
      const mark = {};
      of(dispatch).clients.add(mark);
      update(dispatch);
      return () => {
        of(dispatch).clients.delete(mark);
        update(dispatch);
      };
    },
  };
}

/** Where its directory is gone there is no socket to ask at. */
function attend(places: DispatchPlaces, lost: () => void): () => void {
  try {
    return attendShim(places, lost);
  } catch {
    const told = setImmediate(lost);
    return () => clearImmediate(told);
  }
}
