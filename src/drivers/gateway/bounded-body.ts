/** Reads a body that must end within a size. */
import type { Readable } from 'node:stream';

/**
 * `whole`: false where it was longer than `limit` bytes, broke off, or did not end before `signal`; `bytes` are those that came, at most
 * `limit`. Nothing is destroyed: what follows is the caller's to drain or to cut.
 */
export function readBody(
  source: Readable,
  limit: number,
  signal?: AbortSignal,
): Promise<{ bytes: Buffer; whole: boolean }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (whole: boolean) => {
      source.off('data', take);
      signal?.removeEventListener('abort', cut);
      resolve({ bytes: Buffer.concat(chunks), whole });
    };
    const cut = () => finish(false);
    const take = (chunk: Buffer) => {
      const room = limit - size;
      chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
      size += chunk.length;
      if (size > limit) finish(false);
    };
    source.on('data', take);
    source.once('end', () => finish(true));
    source.once('error', cut);
    source.once('close', cut);
    signal?.addEventListener('abort', cut, { once: true });
    if (signal?.aborted) cut();
  });
}
