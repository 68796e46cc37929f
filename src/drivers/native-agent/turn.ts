/** One model turn: one request, its stream read to the end. A stream that breaks off is a failure, however much it brought. */
import type { ReplyFacts } from '../../core/loop.ts';
import { failureOf, type ModelFailure } from './failure.ts';
import type { AssistantPart, CallOptions, LanguageModelV4, ProviderOptions, StreamPart } from './sdk.ts';

/** A call as the model wrote it: `input` is JSON text that may not parse. */
export interface RawCall {
  id: string;
  name: string;
  input: string;
  providerOptions: ProviderOptions | undefined;
}

export interface Reply {
  text: string;
  /** Text and reasoning in the order they came; calls are added by who reads them. */
  content: AssistantPart[];
  calls: RawCall[];
  finish: ReplyFacts['finish'];
  rawFinish: string | null;
  /** Of the prompt and this reply, as the service counted them; null = it did not say. */
  tokens: number | null;
}

export interface TurnHost {
  signal: AbortSignal;
  /** Longest silence of the server. */
  idleMs: number;
  onText(text: string): void;
  onReasoning(text: string): void;
}

export async function modelTurn(
  model: LanguageModelV4,
  options: CallOptions,
  host: TurnHost,
): Promise<{ ok: true; reply: Reply } | { ok: false; failure: ModelFailure }> {
  const idle = new AbortController();
  const alarm = setTimeout(() => idle.abort(), host.idleMs);
  try {
    const { stream } = await model.doStream({ ...options, abortSignal: AbortSignal.any([host.signal, idle.signal]) });
    const reading = new ReplyReader(host);
    for await (const part of stream) {
      alarm.refresh();
      const failure = reading.add(part);
      if (failure) return { ok: false, failure };
    }
    const reply = reading.reply();
    return reply ? { ok: true, reply } : broken('its answer broke off before the end.');
  } catch (error) {
    if (idle.signal.aborted) return broken(`it sent nothing for ${Math.round(host.idleMs / 1_000)} seconds.`);
    return { ok: false, failure: failureOf(error, Date.now()) };
  } finally {
    clearTimeout(alarm);
  }
}

function broken(message: string): { ok: false; failure: ModelFailure } {
  return { ok: false, failure: { status: null, retryAfterMs: null, lasts: null, message } };
}

type Spoken = Extract<AssistantPart, { type: 'text' | 'reasoning' }>;

class ReplyReader {
  readonly #host: TurnHost;
  readonly #content: AssistantPart[] = [];
  readonly #open = new Map<string, Spoken>();
  readonly #calls: RawCall[] = [];
  #finish: { finish: ReplyFacts['finish']; raw: string | null } | null = null;
  #tokens: number | null = null;

  constructor(host: TurnHost) {
    this.#host = host;
  }

  /** What makes the whole turn fail, or null. */
  add(part: StreamPart): ModelFailure | null {
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start':
        this.#begin(part.type === 'text-start' ? 'text' : 'reasoning', part.id, part.providerMetadata);
        return null;
      case 'text-delta':
        this.#begin('text', part.id, part.providerMetadata).text += part.delta;
        this.#host.onText(part.delta);
        return null;
      case 'reasoning-delta':
        this.#begin('reasoning', part.id, part.providerMetadata).text += part.delta;
        this.#host.onReasoning(part.delta);
        return null;
      case 'text-end':
      case 'reasoning-end':
        this.#begin(part.type === 'text-end' ? 'text' : 'reasoning', part.id, part.providerMetadata);
        this.#open.delete(`${part.type === 'text-end' ? 'text' : 'reasoning'}:${part.id}`);
        return null;
      case 'tool-call':
        this.#calls.push({
          id: part.toolCallId,
          name: part.toolName,
          input: part.input,
          providerOptions: part.providerMetadata,
        });
        return null;
      case 'error':
        return failureOf(part.error, Date.now());
      case 'finish':
        this.#finish = finishOf(part.finishReason);
        this.#tokens = tokensOf(part.usage);
        return null;
      default:
        return null;
    }
  }

  /** null where the stream ended without saying why. */
  reply(): Reply | null {
    if (!this.#finish) return null;
    const content = this.#content.filter((part) => part.type !== 'text' || part.text !== '');
    const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
    const { finish, raw } = this.#finish;
    return { text, content, calls: this.#calls, finish, rawFinish: raw, tokens: this.#tokens };
  }

  /** The open part of that id; its metadata (a signature, for example) must go back with it. */
  #begin(type: Spoken['type'], id: string, metadata: ProviderOptions | undefined): Spoken {
    const key = `${type}:${id}`;
    const open = this.#open.get(key);
    const part: Spoken = open ?? { type, text: '' };
    if (!open) {
      this.#open.set(key, part);
      this.#content.push(part);
    }
    if (metadata) part.providerOptions = { ...part.providerOptions, ...metadata };
    return part;
  }
}

function tokensOf({ inputTokens, outputTokens }: Extract<StreamPart, { type: 'finish' }>['usage']): number | null {
  return inputTokens.total === undefined ? null : inputTokens.total + (outputTokens.total ?? 0);
}

type SdkFinish = Extract<StreamPart, { type: 'finish' }>['finishReason'];

/** null = the stream did not end by itself. */
function finishOf(finish: SdkFinish): { finish: ReplyFacts['finish']; raw: string | null } | null {
  const raw = finish.raw ?? null;
  switch (finish.unified) {
    case 'stop':
    case 'tool-calls':
    case 'length':
    case 'content-filter':
      return { finish: finish.unified, raw };
    case 'interrupted':
      return null;
    default:
      // Without the server's own word it did not say why it stopped: the same as a stream that was cut.
      return raw === null ? null : { finish: 'other', raw };
  }
}
