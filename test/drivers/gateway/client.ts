/** A gateway under test with what it reported, and a client that speaks to its socket as an agent would through the relay. */
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { afterEach } from 'vitest';
import { type Gateway, type GatewayOptions, startGateway } from '../../../src/drivers/gateway/server.ts';
import { socketAddress } from '../../../src/drivers/socket.ts';
import type { MeteredRequest } from '../../../src/protocol/usage.ts';
import type { Wire } from '../../../src/protocol/words.ts';

export const KEY = 'sk-real-key-canary-0123456789';
export const TOKEN = 'pct-token-canary-9876543210';

export interface TestGateway extends Gateway {
  dir: string;
  started: { n: number; path: string }[];
  finished: MeteredRequest[];
}
export interface Answered {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** False where the connection broke before the answer's end. */
  whole: boolean;
}

const running = new Set<Gateway>();
afterEach(async () => {
  await Promise.all([...running].map((gateway) => gateway.close()));
  running.clear();
});

export async function gatewayTo(
  baseUrl: string,
  wire: Wire,
  dir: string,
  change: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const started: TestGateway['started'] = [];
  const finished: MeteredRequest[] = [];
  const gateway = await startGateway({
    socketDir: dir,
    listenTcp: false,
    upstream: { wire, baseUrl, apiKeyEnv: 'KEY', billing: 'api' },
    apiKey: KEY,
    token: TOKEN,
    model: 'worker-model',
    refuse: () => null,
    onRequest: (n, requestPath) => started.push({ n, path: requestPath }),
    onFinished: (request) => finished.push(request),
    ...change,
  });
  running.add(gateway);
  return { ...gateway, dir, started, finished };
}

export interface Asking {
  method?: string;
  path?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string | Buffer | null;
  agent?: http.Agent;
}

/** Sends a request with the token and resolves once the answer begins; `body` reads it to its end. */
export function begin(gateway: TestGateway, asking: Asking = {}): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { address, close } = socketAddress(gateway.dir);
    const target = gateway.port === null ? { socketPath: address } : { host: '127.0.0.1', port: gateway.port };
    const request = http.request({
      ...target,
      method: asking.method ?? 'POST',
      path: asking.path ?? '/v1/messages',
      headers: { 'x-api-key': TOKEN, 'content-type': 'application/json', ...asking.headers },
      agent: asking.agent ?? false,
    });
    request.on('error', reject);
    request.on('response', resolve);
    request.on('close', close);
    const { body = '{"model":"claude-sonnet-5","stream":true}' } = asking;
    request.end(body ?? undefined);
  });
}

export async function readAll(response: http.IncomingMessage): Promise<Answered> {
  const chunks: Buffer[] = [];
  let whole = true;
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch {
    whole = false; // the connection broke: `whole` says so
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: Buffer.concat(chunks).toString('utf8'),
    whole,
  };
}

export const ask = async (gateway: TestGateway, asking: Asking = {}): Promise<Answered> =>
  readAll(await begin(gateway, asking));

/** Writes bytes to the socket as they are and reads until the other side closes. */
export function raw(gateway: TestGateway, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path.join(gateway.dir, 'sock'));
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    socket.on('close', () => resolve(heard));
    socket.on('error', reject);
    socket.write(text);
  });
}

/** Waits for something that other processes or sockets bring about. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
