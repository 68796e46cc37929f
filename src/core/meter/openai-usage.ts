/** The counts of OpenAI's two formats, normalised. */
import type { Reading } from './reading.ts';

export interface OpenAiCounts {
  /** The whole prompt, cached part included. */
  prompt: number | null;
  cached: number | null;
  cacheWrite: number | null;
  completion: number | null;
  reasoning: number | null;
  total: number | null;
}

/** Usage that lacks one side leaves what was read of that side before. */
export function takeOpenAiUsage(reading: Reading, counts: OpenAiCounts): void {
  const { prompt, cached, cacheWrite, completion, reasoning, total } = counts;
  if (prompt !== null) {
    const inside = (cached ?? 0) + (cacheWrite ?? 0);
    // More cached than there is prompt: this server counts the two apart.
    reading.input = inside <= prompt ? prompt - inside : prompt;
    reading.cacheRead = cached;
    reading.cacheWrite = cacheWrite;
  }
  if (completion !== null) {
    // xAI leaves reasoning out of the completion; its total tells.
    const apart = prompt !== null && reasoning !== null && total === prompt + completion + reasoning;
    reading.output = apart ? completion + reasoning : completion;
    reading.reasoning = reasoning;
  }
}
