/** The daemon's HTTP face on its unix socket. Bodies are checked here, at the edge; what they mean is decided in control/. */
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { z } from 'zod';
import type { Plane } from '../../control/plane.ts';
import { ApplyRequest, ClientContext, DispatchRequest } from '../../protocol/api.ts';
import { EXIT, PanError } from '../../protocol/error.ts';
import { VERSION } from '../version.ts';

export function createApi(plane: Plane, stop: () => void): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header('x-pancode-version', VERSION);
  });
  app.onError((error, c) => {
    const known = error instanceof PanError;
    if (!known) plane.log(`bug: ${error.stack ?? error.message}`);
    const body = known
      ? { ...error.body(), exit: error.exit }
      : {
          code: 'bug',
          what: `PanCode failed: ${error.message}.`,
          do: 'Run the command again; if it stays, report it with the daemon log.',
          exit: EXIT.failed,
        };
    c.header('x-pancode-version', VERSION);
    return c.json({ error: body }, known ? 422 : 500);
  });
  const body = async <T extends z.ZodType>(request: { json(): Promise<unknown> }, schema: T): Promise<z.infer<T>> => {
    const parsed = schema.safeParse(await request.json().catch(() => null));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new PanError(
      'bad-request',
      `The request is not valid: ${issue?.path.join('.')} ${issue?.message}.`,
      'Use the pancode command of the same version as the daemon.',
    );
  };

  app.get('/v1/hello', (c) => c.json({ version: VERSION, pid: process.pid, live: plane.dispatches.list().length }));
  app.post('/v1/stop', async (c) => {
    if (c.req.query('workers') === '1') await plane.cancelAll();
    setTimeout(stop, 10);
    return c.json({ stopping: true });
  });
  app.post('/v1/dispatches', async (c) => c.json(await plane.dispatch(await body(c.req, DispatchRequest))));
  app.get('/v1/resolve/:id', (c) => c.json({ id: plane.resolve(c.req.param('id')) }));
  app.get('/v1/dispatches', (c) => c.json({ dispatches: plane.dispatches.list() }));
  app.post('/v1/dispatches/:id/events', async (c) => {
    const client = await body(c.req, ClientContext);
    plane.dispatches.bringKeys(client.keys);
    const id = plane.resolve(c.req.param('id'));
    const from = Number(c.req.query('from') ?? 1);
    const events = plane.dispatches.stream(id, from, c.req.raw.signal);
    const first = await events.next();
    return streamSSE(c, async (stream) => {
      for (let next = first; !next.done; next = await events.next())
        await stream.writeSSE({
          id: 'seq' in next.value ? String(next.value.seq) : '',
          data: JSON.stringify(next.value),
        });
    });
  });
  app.post('/v1/dispatches/:id/cancel', async (c) =>
    c.json(await plane.dispatches.cancel(plane.resolve(c.req.param('id')))),
  );
  app.post('/v1/cancel-all', async (c) => c.json({ cancelled: await plane.cancelAll() }));
  app.post('/v1/dispatches/:id/diff', async (c) =>
    c.json(await plane.diff(plane.resolve(c.req.param('id')), await body(c.req, ClientContext))),
  );
  app.post('/v1/dispatches/:id/apply', async (c) =>
    c.json(await plane.apply(plane.resolve(c.req.param('id')), await body(c.req, ApplyRequest))),
  );
  app.post('/v1/dispatches/:id/undo', async (c) =>
    c.json(await plane.undo(plane.resolve(c.req.param('id')), await body(c.req, ClientContext))),
  );
  app.get('/v1/receipts', (c) => c.json({ receipts: plane.receipts(c.req.query()) }));
  app.get('/v1/receipts/:id', (c) => c.json(plane.receipt(plane.resolve(c.req.param('id')))));
  app.post('/v1/receipts-verify', (c) => c.json(plane.verifyReceipts()));
  app.post('/v1/receipts-rebuild', (c) => c.json(plane.rebuildReceipts()));
  app.post('/v1/fleet', async (c) =>
    c.json(await plane.fleet(await body(c.req, ClientContext), c.req.query('refresh') === '1')),
  );
  return app;
}
