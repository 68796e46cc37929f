/** A daemon that still reads its receipts: it says who it is and how far it has come, and can be stopped. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createListener } from '../../src/apps/daemon/http.ts';
import { createIndexingApi } from '../../src/apps/daemon/indexing.ts';
import { VERSION } from '../../src/apps/version.ts';

// The build puts it there.
vi.hoisted(() => Object.assign(globalThis, { PANCODE_VERSION: '0.0.0' }));

it('answers everything else with how far it is', async () => {
  let share = 0;
  const stopped = Promise.withResolvers<void>();
  const { routes, notYet } = createIndexingApi(() => share, stopped.resolve);
  const server = createServer(createListener(routes, () => {}, notYet)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const ask = async (method: string, path: string) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
    const answer = await fetch(url, { method, headers: { 'x-pancode-version': VERSION, connection: 'close' } });
    return { status: answer.status, value: (await answer.json()) as { error?: { code: string; what: string } } };
  };
  expect(await ask('GET', '/v1/hello')).toMatchObject({ status: 200, value: { version: VERSION, pid: process.pid } });
  share = 0.349;
  for (const [method, path] of [
    ['GET', '/v1/receipts?limit=50'],
    ['POST', '/v1/dispatches'],
    ['POST', '/v1/stop?workers=1'],
  ] as const)
    expect(await ask(method, path)).toMatchObject({
      status: 422,
      value: { error: { code: 'indexing', what: expect.stringContaining('34 %'), exit: 1 } },
    });
  expect(await ask('POST', '/v1/stop')).toMatchObject({ status: 200, value: { stopping: true } });
  await stopped.promise;
});
