/** The shim's own socket: `GET /events?from=SEQ` streams the journal as server-sent events, `POST /stop?why=…` stops the run. */
import http from 'node:http';
import { listenInDirectory } from '../../drivers/socket.ts';
import { readJournal } from '../../drivers/store/journal.ts';
import type { JournalEvent } from '../../protocol/event.ts';

export type StopWhy = 'user' | 'timeout' | 'budget';

export interface ShimServer {
  deliver(event: JournalEvent): void;
  onStop(handler: (why: StopWhy) => void): void;
  close(): Promise<void>;
}

export async function serveShim(socketDir: string, journal: string): Promise<ShimServer> {
  const listeners = new Set<http.ServerResponse>();
  let stop: ((why: StopWhy) => void) | null = null;
  let stopAsked: StopWhy | null = null;
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

function frame(event: JournalEvent): string {
  return `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`;
}
