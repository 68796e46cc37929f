/** Which turn of the script answers a request, and what it says. Stateless: the request alone decides. Pure. */
import { createHash } from 'node:crypto';
import { describeCall, toolCall } from './calls.ts';
import { type Asked, cwdOf, lastResultOf, taskOf, turnsBehind } from './conversation.ts';
import { matcher, type Script, type ScriptTurn } from './script.ts';

/** Tokens as the script counts them: `input` excludes cache, `output` includes reasoning. */
export interface Tokens {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
}

export interface Answer {
  /** Places in the script, counted from 0. `turn` is null after its end. */
  conversation: number;
  turn: number | null;
  script: ScriptTurn;
  thinking: string;
  text: string;
  calls: { id: string; name: string; args: string }[];
  usage: Tokens;
  /** A neutral word or one of the script's own; null = the server does not say. */
  finish: string | null;
  /** The same for every try of the same turn of the same conversation. */
  key: string;
}

const AFTER_THE_END: ScriptTurn = { text: 'Done.' };

/**
 * null: no conversation of the script fits. `requestChars`: size of the request, for the tokens it stands for. `client`: tells apart
 * clients that say the same, where they name themselves.
 */
export function answerTo(
  script: Script,
  asked: Asked,
  options: { requestChars: number; client: string },
): Answer | null {
  const task = taskOf(asked);
  const holds = (condition: string | undefined, text: string) => condition === undefined || matcher(condition)!(text);
  const conversation = script.conversations.findIndex(
    (one) => holds(one.when, task) && holds(one.system, asked.system),
  );
  if (conversation < 0) return null;

  const cwd = cwdOf(asked);
  const values: Record<string, string> = { task, lastResult: lastResultOf(asked), cwd: cwd ?? '.' };
  const text = (template: string) => template.replace(/\{(task|lastResult|cwd)\}/g, (_, name: string) => values[name]!);
  const { turns, repeat } = script.conversations[conversation]!;
  const played = playable(turns, asked.tools);
  const behind = turnsBehind(asked);
  const { said, turn, place } = pick(played, behind, repeat);

  const request = { tools: asked.tools, cwd, text };
  const made = (turn.calls ?? []).flatMap((call) => toolCall(call, request) ?? []);
  // Words of the user after the task are left out: a client that was cut off may ask again in other words.
  const done = asked.messages.map(({ calls, results }) => [
    calls.map((call) => call.name),
    results.map((one) => one.text),
  ]);
  const key = createHash('sha256')
    .update(JSON.stringify([options.client, conversation, task, behind, done.flat(2)]))
    .digest('hex');
  const answer = {
    conversation,
    turn: place,
    script: turn,
    thinking: text(turn.thinking ?? ''),
    text: [...said.map(text), text(turn.text ?? '')].filter((part) => part !== '').join('\n'),
    calls: made.map((call, n) => ({ ...call, id: `${key.slice(0, 20)}${n}` })),
    finish: turn.finish === undefined ? (made.length > 0 ? 'tool-calls' : 'stop') : turn.finish,
    key,
  };
  return { ...answer, usage: usageOf(turn, answer, options.requestChars) };
}

interface Played {
  /** What the model says about calls it cannot make. */
  said: string[];
  turn: ScriptTurn;
  place: number | null;
}

/**
 * The turns as this client can be given them. A call whose tool is not offered becomes a sentence; a turn of which nothing but such
 * sentences is left is said together with the next one, because a client takes an answer without calls for the last.
 */
function playable(turns: readonly ScriptTurn[], tools: readonly string[]): Played[] {
  const played: Played[] = [];
  let carried: string[] = [];
  for (const [place, turn] of turns.entries()) {
    const possible = (turn.calls ?? []).filter((call) => toolCall(call, { tools, cwd: null, text: String }) !== null);
    const missing = (turn.calls ?? []).filter((call) => !possible.includes(call));
    const said = [...carried, ...missing.map((call) => `I cannot ${describeCall(call)}: no tool for it is offered.`)];
    const nothingLeft = missing.length > 0 && possible.length === 0 && !turn.text && !turn.then && !turn.fail;
    carried = nothingLeft && place < turns.length - 1 ? said : [];
    if (carried.length === 0) played.push({ said, turn: { ...turn, calls: possible }, place });
  }
  return played;
}

function pick(played: readonly Played[], behind: number, repeat: boolean): Played {
  const now = played[repeat ? behind % played.length : behind];
  if (now) return now;
  const last = played.at(-1)!;
  return (last.turn.calls ?? []).length === 0 ? last : { said: [], turn: AFTER_THE_END, place: null };
}

/** Characters / 4 is the usual rough size of a token. */
const tokensIn = (chars: number): number => Math.ceil(chars / 4);

function usageOf(turn: ScriptTurn, answer: Pick<Answer, 'thinking' | 'text' | 'calls'>, requestChars: number): Tokens {
  const said = answer.text.length + answer.calls.reduce((sum, call) => sum + call.name.length + call.args.length, 0);
  const output = turn.usage?.output ?? Math.max(1, tokensIn(answer.thinking.length + said));
  return {
    input: turn.usage?.input ?? tokensIn(requestChars),
    cacheRead: turn.usage?.cacheRead ?? 0,
    cacheWrite: turn.usage?.cacheWrite ?? 0,
    output,
    reasoning: turn.usage?.reasoning ?? Math.min(output, tokensIn(answer.thinking.length)),
  };
}
