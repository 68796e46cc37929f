/** What a model sees of a conversation that does not fit into its window, as Ollama cuts it. Pure. */
import type { Asked, AskedMessage } from '../conversation.ts';

/** The usual rough size of a token. */
const CHARS_PER_TOKEN = 4;
const tokensOf = (message: AskedMessage): number => Math.ceil(message.chars / CHARS_PER_TOKEN);

/**
 * Ollama (server/prompt.go, 0.5 and later) keeps the system messages and as many of the newest others as fit, the last in any case. Where
 * even those do not fit, the runner keeps the end of the prompt: system prompt and tools, which stand at its beginning, are gone.
 */
export function cutTo(
  context: number,
  asked: Asked,
  requestTokens: number,
): { asked: Asked; prompt: number; cut: boolean } {
  if (requestTokens <= context) return { asked, prompt: requestTokens, cut: false };
  const spoken = asked.messages.filter((message) => message.role !== 'system');
  // System prompt, tools and settings.
  const fixed = Math.max(0, requestTokens - spoken.reduce((sum, message) => sum + tokensOf(message), 0));
  const last = spoken.at(-1)!;
  let prompt = fixed + tokensOf(last);
  if (prompt > context) {
    const room = context * CHARS_PER_TOKEN;
    const end = (text: string) => text.slice(-room);
    const results = last.results.slice(-1).map((result) => ({ ...result, text: end(result.text) }));
    const text = results.length > 0 ? [] : [end(last.text.join('\n'))];
    return {
      asked: { ...asked, system: '', tools: [], messages: [{ ...last, text, results }] },
      prompt: context,
      cut: true,
    };
  }
  let from = spoken.length - 1;
  while (from > 0 && prompt + tokensOf(spoken[from - 1]!) <= context) {
    from -= 1;
    prompt += tokensOf(spoken[from]!);
  }
  const system = asked.messages.filter((message) => message.role === 'system');
  return { asked: { ...asked, messages: [...system, ...spoken.slice(from)] }, prompt, cut: true };
}
