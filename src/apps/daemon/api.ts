/** What the daemon can be asked on its socket. Bodies are checked here, at the edge; what they mean is decided in control/. */
import type * as z from 'zod';
import type { Plane } from '../../control/plane.ts';
import { ApplyRequest, ClientContext, DispatchRequest, ImportRequest, SendRequest } from '../../protocol/api.ts';
import { PanError } from '../../protocol/error.ts';
import { AnswerRequest } from '../../protocol/question.ts';
import { VERSION } from '../version.ts';
import { type Call, EventStream, type Handler } from './http.ts';

/** The client gets its answer before the socket closes, ms. */
const STOP_MS = 10;

export function createApi(plane: Plane, stop: () => void): Record<string, Handler> {
  const { dispatches, views } = plane;
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
      if (call.query.answers === '1') call.signal.addEventListener('abort', plane.attach(idOf(call)), { once: true });
      const events = dispatches.stream(idOf(call), Number(call.query.from ?? 1), call.signal);
      // A dispatch that is not there is refused before the stream begins.
      return new EventStream(startedWith(await events.next(), events));
    },
    'POST /v1/dispatches/:id/cancel': (call) => plane.cancel(call.id),
    'POST /v1/cancel-all': async () => ({ cancelled: await plane.cancelAll() }),
    'POST /v1/dispatches/:id/diff': async (call) => plane.diff(idOf(call), await clientOf(call)),
    'POST /v1/dispatches/:id/apply': async (call) => plane.apply(idOf(call), await body(call, ApplyRequest)),
    'POST /v1/dispatches/:id/undo': async (call) => plane.undo(idOf(call), await clientOf(call)),
    'POST /v1/dispatches/:id/discard': async (call) => plane.discard(idOf(call), await clientOf(call)),
    'POST /v1/prune': async (call) => plane.prune(await clientOf(call), call.query['dry-run'] === '1'),
    'POST /v1/dispatches/:id/send': async (call) => plane.send(call.id, (await body(call, SendRequest)).text),
    'GET /v1/questions': () => ({ questions: plane.questions() }),
    'POST /v1/answers-forget': async (call) => plane.forgetAnswers(await clientOf(call)),
    'POST /v1/questions/:id/answer': async (call) => plane.answer(call.id, await body(call, AnswerRequest)),
    'GET /v1/receipts': async ({ query }) => ({ receipts: await plane.receipts(query) }),
    'GET /v1/receipts/:id': (call) => plane.receipt(idOf(call)),
    'GET /v1/receipt-names': () => plane.receiptNames(),
    'GET /v1/costs': ({ query }) => plane.costs(query),
    'POST /v1/receipts-import': async (call) => plane.importReceipts(await body(call, ImportRequest)),
    'POST /v1/receipts-rebuild': () => plane.rebuildReceipts(),
    'POST /v1/fleet': async (call) => views.fleet(await clientOf(call), call.query.refresh === '1'),
    'POST /v1/models': async (call) => ({ models: await views.models(await clientOf(call)) }),
    'POST /v1/boot': async (call) => views.boot(await clientOf(call)),
    'POST /v1/cordons/:id/add': async (call) => views.cordon(await clientOf(call), call.id),
    'POST /v1/cordons/:id/remove': (call) => views.uncordon(call.id),
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
