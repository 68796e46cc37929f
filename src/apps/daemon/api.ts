/** What the daemon can be asked on its socket. Bodies are checked here, at the edge; what they mean is decided in control/. */
import type * as z from 'zod';
import type { Plane } from '../../control/plane.ts';
import { ApplyRequest, ClientContext, DispatchRequest } from '../../protocol/api.ts';
import { PanError } from '../../protocol/error.ts';
import { VERSION } from '../version.ts';
import { type Call, EventStream, type Handler } from './http.ts';

/** The client gets its answer before the socket closes, ms. */
const STOP_MS = 10;

export function createApi(plane: Plane, stop: () => void): Record<string, Handler> {
  const { dispatches } = plane;
  const idOf = (call: Call): string => plane.resolve(call.id);
  const clientOf = (call: Call): Promise<ClientContext> => body(call, ClientContext);
  return {
    'GET /v1/hello': () => ({ version: VERSION, pid: process.pid, live: dispatches.list().length }),
    'POST /v1/stop': async ({ query }) => {
      if (query.workers === '1') await plane.cancelAll();
      setTimeout(stop, STOP_MS);
      return { stopping: true };
    },
    'GET /v1/dispatches': () => ({ dispatches: dispatches.list() }),
    'POST /v1/dispatches': async (call) => plane.dispatch(await body(call, DispatchRequest), call.signal),
    'GET /v1/resolve/:id': (call) => ({ id: idOf(call) }),
    'POST /v1/dispatches/:id/events': async (call) => {
      const client = await clientOf(call);
      dispatches.bringKeys(client.keys);
      const events = dispatches.stream(idOf(call), Number(call.query.from ?? 1), call.signal);
      // A dispatch that is not there is refused before the stream begins.
      return new EventStream(startedWith(await events.next(), events));
    },
    'POST /v1/dispatches/:id/cancel': (call) => plane.cancel(call.id),
    'POST /v1/cancel-all': async () => ({ cancelled: await plane.cancelAll() }),
    'POST /v1/dispatches/:id/diff': async (call) => plane.diff(idOf(call), await clientOf(call)),
    'POST /v1/dispatches/:id/apply': async (call) => plane.apply(idOf(call), await body(call, ApplyRequest)),
    'POST /v1/dispatches/:id/undo': async (call) => plane.undo(idOf(call), await clientOf(call)),
    'GET /v1/receipts': ({ query }) => ({ receipts: plane.receipts(query) }),
    'GET /v1/receipts/:id': (call) => plane.receipt(idOf(call)),
    'POST /v1/receipts-verify': () => plane.verifyReceipts(),
    'POST /v1/receipts-rebuild': () => plane.rebuildReceipts(),
    'POST /v1/fleet': async (call) => plane.fleet(await clientOf(call), call.query.refresh === '1'),
  };
}

async function* startedWith<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

async function body<T extends z.ZodType>(call: Call, schema: T): Promise<z.infer<T>> {
  const parsed = schema.safeParse(await call.body());
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new PanError(
    'bad-request',
    `The request is not valid: ${issue?.path.join('.')} ${issue?.message}.`,
    'Use the pancode command of the same version as the daemon.',
  );
}
