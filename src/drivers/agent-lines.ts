/** The lines an agent process writes, until it has exited or closed its output. */
import type { AgentProcess } from '../core/contracts.ts';
import { type Line, splitLines } from './lines.ts';

/** How often it is looked whether anything still comes once the process has exited: something it started may hold the pipe open for ever. */
const DRAIN_MS = 500;

/** Empty lines are left out. Rejects where the pipe fails. */
export async function* agentLines(child: AgentProcess): AsyncGenerator<Line, void> {
  const { stdout } = child;
  /** Whether we wait for output, and how many looks that has lasted: a reader that takes its time makes nobody wait. */
  let waiting = false;
  let looks = 0;
  let drain: NodeJS.Timeout | undefined;
  void child.exited.then(() => {
    drain = setInterval(() => {
      looks = waiting ? looks + 1 : 0;
      if (looks < 2) return;
      clearInterval(drain);
      stdout.destroy();
    }, DRAIN_MS).unref();
  });
  const pieces = async function* () {
    const iterator = stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      waiting = true;
      const next = await iterator.next();
      waiting = false;
      looks = 0;
      if (next.done) return;
      yield next.value;
    }
  };
  try {
    for await (const line of splitLines(pieces())) if (line.text.trim() !== '') yield line;
  } catch (error) {
    // That is our own `destroy`.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  } finally {
    clearInterval(drain);
  }
}
