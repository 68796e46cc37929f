/** Tokens that really went out, of all models and of each. */
import type { Tokens } from './answer.ts';

/** As a client of the wire can have read them: on Chat Completions tokens written to a cache are part of `input`. */
export interface Totals extends Tokens {
  /** Model requests that came, failed ones included. */
  requests: number;
}

const NOTHING: Tokens = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };

export class Sent implements Totals {
  input = 0;
  cacheRead = 0;
  cacheWrite = 0;
  output = 0;
  reasoning = 0;
  requests = 0;
  readonly byModel = new Map<string, Totals>();

  /** One request came. The function takes what its answer has reported so far; a later report replaces an earlier one. */
  request(model: string): (reported: Tokens) => void {
    const one = this.byModel.get(model) ?? { ...NOTHING, requests: 0 };
    this.byModel.set(model, one);
    const totals: Totals[] = [this, one];
    for (const total of totals) total.requests += 1;
    let before = NOTHING;
    return (reported) => {
      for (const total of totals)
        for (const kind of ['input', 'cacheRead', 'cacheWrite', 'output', 'reasoning'] as const)
          total[kind] += reported[kind] - before[kind];
      before = reported;
    };
  }
}
