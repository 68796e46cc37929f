/** A model service over HTTPS: the certificate is checked, and a kept connection spares the handshake. */
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { messagesStream } from '../../core/meter/answers.ts';
import { pose } from '../../fixtures/http-server.ts';
import { certificate, privateKey } from '../../fixtures/loopback-certificate.ts';
import { tempDir } from '../../fixtures/temp.ts';
import { ask, gatewayTo } from './client.ts';

const dir = tempDir();

async function secureServer(): Promise<{ url: string; connections(): number }> {
  let connections = 0;
  const server = https.createServer({ cert: certificate, key: privateKey }, (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(messagesStream());
  });
  server.on('secureConnection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections };
}

test('a certificate nobody vouches for is refused, and the reason says so', async () => {
  const server = await secureServer();
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  expect((await ask(gateway)).status).toBe(502);
  expect(gateway.finished[0]).toMatchObject({ status: null, grade: 'unknown' });
  expect(gateway.finished[0]!.error).toMatch(
    /^The model server cannot be reached: its TLS certificate is not accepted \(.+\)\.$/,
  );
  expect(server.connections()).toBe(0);
});

test('a good certificate is accepted, and one connection serves request after request', async () => {
  const before = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...before, certificate]);
  onTestFinished(() => tls.setDefaultCACertificates(before));
  const server = await secureServer();
  const gateway = await gatewayTo(server.url, 'anthropic-messages', dir);
  for (let i = 0; i < 3; i += 1) expect((await ask(gateway)).text).toBe(messagesStream());
  expect(gateway.finished.map((request) => request.grade)).toEqual(['measured', 'measured', 'measured']);
  expect(server.connections()).toBe(1);
});

test('a server that speaks no TLS', async () => {
  const plain = await pose((_request, response) => void response.end());
  const gateway = await gatewayTo(plain.url.replace('http:', 'https:'), 'anthropic-messages', dir);
  expect((await ask(gateway)).status).toBe(502);
  expect(gateway.finished[0]!.error).toMatch(/^The model server cannot be reached: .+\.$/);
});
