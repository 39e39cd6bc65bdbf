/**
 * node http-attacks.ts <attack> <url>
 * Attacks by HTTP from one address: answers that nobody reads, and floods.
 */
import { Agent, type OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { JOIN_PATH } from '#protocol/signalling.ts';
import { httpRequest } from '#testkit/http.ts';
import {
  ATTACKER,
  type Attempt,
  closed,
  connection,
  type Program,
  requestText,
  runProgram,
} from './program.ts';

const PIPELINED = 1_500;
const UNREAD_PAGES = 40;
const UNREAD_CONNECTIONS = 12_000;
const CONNECTIONS_PER_S = 1_500;
const TICK_MS = 20;
/** Of a flood: each sends its next request when it has the answer to the one before. */
const FLOOD_CONNECTIONS = 50;

/** The page's main script. */
async function assetPath({ url }: Attempt): Promise<string> {
  const { body } = await httpRequest(url.origin, '/join');
  return /src="(\/assets\/[^"]+\.js)"/.exec(body.toString())?.[1] ?? '/favicon.svg';
}

/** 1,500 pipelined requests on a connection that then goes away; twice a second. */
const pipelinedAssets: Program = async (attempt) => {
  const text = requestText(attempt, await assetPath(attempt)).repeat(PIPELINED);
  while (!attempt.signal.aborted) {
    const socket = connection(attempt);
    attempt.count('requests', PIPELINED);
    socket.write(text);
    await delay(400);
    socket.destroy();
    await delay(100);
  }
};

/** The same on connections that stay, and read nothing. */
const unreadPages: Program = async (attempt) => {
  const text = requestText(attempt, '/publish').repeat(PIPELINED);
  for (let i = 0; i < UNREAD_PAGES && !attempt.signal.aborted; i += 1) {
    connection(attempt).write(text);
    attempt.count('requests', PIPELINED);
    await delay(150);
  }
};

/** One request on each of very many connections that read nothing. */
const unreadConnections: Program = async (attempt) => {
  const text = requestText(attempt, await assetPath(attempt));
  for (let opened = 0; opened < UNREAD_CONNECTIONS && !attempt.signal.aborted; ) {
    for (let i = 0; i < (CONNECTIONS_PER_S * TICK_MS) / 1_000; i += 1, opened += 1) {
      connection(attempt).write(text);
    }
    await delay(TICK_MS);
  }
};

interface Flooding {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Requests over connections that are kept open, as long as the server allows. */
const flood =
  ({ path, method = 'GET', headers = {}, body = '' }: Flooding): Program =>
  async (attempt) => {
    const { url, signal, count } = attempt;
    const agent = new Agent({
      keepAlive: true,
      maxSockets: FLOOD_CONNECTIONS,
      localAddress: ATTACKER,
    });
    const length: OutgoingHttpHeaders = { 'Content-Length': String(Buffer.byteLength(body)) };
    const requests = { agent, method, signal, body, headers: { ...headers, ...length } as never };
    const loop = async () => {
      while (!signal.aborted) {
        count('requests');
        await httpRequest(url.origin, path, requests).then(
          ({ status }) => count(`status ${status}`),
          () => count('resets'),
        );
      }
    };
    await Promise.all(Array.from({ length: FLOOD_CONNECTIONS }, loop));
    agent.destroy();
  };

/** Each connection sends one request and goes away without reading. */
const floodConnections: Program = async (attempt) => {
  const text = requestText(attempt, '/publish');
  const loop = async () => {
    while (!attempt.signal.aborted) {
      const socket = connection(attempt);
      socket.write(text, () => socket.destroy());
      await closed(socket);
    }
  };
  await Promise.all(Array.from({ length: FLOOD_CONNECTIONS }, loop));
};

const JSON_BODY = { 'Content-Type': 'application/json' };

await runProgram({
  'pipelined-assets': pipelinedAssets,
  'unread-pages': unreadPages,
  'unread-connections': unreadConnections,
  'flood-pages': flood({ path: '/publish' }),
  'flood-joins': flood({ path: JOIN_PATH, method: 'POST', headers: JSON_BODY, body: '{}' }),
  'flood-overlay': flood({
    path: '/api/rooms/innocent/overlay',
    method: 'POST',
    headers: { ...JSON_BODY, Authorization: `Bearer ${'x'.repeat(43)}` },
    body: '{"messages":[]}',
  }),
  'flood-connections': floodConnections,
});
