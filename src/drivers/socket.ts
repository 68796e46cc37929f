/**
 * Unix sockets at paths of any length. A socket address holds 108 bytes, so on Linux the directory is opened and the socket
 * is named through the descriptor (measured: a 123-byte path gives EINVAL on Node 24 and is cut silently on Node 20).
 */
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { SOCKET_NAME } from '../core/places.ts';

/** Opens the socket directory and gives the address of the socket in it, usable until `close`. */
export function socketAddress(dir: string): { address: string; close(): void } {
  const direct = path.join(dir, SOCKET_NAME);
  if (Buffer.byteLength(direct) < 100) return { address: direct, close: () => {} };
  const fd = fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  let open = true;
  return {
    address: `/proc/self/fd/${fd}/${SOCKET_NAME}`,
    close() {
      // Twice would close whatever got the number meanwhile.
      if (open) fs.closeSync(fd);
      open = false;
    },
  };
}

/**
 * Listens on `<dir>/sock`: the directory is made 0700, the socket 0600, a dead one is replaced.
 * The caller makes sure that nobody else serves this directory.
 */
export async function listenInDirectory(server: net.Server, dir: string): Promise<void> {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  fs.chmodSync(dir, 0o700);
  fs.rmSync(path.join(dir, SOCKET_NAME), { force: true });
  const { address, close } = socketAddress(dir);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, () => {
        server.off('error', reject);
        resolve();
      });
    });
    fs.chmodSync(path.join(dir, SOCKET_NAME), 0o600);
  } finally {
    close();
  }
}

/**
 * An HTTP request to the socket in a directory; the caller ends it. Throws where there is no directory; that nobody listens is an `error`
 * of the request. Without an agent, whose making takes longer than the request itself (8 of 20 ms, measured).
 */
export function requestInDirectory(
  dir: string,
  options: { method: string; path: string; headers?: Record<string, string> },
  answer: (response: http.IncomingMessage) => void,
): http.ClientRequest {
  const { address, close } = socketAddress(dir);
  const createConnection = () => net.connect(address).once('connect', close).once('close', close);
  return http.request(
    { ...options, headers: { 'content-type': 'application/json', ...options.headers }, createConnection },
    answer,
  );
}
