/**
 * The shim's own socket: `GET /events?from=SEQ` streams the journal as server-sent events, `POST /stop` stops the run,
 * `POST /steer` tells its agent something, `POST /answer` answers what the agent has asked, and as long as somebody reads `GET /attend`,
 * a person who can answer is there.
 */
import http from 'node:http';
import type { Run, StopWhy } from '../../control/run.ts';
import { listenInDirectory } from '../../drivers/socket.ts';
import { readJournal } from '../../drivers/store/journal.ts';
import { PanError } from '../../protocol/error.ts';
import type { JournalEvent } from '../../protocol/event.ts';
import type { AnswerRequest } from '../../protocol/question.ts';

export interface ShimServer {
  deliver(event: JournalEvent): void;
  onStop(handler: (why: StopWhy) => void): void;
  /** `handler` gives why the agent cannot be told, or null. */
  onSteer(handler: (text: string) => Promise<string | null>): void;
  serveQuestions(questions: Run['questions']): void;
  close(): Promise<void>;
}

export async function serveShim(socketDir: string, journal: string): Promise<ShimServer> {
  const listeners = new Set<http.ServerResponse>();
  const attending = new Set<http.ServerResponse>();
  let stop: ((why: StopWhy) => void) | null = null;
  let stopAsked: StopWhy | null = null;
  const steer = Promise.withResolvers<(text: string) => Promise<string | null>>();
  const asked = Promise.withResolvers<Run['questions']>();
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://shim');
    if (request.method === 'GET' && url.pathname === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const from = Number(url.searchParams.get('from') ?? 1);
      for (const event of readJournal(journal).events) if (event.seq >= from) response.write(frame(event));
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
    } else if (request.method === 'POST' && url.pathname === '/stop') {
      stopAsked = 'user';
      stop?.('user');
      response.writeHead(202).end();
    } else if (request.method === 'POST' && url.pathname === '/steer') {
      // Whoever asks sees a broken answer where the words cannot be written down.
      void readBody<{ text: string }>(request)
        .then(async ({ text }) => (await steer.promise)(text))
        .then((refused) => response.end(JSON.stringify({ refused })))
        .catch(() => response.destroy());
    } else if (request.method === 'POST' && url.pathname === '/answer') {
      void readBody<{ id: string; request: AnswerRequest }>(request)
        .then(async (given) => (await asked.promise).answer(given.id, given.request))
        .then(
          (answered) => response.end(JSON.stringify({ answered })),
          (error: unknown) => {
            if (!(error instanceof PanError)) return response.destroy();
            response.end(JSON.stringify({ error: { ...error.body(), exit: error.exit } }));
          },
        );
    } else if (request.method === 'GET' && url.pathname === '/attend') {
      attending.add(response);
      response.flushHeaders();
      void asked.promise.then((questions) => {
        const leave = questions.attach();
        if (response.closed) leave();
        else response.on('close', leave);
      });
      response.on('close', () => attending.delete(response));
    } else response.writeHead(404).end();
  });
  await listenInDirectory(server, socketDir);
  return {
    deliver(event) {
      for (const listener of listeners) listener.write(frame(event));
    },
    onStop(handler) {
      stop = handler;
      if (stopAsked) handler(stopAsked);
    },
    onSteer: (handler) => steer.resolve(handler),
    serveQuestions: (questions) => asked.resolve(questions),
    async close() {
      for (const listener of [...listeners, ...attending]) listener.end();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 500).unref();
      });
    },
  };
}

async function readBody<T>(request: http.IncomingMessage): Promise<T> {
  request.setEncoding('utf8');
  let body = '';
  for await (const chunk of request) body += chunk;
  return JSON.parse(body) as T;
}

function frame(event: JournalEvent): string {
  return `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`;
}
