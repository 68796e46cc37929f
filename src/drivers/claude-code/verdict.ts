/** How a run ended, from Claude Code's terminal event. Never from an exit code or `subtype` alone. Pure. */
import { isRateLimit } from '../../core/loop.ts';
import type { AgentEnd, AgentEvent } from '../../protocol/event.ts';
import type { Result } from './lines.ts';

export interface VerdictFacts {
  /** How the model server is called in reasons. */
  server: string;
  /** Variable that holds its key; null = none is configured. */
  keyEnv: string | null;
  model: string;
  /** Turn limit it was given. */
  turns: number | null;
}

/** Reasons of the Messages format to stop with a whole answer. */
const FINISHED = ['end_turn', 'stop_sequence'];

type Verdict = Pick<AgentEnd, 'ok' | 'status' | 'reason' | 'answer'>;

export function verdictOf(result: Result, facts: VerdictFacts): Verdict {
  const said = oneLine(result.result ?? result.errors?.join('; ') ?? '');
  const failed = (reason: string, status: AgentEnd['status'] = 'failed'): Verdict => ({
    ok: false,
    status,
    reason,
    answer: null,
  });
  if (result.subtype === 'error_max_turns' || result.terminal_reason === 'max_turns')
    return failed(`It reached its limit of ${facts.turns ?? 'some'} model turns before it was finished.`);
  if (result.subtype === 'error_max_budget_usd')
    return failed('It reached the budget Claude Code was given.', 'over-budget');
  if (result.is_error !== false || result.subtype !== 'success')
    return { ...failed(''), ...ofError(result, said, facts) };
  if (result.local_command)
    return failed(`Claude Code took the task for its command /${result.local_command} and asked no model.`);
  if (said === '') return failed('The model answered with nothing.');
  // 2.1.197 takes a stream that ends in the middle for a whole answer; only this tells.
  if (!result.stop_reason) return failed(`The answer of the model server ${facts.server} broke off before its end.`);
  if (!FINISHED.includes(result.stop_reason))
    return failed(`The model stopped for a reason that is not known here: ${oneLine(result.stop_reason)}.`);
  return { ok: true, status: 'succeeded', reason: 'The agent finished.', answer: result.result ?? null };
}

function ofError(result: Result, said: string, facts: VerdictFacts): Pick<AgentEnd, 'status' | 'reason'> {
  const { server } = facts;
  const status = result.api_error_status ?? statusIn(said);
  const text = withoutFrame(said);
  if (status === 401 || status === 403) return refusedKey(status, text, facts);
  if (isRateLimit(status))
    return { status: 'rate-limited', reason: `The model server ${server} is at its limit (${status})${after(text)}` };
  if (result.stop_reason === 'refusal') return { status: 'failed', reason: `The model refused${after(text)}` };
  if (status === 404)
    return { status: 'failed', reason: `The model server ${server} does not know the model ${facts.model} (404).` };
  if (status !== null)
    return { status: 'failed', reason: `The model server ${server} answered ${status}${after(text)}` };
  if (result.terminal_reason?.startsWith('aborted'))
    return { status: 'failed', reason: 'Claude Code was interrupted by something else than PanCode.' };
  if (said.startsWith('API Error'))
    return { status: 'failed', reason: `The model server ${server} failed${after(text)}` };
  const how = result.terminal_reason ?? result.subtype ?? 'no reason given';
  return { status: 'failed', reason: `Claude Code ended with an error (${how})${after(text)}` };
}

/** 529 comes with no status of its own before 2.1.331: "Repeated 529 Overloaded errors". */
function statusIn(said: string): number | null {
  return /^(?:API Error: )?Repeated 529 /.test(said) ? 529 : null;
}

/** The server's own words: Claude Code puts its name and advice around them, and the address of our gateway. */
function withoutFrame(said: string): string {
  return said
    .replace(/^(?:Failed to authenticate\.\s*)?API Error:\s*(?:\d{3}\b\s*|Request rejected \(\d{3}\)\s*·\s*)?/, '')
    .replace(/\s*This is a server-side issue.*$/, '');
}

export function refusedKey(
  status: number,
  text: string,
  facts: Pick<VerdictFacts, 'server' | 'keyEnv'>,
): Pick<AgentEnd, 'status' | 'reason'> {
  const said = text === '' ? '' : `: ${text.replace(/\.$/, '')}`;
  const fix =
    facts.keyEnv === null
      ? 'name the variable that holds its key with `pancode config set runtimes.claude-code.apiKeyEnv NAME`'
      : `set ${facts.keyEnv} to a key that is valid there`;
  return {
    status: 'auth-required',
    reason: `The model server ${facts.server} refused the key (${status})${said}; ${fix}.`,
  };
}

const after = (text: string): string => (text === '' ? '.' : `: ${text}`);

/** The first 300 characters, on one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 300);
}

/**
 * Tokens of the whole process so far, summed over models; null where it reports none. Money only where every model had a price:
 * an unknown one is priced as another model without a word.
 */
export function usageOf(result: Result): Extract<AgentEvent, { type: 'usage' }> | null {
  const models = Object.values(result.modelUsage ?? {});
  if (models.length === 0) return null;
  const sum = (of: (model: (typeof models)[number]) => number) => models.reduce((total, model) => total + of(model), 0);
  const priced = models.every((model) => model.costBasis === 'list' && typeof model.costUSD === 'number');
  return {
    type: 'usage',
    input: sum((model) => model.inputTokens),
    cacheRead: sum((model) => model.cacheReadInputTokens),
    cacheWrite: sum((model) => model.cacheCreationInputTokens),
    output: sum((model) => model.outputTokens),
    costUsd: priced ? sum((model) => model.costUSD ?? 0) : null,
  };
}
