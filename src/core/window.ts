/** Whether a conversation fits a model's window. Engines such as Ollama cut what does not fit without a word, the task first. Pure. */

/** A rule of thumb, not measured here: it stands only for what no service has counted yet. */
const BYTES_PER_TOKEN = 4;
/** Room an answer needs at least, tokens. */
const ANSWER_TOKENS = 512;
/** For the native agent's tools as they are declared (4,799 bytes), by the same rule, tokens. */
const TOOLS_TOKENS = 1_200;

export const estimatedTokens = (bytes: number): number => Math.ceil(bytes / BYTES_PER_TOKEN);

/** Window a dispatch needs before its first answer, tokens. `bytes`: of the whole prompt. */
export const neededWindow = (bytes: number): number => estimatedTokens(bytes) + TOOLS_TOKENS + ANSWER_TOKENS;

/**
 * Reason not to send a conversation; null = it fits, or the window is not known. `counted`: tokens of the part the model has already seen,
 * as its service counted them; `moreBytes`: what came since.
 */
export function windowFull(window: number | null, counted: number, moreBytes: number): string | null {
  const tokens = counted + estimatedTokens(moreBytes);
  if (window === null || tokens + ANSWER_TOKENS <= window) return null;
  return `The conversation has grown to about ${tokens} tokens, and the model’s window in use holds ${window}: give the model a larger window, name another worker, or split the task.`;
}
