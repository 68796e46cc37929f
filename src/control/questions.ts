/**
 * What waits for a person: put, kept in the dispatch's journal, answered once, given up at its deadline. The journal is the truth, so a
 * question outlives the daemon, and an answer is on the disk before anybody acts on it. The shim holds those of its running agent, the
 * daemon what comes after the shim's end.
 */
import fs from 'node:fs';
import { type DispatchPlaces, dispatchPlaces, statePlaces } from '../core/places.ts';
import {
  type Always,
  type Asked,
  askedIn,
  chosenFiles,
  coveredByAlways,
  dispatchOf,
  type Put,
  sameAlways,
  whyNotAlways,
} from '../core/questions.ts';
import { visibleLine } from '../core/visible.ts';
import { runNotify } from '../drivers/notify.ts';
import { type NewEvent, openJournal, readJournal } from '../drivers/store/journal.ts';
import { readAlways, writeAlways } from '../drivers/store/standing-yes.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { JournalEvent } from '../protocol/event.ts';
import type { Job } from '../protocol/job.ts';
import type { AnswerEvent, Answered, AnswerRequest, OpenQuestion } from '../protocol/question.ts';
import type { Stance } from '../protocol/receipt.ts';

/** How long a client that follows a dispatch may be gone (its daemon may have died) before its question is given up, ms. */
const GRACE_MS = 10_000;

export interface Asking {
  job: Job;
  places: DispatchPlaces;
  put: Put;
  /** The stance at the gate. */
  stance: Stance;
  /** The user's command for when a question waits; null = none. */
  notify: string | null;
  /** Cost of the dispatch so far, USD; null = unknown. */
  usd: number | null;
  /** Gets every event that is written. */
  deliver(event: JournalEvent): void;
}

type Given = Extract<JournalEvent, { type: 'answer' }>;

interface Open {
  asking: Asking;
  question: Asked['question'];
  /** Since the question was put, ms; no clock jump changes it within this process. */
  waitedMs(): number;
  answer(answer: Pick<AnswerEvent, 'decision' | 'by' | 'reason' | 'files' | 'text'>): Given;
  /** Ends where nobody who could answer has come back. */
  grace: NodeJS.Timeout | undefined;
}

export interface Questions {
  /**
   * Puts a question whose dispatch has no live shim, and resolves with its answer. One from before a restart counts, and a question that
   * was open then goes on. Rejects where it cannot be written down.
   */
  ask(asking: Asking): Promise<AnswerEvent>;
  /** Of all dispatches, or of one; the oldest first. */
  list(dispatch?: string): OpenQuestion[];
  /** A person's answer. `id` is a question's; throws PanError where it is not open any more, and says who answered it and when. */
  answer(id: string, request: AnswerRequest): Answered;
  /** A client that can answer follows this dispatch, until it calls what it gets. */
  attach(dispatch: string): () => void;
  /** Keeps a yes for good. */
  keep(always: Always): void;
  /** Takes back the answers kept for good in a project; how many there were. */
  forget(project: string): number;
  /** Gives up what is open of a dispatch; by `user` where a person cancels it. False where nothing is. */
  withdraw(dispatch: string, by?: 'user' | 'nobody'): boolean;
}

export interface QuestionParts {
  state: string;
  now(): Date;
  log(line: string): void;
  /** Writes into a journal that is open already, and throws where it cannot; absent: nobody else writes to it now. */
  append?(event: NewEvent): JournalEvent;
  /** Keeps a yes for good; absent: in the state directory. */
  keep?(always: Always): void;
}

export function createQuestions(parts: QuestionParts): Questions {
  const open = new Map<string, Open>();
  const attached = new Map<string, Set<object>>();
  const alwaysFile = statePlaces(parts.state).always;

  const append = (places: DispatchPlaces, event: NewEvent): JournalEvent => {
    if (parts.append) return parts.append(event);
    const journal = openJournal(places.journal, parts.now);
    try {
      return journal.append(event);
    } finally {
      journal.close();
    }
  };
  const write = (places: DispatchPlaces, event: NewEvent): JournalEvent => {
    const written = append(places, event);
    flush(places.journal);
    return written;
  };
  const canAnswer = ({ job }: Asking) => job.answers === 'kept' || (attached.get(job.id)?.size ?? 0) > 0;
  const ofDispatch = (dispatch: string) => [...open.values()].filter((each) => each.asking.job.id === dispatch);

  const ask = (asking: Asking): Promise<AnswerEvent> =>
    new Promise((resolve, reject) => {
      const { job, places, put } = asking;
      const asked = askedIn(readJournal(places.journal).events);
      // Only what is bound to a change is put again by a later daemon.
      const earlier = asked.findLast(({ question }) => put.bound !== null && question.bound === put.bound);
      if (earlier?.answer) return resolve(earlier.answer);
      const { files: _, patchSha256: __, ...what } = put;
      const limit = job.limits.questionMs;
      const deadline = new Date(parts.now().getTime() + limit).toISOString();
      const id = `${job.id}-${asked.length + 1}`;
      const question =
        earlier?.question ?? (write(places, { type: 'question', id, ...what, deadline }) as Asked['question']);
      if (!earlier) asking.deliver(question);
      // Only across a restart is there nothing but the wall clock to count by.
      const before = earlier ? within(parts.now().getTime() - Date.parse(question.at), limit) : 0;
      const left = earlier ? within(Date.parse(question.deadline) - parts.now().getTime(), limit) : limit;
      const since = performance.now();
      const waitedMs = () => Math.round(before + performance.now() - since);
      const end: Open['answer'] = (answer) => {
        // Where the disk is full, writing stops the run, which gives up what is open.
        open.delete(question.id);
        let event: Given;
        try {
          event = write(places, { type: 'answer', id: question.id, ...answer, waitedMs: waitedMs() }) as Given;
        } catch (error) {
          open.set(question.id, entry);
          throw error;
        }
        clearTimeout(timer);
        clearTimeout(entry.grace);
        asking.deliver(event);
        resolve(event);
        return event;
      };
      /** Nobody hears a timer's error; whoever settles the dispatch tries again. */
      const attempt = (decision: AnswerEvent['decision'], by: AnswerEvent['by']) => {
        try {
          end({ decision, by, reason: null, files: null });
        } catch (error) {
          clearTimeout(timer);
          clearTimeout(entry.grace);
          open.delete(question.id);
          reject(error);
        }
      };
      const entry: Open = { asking, question, waitedMs, answer: end, grace: undefined };
      const timer = setTimeout(() => attempt('timeout', 'nobody'), left);
      open.set(question.id, entry);
      if (coveredByAlways(keptYes(), job.project.root, put, asking.stance)) attempt('allow', 'policy');
      else if (!canAnswer(asking)) {
        if (job.answers === 'attached' || earlier) waitForClient(entry);
        else attempt('none', 'nobody');
      }
      if (open.has(question.id) && !earlier && asking.notify !== null) {
        const text = `${job.agent.name}: ${visibleLine(`${question.subject}. ${question.detail}`, 400)}`;
        runNotify(asking.notify, { PANCODE_QUESTION: question.id, PANCODE_TEXT: text }, job.env, parts.log);
      }
    });

  /** A yes that cannot be read is none: the person is asked. */
  const keptYes = () => {
    try {
      return readAlways(alwaysFile);
    } catch (error) {
      parts.log(String(error));
      return [];
    }
  };

  const keep =
    parts.keep ??
    ((always: Always) => {
      const kept = readAlways(alwaysFile).filter((one) => !sameAlways(one, always));
      writeAlways(alwaysFile, [...kept, always]);
    });

  const waitForClient = (entry: Open) => {
    clearTimeout(entry.grace);
    entry.grace = setTimeout(() => {
      if (canAnswer(entry.asking)) return;
      try {
        entry.answer({ decision: 'none', by: 'nobody', reason: null, files: null });
      } catch {
        waitForClient(entry); // it could not be written down; the deadline is still there too
      }
    }, GRACE_MS);
  };

  return {
    ask,
    keep,
    list: (dispatch) =>
      (dispatch === undefined ? [...open.values()] : ofDispatch(dispatch)).map(({ asking, question, waitedMs }) => {
        const { job, put, usd } = asking;
        const { id, kind, subject, detail, risk, deadline, bound } = question;
        return {
          ...{ id, dispatch: job.id, kind, subject, detail, risk, deadline, bound },
          ...{ agent: job.agent.name, worker: job.worker.id, project: job.project.root, task: job.task },
          ...{ since: question.at, waitedMs: waitedMs(), usd, files: put.files, patchSha256: put.patchSha256 },
        };
      }),
    answer(id, request) {
      const entry = open.get(id);
      if (!entry) throw notOpen(parts.state, id);
      const { job, put } = entry.asking;
      if (request.bound !== undefined && request.bound !== entry.question.bound)
        throw new PanError(
          'changed-question',
          `Question ${id} is about another change than the one you answered.`,
          'Look at it again with `pancode questions`.',
          EXIT.failed,
        );
      refuseWrongKind(id, put, request);
      const files = request.decision === 'allow' ? filesToAllow(id, put, request) : null;
      if (request.always) {
        const { kind, action, subject } = entry.question;
        keep({ project: job.project.root, kind, action, subject, at: parts.now().toISOString() });
      }
      const { decision, text } = request;
      const reason = request.reason || null;
      const { at } = entry.answer({ decision, by: 'user', reason, files, ...(text === undefined ? {} : { text }) });
      const { kind, subject } = entry.question;
      return { id, dispatch: job.id, kind, subject, decision: request.decision, by: 'user', at };
    },
    attach(dispatch) {
      const mark = {};
      const clients = attached.get(dispatch) ?? new Set();
      attached.set(dispatch, clients.add(mark));
      for (const entry of ofDispatch(dispatch)) clearTimeout(entry.grace);
      return () => {
        clients.delete(mark);
        if (clients.size > 0) return;
        if (attached.get(dispatch) === clients) attached.delete(dispatch);
        for (const entry of ofDispatch(dispatch)) if (!canAnswer(entry.asking)) waitForClient(entry);
      };
    },
    forget(project) {
      const kept = readAlways(alwaysFile);
      const left = kept.filter((one) => one.project !== project);
      if (left.length < kept.length) writeAlways(alwaysFile, left);
      return kept.length - left.length;
    },
    withdraw(dispatch, by = 'user') {
      const entries = ofDispatch(dispatch);
      for (const entry of entries) entry.answer({ decision: 'none', by, reason: null, files: null });
      return entries.length > 0;
    },
  };
}

/** Words are for what asks for words, a yes for what it can be said to. */
function refuseWrongKind(id: string, put: Put, request: AnswerRequest): void {
  if (put.kind === 'ask' && request.decision === 'allow' && request.text === undefined)
    throw new PanError(
      'needs-words',
      `Question ${id} asks for words, not for a yes.`,
      `Answer with \`pancode answer ${id} TEXT\`, or leave it to the agent with \`pancode deny ${id}\`.`,
    );
  if (put.kind !== 'ask' && request.text !== undefined)
    throw new PanError(
      'needs-decision',
      `Question ${id} waits for a yes or a no, not for words.`,
      `Say yes with \`pancode approve ${id}\` or no with \`pancode deny ${id} --reason TEXT\`.`,
    );
}

const within = (ms: number, limit: number) => Math.min(Math.max(ms, 0), limit);

/** Throws PanError where a yes cannot be given like that. null = all files. */
function filesToAllow(id: string, put: Put, request: AnswerRequest): string[] | null {
  const paths = put.files.map((file) => file.path);
  const choice = chosenFiles(paths, request);
  if ('unknown' in choice)
    throw new PanError(
      'unknown-file',
      `The change has no file "${choice.unknown}".`,
      `It changes: ${paths.join(', ')}.`,
    );
  const { chosen } = choice;
  if (chosen?.length === 0)
    throw new PanError('no-file', 'That leaves no file of the change.', `Say no with \`pancode deny ${id}\`.`);
  const forbidden = put.files.filter((file) => file.class === 'forbidden' && (chosen?.includes(file.path) ?? true));
  if (forbidden.length > 0)
    throw new PanError(
      'forbidden-path',
      `The change touches what is never applied: ${forbidden.map((file) => file.path).join(', ')}.`,
      `Approve the rest with \`pancode approve ${id} --except …\`.`,
      EXIT.refused,
    );
  const why = request.always ? whyNotAlways(put) : null;
  if (why !== null)
    throw new PanError(
      'never-always',
      `A yes to this cannot be kept for good: ${why}.`,
      `Say yes this once with \`pancode approve ${id}\`.`,
      EXIT.refused,
    );
  return chosen;
}

/** Why a question cannot be answered: somebody was first, or it never was. */
function notOpen(state: string, id: string): PanError {
  const dispatch = dispatchOf(id);
  const { journal } = dispatchPlaces(state, dispatch);
  const asked = askedIn(readJournal(journal).events).find(({ question }) => question.id === id);
  if (!asked?.answer)
    return new PanError('unknown-question', `There is no open question ${id}.`, 'See `pancode questions`.');
  const { decision, by, at } = asked.answer;
  const how = {
    allow: 'was answered with yes',
    deny: 'was answered with no',
    timeout: 'ran out of time',
    none: 'was given up',
  };
  const who = { user: ' by you', policy: ' by a yes you gave for good', nobody: '' };
  return new PanError(
    'already-answered',
    `Question ${id} ${how[decision]}${who[by]} at ${at}.`,
    `See \`pancode logs ${dispatch}\` for what became of it.`,
    EXIT.failed,
  );
}

function flush(file: string): void {
  const fd = fs.openSync(file, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
