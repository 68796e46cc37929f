/**
 * The shim's own socket: `GET /events?from=SEQ` streams the journal as server-sent events, `POST /stop` stops the run,
 * `POST /steer` tells its agent something.
 */
import http from 'node:http';
import type { StopWhy } from '../../control/run.ts';
import { listenInDirectory } from '../../drivers/socket.ts';
import { readJournal } from '../../drivers/store/journal.ts';
import type { JournalEvent } from '../../protocol/event.ts';

export interface ShimServer {
  deliver(event: JournalEvent): void;
  onStop(handler: (why: StopWhy) => void): void;
  /** `handler` gives why the agent cannot be told, or null. */
  onSteer(handler: (text: string) => Promise<string | null>): void;
  close(): Promise<void>;
}

export async function serveShim(socketDir: string, journal: string): Promise<ShimServer> {
  const listeners = new Set<http.ServerResponse>();
  let stop: ((why: StopWhy) => void) | null = null;
  let stopAsked: StopWhy | null = null;
  const steer = Promise.withResolvers<(text: string) => Promise<string | null>>();
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
      void readText(request)
        .then(async (text) => (await steer.promise)(text))
        .then((refused) => response.end(JSON.stringify({ refused })))
        .catch(() => response.destroy());
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
    async close() {
      for (const listener of listeners) listener.end();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 500).unref();
      });
    },
  };
}

async function readText(request: http.IncomingMessage): Promise<string> {
  request.setEncoding('utf8');
  let body = '';
  for await (const chunk of request) body += chunk;
  return (JSON.parse(body) as { text: string }).text;
}

function frame(event: JournalEvent): string {
  return `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`;
}
