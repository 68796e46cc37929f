/** The lines an agent process writes, until it has exited or closed its output. */
import type { AgentProcess } from '../core/contracts.ts';
import { type Line, splitLines } from './lines.ts';

/** How long output is waited for once the process has exited: something it started may hold the pipe open for ever. */
const DRAIN_MS = 500;

/** Empty lines are left out. Rejects where the pipe fails. */
export async function* agentLines(child: AgentProcess): AsyncGenerator<Line, void> {
  const { stdout } = child;
  let drain: NodeJS.Timeout | undefined;
  void child.exited.then(() => {
    drain = setInterval(() => {
      // What a slow reader has not taken yet is not lost.
      if (stdout.readableLength === 0) stdout.destroy();
      if (stdout.destroyed) clearInterval(drain);
    }, DRAIN_MS).unref();
  });
  try {
    for await (const line of splitLines(stdout)) if (line.text.trim() !== '') yield line;
  } catch (error) {
    // That is our own `destroy`.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  } finally {
    clearInterval(drain);
  }
}
