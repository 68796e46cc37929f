/** Questions asked in the background: each at most once at a time, a few at once, the last answer kept until it is no longer news. */

export interface Probes<T> {
  /** The last answer; undefined = none yet. Asks again where there is none or `freshMs` of the last one is over. Never waits. */
  ask(key: string, question: () => Promise<T>, freshMs: (last: T | undefined) => number): T | undefined;
  known(key: string): T | undefined;
  /** By the clock given; null = not yet, or the answer is no longer news. */
  answeredAt(key: string): number | null;
  busy(): boolean;
  /** Resolves when the next question is answered. Only while `busy`. */
  next(): Promise<void>;
  /** Resolves when the questions asked so far are answered. */
  settled(): Promise<void>;
  /** Answers stay known but are no longer news. */
  forget(): void;
}

/** Keys no client has asked about for long are dropped beyond this many. */
const KEPT = 200;

export function createProbes<T>(options: { now(): number; atOnce: number }): Probes<T> {
  const answers = new Map<string, { value: T | undefined; at: number }>();
  const running = new Map<string, Promise<void>>();
  const waiting: (() => void)[] = [];
  let free = options.atOnce;
  let round = 0;

  const start = async (key: string, question: () => Promise<T>): Promise<void> => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    const asked = round;
    let value = answers.get(key)?.value;
    try {
      value = await question();
    } catch {
      // A question that fails is one without an answer: what was known stays, and it is asked again when that is old.
    } finally {
      const turn = waiting.shift();
      if (turn) turn();
      else free++;
    }
    answers.delete(key);
    answers.set(key, { value, at: asked === round ? options.now() : -Infinity });
    if (answers.size > KEPT) answers.delete(answers.keys().next().value!);
    running.delete(key);
  };

  return {
    ask(key, question, freshMs) {
      const last = answers.get(key);
      const age = last === undefined ? -1 : options.now() - last.at;
      // An answer from the future: the clock was put back, and nobody knows how old it is.
      const fresh = last !== undefined && age >= 0 && age < freshMs(last.value);
      if (!fresh && !running.has(key)) running.set(key, start(key, question));
      return last?.value;
    },
    known: (key) => answers.get(key)?.value,
    answeredAt(key) {
      const at = answers.get(key)?.at ?? Number.NEGATIVE_INFINITY;
      return Number.isFinite(at) ? at : null;
    },
    busy: () => running.size > 0,
    next: () => Promise.race(running.values()),
    async settled() {
      await Promise.all(running.values());
    },
    forget() {
      round++;
      for (const answer of answers.values()) answer.at = -Infinity;
    },
  };
}
