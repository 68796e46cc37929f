/** One small HTTP question with a bounded answer: what discovery asks model services. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * `answer`: the service spoke; `body` is the parsed JSON, undefined where it was none.
 * `silent`: the connection was accepted, but no whole answer came in time. `broken`: it was accepted and then failed: no HTTP, or a
 * certificate that is not trusted. `absent`: nobody is there.
 */
export type HttpAnswer =
  | { kind: 'answer'; status: number; body: unknown }
  | { kind: 'silent' }
  | { kind: 'broken'; reason: string }
  | { kind: 'absent'; reason: string };

/** Never throws, follows no redirect, ends within `timeoutMs` even where the answer never does. */
export async function askJson(url: string, question: Question): Promise<HttpAnswer> {
  try {
    return await ask(url, question);
  } catch (error) {
    // A request that cannot even be made: a URL of another scheme, a key with a line break in it.
    return { kind: 'absent', reason: (error as Error).message };
  }
}

interface Question {
  timeoutMs: number;
  headers?: Record<string, string>;
  post?: unknown;
}

function ask(url: string, options: Question): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    let connected = false;
    let timer: NodeJS.Timeout | undefined;
    const finish = (answer: HttpAnswer): void => {
      clearTimeout(timer);
      resolve(answer);
      request.destroy();
    };
    const body = options.post === undefined ? undefined : JSON.stringify(options.post);
    const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = String(Buffer.byteLength(body));
    }
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(
      url,
      { method: body === undefined ? 'GET' : 'POST', headers, agent: false },
      (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_BYTES) finish({ kind: 'answer', status: response.statusCode ?? 0, body: undefined });
          else chunks.push(chunk);
        });
        response.on('end', () =>
          finish({
            kind: 'answer',
            status: response.statusCode ?? 0,
            body: parse(Buffer.concat(chunks).toString('utf8')),
          }),
        );
        response.on('error', () => finish({ kind: 'silent' }));
      },
    );
    request.on('socket', (socket) => {
      if (!socket.connecting) connected = true;
      socket.once('connect', () => {
        connected = true;
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      finish({ kind: connected ? 'broken' : 'absent', reason: error.code ?? error.message }),
    );
    const late = (): void =>
      finish(
        connected ? { kind: 'silent' } : { kind: 'absent', reason: `no connection within ${options.timeoutMs} ms` },
      );
    // Where it was us who had no time, what has come meanwhile is read first.
    timer = setTimeout(() => setImmediate(late), options.timeoutMs);
    request.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: `undefined` is the answer.
    return undefined;
  }
}
