import { once } from 'node:events';
import { createServer, IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Metrics } from '../observability/metrics.ts';
import { answerOneAtATime, type Connection, type OneAnswerOptions } from './one-answer.ts';

/** More than the kernel holds for a connection, so that most of it waits in this process. */
const LARGE = Buffer.alloc(64 * 1024 * 1024);
const GET = 'GET /large HTTP/1.1\r\nHost: x\r\n\r\n';
const QUICK = {
  pipelinedRequestsMax: 4,
  readingCheckMs: 20,
  readingWindowMs: 200,
  readingBytesPerS: 1024 * 1024,
};

/** Nothing but a breach of another rule ends the connection. */
const PATIENT = { ...QUICK, readingWindowMs: 600_000 };

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** `/large` is answered with LARGE, other paths with their own name, after a moment. */
async function start(options: Partial<OneAnswerOptions> = {}) {
  const begun: string[] = [];
  const parsed: unknown[] = [];
  class Counted extends IncomingMessage {
    constructor(socket: Socket) {
      super(socket);
      parsed.push(socket);
    }
  }
  const server = createServer({ IncomingMessage: Counted }, (request, response) => {
    const { url = '' } = request;
    begun.push(url);
    if (url === '/large') response.end(LARGE);
    else setTimeout(() => response.end(url), 5);
  });
  server.on('upgrade', () => begun.push('upgrade'));
  servers.push(server);
  answerOneAtATime(server, {
    limits: QUICK,
    metrics: new Metrics(),
    accept: () => ({ address: 'a' }),
    begin: (_connection, handle) => handle(),
    beginUpgrade: () => true,
    overWaiting: () => [],
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const open = async (): Promise<Socket> => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  const connectionCount = async () =>
    new Promise<number>((resolve) => {
      server.getConnections((_error, count) => resolve(count));
    });
  /** ms until the server has no connection. @throws after 20 s, which only a test that hangs reaches */
  const closedAfter = async (): Promise<number> => {
    const begin = performance.now();
    while ((await connectionCount()) > 0) {
      if (performance.now() - begin > 20_000) throw new Error('the connection stays open');
      await delay(10);
    }
    return performance.now() - begin;
  };
  return { begun, parsed, open, closedAfter, connectionCount };
}

describe('LIMIT-10 one answer at a time', () => {
  it('pipelined requests are answered in order, one after another', async () => {
    const { open, begun } = await start({ limits: PATIENT });
    const socket = await open();
    socket.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.write('GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await delay(2);
    expect(begun.length).toBeLessThanOrEqual(1);
    let text = '';
    for await (const data of socket) text += String(data);
    expect(text.match(/\/\d(?!\.)/g)).toEqual(['/1', '/2', '/3']);
  });

  it('a client that pipelines more is cut, and none of its further requests is handled', async () => {
    const { open, begun, closedAfter } = await start({ limits: PATIENT });
    const socket = await open();
    socket.write(GET.repeat(8));
    await closedAfter();
    expect(begun).toEqual(['/large']);
  });

  it.each([
    ['plain', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['without a host', 'GET / HTTP/1.1\r\n\r\n'],
    ['with a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}'],
    ['with chunks', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['with an expectation', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n'],
  ])('requests %s that can never be answered are not even parsed', async (_what, text) => {
    const { open, begun, parsed, closedAfter } = await start({ limits: PATIENT });
    for (const early of ['', text]) {
      const socket = await open();
      if (early) socket.write(early);
      await delay(20);
      socket.write(text.repeat(1_500));
      await closedAfter();
    }
    expect(parsed.length).toBeLessThanOrEqual(2 + 2 * (1 + PATIENT.pipelinedRequestsMax));
    expect(begun.length).toBeLessThanOrEqual(2);
  });

  it('a body may be long, and may come in pieces', async () => {
    const { open, begun } = await start({ limits: PATIENT });
    const socket = await open();
    const body = 'x\r\n\r\n'.repeat(8);
    socket.write(`POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length + 60_000}\r\n\r\n`);
    for (let i = 0; i < 6; i += 1) socket.write('y'.repeat(10_000));
    await delay(20);
    socket.write(`${body}GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await once(socket.resume(), 'end');
    expect(begun).toEqual(['/1', '/2']);
  });

  it('requests that wait are dropped when the connection goes', async () => {
    const { open, begun, closedAfter } = await start({ limits: PATIENT });
    const socket = await open();
    socket.write(GET.repeat(4));
    await delay(50);
    socket.destroy();
    await closedAfter();
    await delay(50);
    expect(begun).toEqual(['/large']);
  });

  it('an expectation that Node answers itself counts as a request', async () => {
    const { open, begun, closedAfter } = await start({ limits: PATIENT });
    const socket = await open();
    socket.write(GET + 'GET /e HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n'.repeat(6));
    await closedAfter();
    expect(begun).toEqual(['/large']);
  });

  it('an upgrade behind an unfinished answer ends the connection', async () => {
    const server = await start({ limits: PATIENT });
    const socket = await server.open();
    socket.write(`${GET}GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`);
    await server.closedAfter();
    expect(server.begun).toEqual(['/large']);
  });
});

describe('LIMIT-10 a client must read', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['nothing', () => undefined],
    ['nothing and has closed its side', (socket) => socket.end()],
    [
      'a little from time to time',
      (socket) => {
        const timer = setInterval(() => socket.read(1), 50);
        socket.once('close', () => clearInterval(timer));
        socket.on('readable', () => undefined);
      },
    ],
  ])('one that reads %s is cut after the window', async (_what, act) => {
    const { open, closedAfter } = await start();
    const socket = await open();
    socket.write(GET);
    act(socket);
    expect(await closedAfter()).toBeGreaterThan(100);
  });

  it('one that read well and then stops is cut as well', async () => {
    const { open, connectionCount, closedAfter } = await start();
    const socket = await open();
    let read = 0;
    socket.on('data', (data) => {
      read += data.length;
      if (read > LARGE.length / 4) socket.pause();
    });
    socket.write(GET);
    await delay(100);
    expect(await connectionCount()).toBe(1);
    await closedAfter();
  });

  it('one that reads slowly, but steadily, gets all of it', async () => {
    const { open } = await start({ limits: { ...QUICK, readingBytesPerS: 64 * 1024 } });
    const socket = await open();
    socket.write(GET);
    let read = 0;
    for await (const data of socket) {
      read += (data as Buffer).length;
      if (read >= LARGE.length) break;
      // About 40 MB/s: the answer takes several windows.
      if (read % (1024 * 1024) < 65_536) await delay(20);
    }
    expect(read).toBeGreaterThanOrEqual(LARGE.length);
  });

  it('connections of which too much waits for one address are cut at once', async () => {
    const seen: number[] = [];
    const { open, closedAfter } = await start({
      limits: PATIENT,
      overWaiting: (connections: Iterable<Connection>) => {
        const over = [...connections];
        seen.push(...over.map(({ waiting }) => waiting));
        return over;
      },
    });
    const socket = await open();
    socket.write(GET);
    await closedAfter();
    expect(Math.max(...seen)).toBeGreaterThan(1024 * 1024);
  });
});
