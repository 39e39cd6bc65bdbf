/** What one address may cost the server, over HTTP and over sockets. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, test } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { JOIN_PATH } from '#protocol/signalling.ts';
import { httpRequest } from '#testkit/http.ts';
import { growthPerRound, heapAfterCollection } from '#testkit/memory.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { RawSocket } from '#testkit/signalling/raw-socket.ts';
import { broadcast, claim, join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

/** The attacker's address; everybody else has 127.0.0.1. */
const ATTACKER = '127.0.0.66';
const HOST = 'Host: localhost\r\n';

const opened: Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** A connection that is never read. */
async function openUnread(url: string, localAddress = ATTACKER): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), localAddress, allowHalfOpen: true });
  opened.push(socket);
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
  return socket;
}

const descriptors = () => readdirSync('/proc/self/fd').length;
const joinBody = (room: string, requestId = 'a') =>
  JSON.stringify({ requestId, ...PROTOCOL, room, rtpCapabilities: chromium.rtpCapabilities });

function post(url: string, room: string, headers: Record<string, string> = {}, agent?: Agent) {
  const body = joinBody(room);
  return httpRequest(url, JOIN_PATH, {
    method: 'POST',
    body,
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      ...headers,
    },
    ...(agent && { agent }),
  });
}

async function codeOf(answer: ReturnType<typeof post>): Promise<string | undefined> {
  const { code } = JSON.parse((await answer).body.toString()) as { code?: string };
  return code;
}

const refusals = (server: InProcessServer) =>
  server.metric('onecast_refused_total{code="too-many"}');

describe.runIf(process.platform === 'linux')('LIMIT-10 answers that nobody reads', () => {
  const asset = async (url: string) => {
    const { body } = await httpRequest(url, '/join');
    return /src="(\/assets\/[^"]+\.js)"/.exec(body.toString())?.[1] ?? '';
  };
  const request = (line: string, more = '') => `${line} HTTP/1.1\r\n${HOST}${more}\r\n`;
  const PIPELINED: readonly [string, (path: string) => string][] = [
    ['GET of an asset', (path) => request(`GET ${path}`)],
    ['GET of a compressed asset', (path) => request(`GET ${path}`, 'Accept-Encoding: br\r\n')],
    ['GET of a range', (path) => request(`GET ${path}`, 'Range: bytes=0-99\r\n')],
    ['HEAD', (path) => request(`HEAD ${path}`)],
    ['GET of the icon', () => request('GET /favicon.svg')],
    ['GET of a page', () => request('GET /publish')],
    ['GET of nothing', () => request('GET /nowhere')],
    ['GET of Socket.IO', () => request('GET /socket.io/?EIO=4&transport=polling')],
    ['GET with an expectation', (path) => request(`GET ${path}`, 'Expect: more\r\n')],
    ['GET under another name', () => 'GET /publish HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    [
      'POST of a join',
      () =>
        `${request(`POST ${JOIN_PATH}`, 'Content-Type: application/json\r\nContent-Length: 2\r\n')}{}`,
    ],
  ];

  const server = sharedServer();

  test.each(PIPELINED)(
    '1,500 times a pipelined %s leave no descriptor and no memory',
    async (_what, requestFor) => {
      const text = requestFor(await asset(server.url)).repeat(1_500);
      const before = descriptors();
      const heap: number[] = [];
      for (let round = 0; round < 4; round += 1) {
        const [gone, halfClosed] = [await openUnread(server.url), await openUnread(server.url)];
        gone.write(text);
        halfClosed.end(text);
        await delay(40);
        expect(descriptors()).toBeLessThanOrEqual(before + 8);
        expect((await fetch(`${server.url}/join`)).status).toBe(200);
        gone.destroy();
        halfClosed.destroy();
        heap.push(heapAfterCollection());
      }
      await waitUntil('every descriptor is closed', () => descriptors() <= before + 2);
      // It was 160 kB for each request.
      expect(growthPerRound(heap)).toBeLessThan(1_000_000);
    },
  );
});

describe('LIMIT-9 connections of one address', () => {
  const FEW = { socketsPerAddressMax: 2, pageConnectionsPerAddressMax: 8 };
  const isOpen = (socket: Socket) => !socket.destroyed && !socket.closed;

  it('further connections are closed at once, and other addresses are served', async () => {
    await using server = await InProcessServer.start({ limits: FEW });
    const sockets: Socket[] = [];
    for (let i = 0; i < 60; i += 1) sockets.push(await openUnread(server.url));
    for (const socket of sockets) socket.resume();
    await waitUntil('the server has closed the rest', () => sockets.filter(isOpen).length <= 10);
    expect(sockets.filter(isOpen)).toHaveLength(10);
    expect(await refusals(server)).toBe(50);
    expect((await fetch(`${server.url}/join`)).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await waitUntil('the address is served again', async () => {
      const agent = new Agent({ localAddress: ATTACKER });
      return httpRequest(server.url, '/join', { agent }).then(
        ({ status }) => status === 200,
        () => false,
      );
    });
  });

  it('sockets and pages count together', async () => {
    await using server = await InProcessServer.start({ limits: FEW });
    const pages: Socket[] = [];
    for (let i = 0; i < 9; i += 1) pages.push(await openUnread(server.url, '127.0.0.1'));
    const client = await server.connect();
    await expect(SignalClient.connect(server.url)).rejects.toThrow('websocket error');
    pages[0]?.destroy();
    await delay(50);
    await server.connect();
    expect(client.connected).toBe(true);
  });

  it('connections that come too fast are not read, and close late; others are served', async () => {
    const limits = { pageConnectBurst: 0.2, pageConnectsPerS: 0, refusalDelayMs: 300 };
    await using server = await InProcessServer.start({
      limits: { socketsPerAddressMax: 50, ...limits },
    });
    const status = async (socket: Socket) => {
      socket.write(`GET /join HTTP/1.1\r\n${HOST}\r\n`);
      return new Promise<string>((resolve) => {
        socket.once('data', (data) => resolve(String(data).slice(9, 12)));
        socket.once('close', () => resolve('closed'));
      });
    };
    for (let i = 0; i < 10; i += 1) expect(await status(await openUnread(server.url))).toBe('200');
    const begun = performance.now();
    // Some send nothing, some a great deal, and some go away.
    const late = await Promise.all([1, 2, 3, 4].map(() => openUnread(server.url)));
    late[1]?.write(`POST ${JOIN_PATH} HTTP/1.1\r\n${HOST}Content-Length: 9000000\r\n\r\n`);
    late[1]?.write('x'.repeat(1_000_000));
    late[2]?.destroy();
    late[3]?.end();
    expect(await status(await openUnread(server.url))).toBe('closed');
    expect(performance.now() - begun).toBeGreaterThan(290);
    await waitUntil('all are closed', () => late.every((socket) => socket.destroyed));
    expect(await refusals(server)).toBe(5);
    expect((await fetch(`${server.url}/join`)).status).toBe(200);
  });

  it.each([
    ['counted as one client', { TRUST_PROXY: '1' }, 10],
    ['counted by its requests, if its address is known', { TRUST_PROXY: '127.0.0.66' }, 60],
  ])('what connects directly is a proxy %s', async (_what, env, openMax) => {
    await using server = await InProcessServer.start({ limits: FEW, env });
    // Requests that come through the proxy leave their connection free for further ones.
    const forwarded: Socket[] = [];
    for (let i = 0; i < 30; i += 1) {
      const socket = await openUnread(server.url);
      socket.write(`GET /join HTTP/1.1\r\n${HOST}X-Forwarded-For: 198.51.100.${i}\r\n\r\n`);
      await once(socket, 'data');
      forwarded.push(socket);
    }
    expect(forwarded.filter(isOpen)).toHaveLength(30);
    const idle: Socket[] = [];
    for (let i = 0; i < 60; i += 1) idle.push(await openUnread(server.url));
    for (const socket of idle) socket.resume();
    await waitUntil('the rest is closed', () => idle.filter(isOpen).length <= openMax);
    await delay(50);
    expect(idle.filter(isOpen)).toHaveLength(openMax);
  });

  it('a class behind one address opens 200 pages at once, and every file arrives', async () => {
    const limits = Object.fromEntries(
      Object.entries(LIMITS).filter(([name]) => name.endsWith('PerAddressMax')),
    );
    await using server = await InProcessServer.start({ limits });
    const { body } = await httpRequest(server.url, '/join');
    const files = [...body.toString().matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(
      ([, path]) => path,
    );
    expect(files.length).toBeGreaterThan(3);
    const headers = { 'Accept-Encoding': 'br' };
    const open = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 6, localAddress: ATTACKER });
      const get = async (path = '/') =>
        (await httpRequest(server.url, path, { agent, headers })).status;
      const statuses = [await get('/join'), ...(await Promise.all(files.map(get)))];
      agent.destroy();
      return statuses;
    };
    const all = (await Promise.all(Array.from({ length: 200 }, open))).flat();
    expect(all.filter((status) => status !== 200)).toEqual([]);
  });

  it('behind a proxy, requests in progress count by forwarded address, and networks of IPv6 by tiers', async () => {
    await using server = await InProcessServer.start({
      limits: FEW,
      env: { TRUST_PROXY: '127.0.0.1' },
    });
    // The proxy's own connections are not limited.
    const hold = async (forwarded: string) => {
      const socket = await openUnread(server.url, '127.0.0.1');
      socket.write(
        `POST ${JOIN_PATH} HTTP/1.1\r\n${HOST}X-Forwarded-For: ${forwarded}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n`,
      );
      return socket;
    };
    const status = async (forwarded: string) =>
      (await httpRequest(server.url, '/join', { headers: { 'X-Forwarded-For': forwarded } }))
        .status;
    for (let i = 0; i < 10; i += 1) await hold('198.51.100.1');
    for (let i = 0; i < 40; i += 1) await hold(`2001:db8:7:${(i * 256).toString(16)}::1`);
    await waitUntil('all are counted', async () => (await status('198.51.100.1')) === 429);
    expect(await status('198.51.100.2')).toBe(200);
    expect(await status('2001:db8:7:ffff::1')).toBe(429);
    expect(await status('2001:db8:8::1')).toBe(200);
  });
});

describe('LIMIT-9 requests of one address', () => {
  const FEW = { socketsPerAddressMax: 50, pageRequestBurst: 1, pageRequestsPerS: 0 };
  const agent = () => new Agent({ localAddress: ATTACKER });

  test.each([['/join'], ['/nowhere'], ['/healthz'], ['/api/rooms/studio/overlay'], [JOIN_PATH]])(
    '%s is refused late and without a line in the log, and the connection closes',
    async (path) => {
      const logRecords: string[] = [];
      await using server = await InProcessServer.start({
        limits: { ...FEW, refusalDelayMs: 200 },
        env: { LOG_LEVEL: 'debug' },
        logRecords,
      });
      for (let i = 0; i < 50; i += 1) await httpRequest(server.url, '/join', { agent: agent() });
      const lines = logRecords.length;
      const begun = performance.now();
      const method = path.startsWith('/api') ? 'POST' : 'GET';
      const { status, headers } = await httpRequest(server.url, path, { agent: agent(), method });
      expect([status, headers.connection, headers['retry-after']]).toEqual([429, 'close', '1']);
      expect(performance.now() - begun).toBeGreaterThan(190);
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(logRecords).toHaveLength(lines);
      // A websocket of that address is not even answered.
      await expect(
        httpRequest(server.url, '/socket.io/?EIO=4&transport=websocket', {
          agent: agent(),
          headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
        }),
      ).rejects.toThrow('ECONNRESET');
      expect((await fetch(`${server.url}/join`)).status).toBe(200);
    },
  );
});

describe('LIMIT-9 sessions, messages and answers of one address', () => {
  it('sessions count by HTTP and over all sockets together; the refusal comes before the body', async () => {
    await using server = await InProcessServer.start({ limits: { connectsPerAddressMax: 6 } });
    const clients = await server.connectMany(3);
    await join(clients[0], 'room-a');
    await join(clients[0], 'room-a');
    await claim(clients[1], 'room-b');
    for (let i = 0; i < 3; i += 1) expect(await codeOf(post(server.url, 'room-c'))).toBeUndefined();
    const request = { ...PROTOCOL, room: 'room-d', rtpCapabilities: chromium.rtpCapabilities };
    expect(await clients[2].errorCode('join', request)).toBe('too-many');
    expect(await clients[2].errorCode('publish', { ...PROTOCOL, room: 'e' })).not.toBeUndefined();
    expect(await codeOf(post(server.url, 'room-c'))).toBe('too-many');
    const { status } = await httpRequest(server.url, JOIN_PATH, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Length': '1' },
      body: '{',
    });
    expect(status).toBe(429);
    // Another address is not affected.
    const agent = new Agent({ localAddress: ATTACKER });
    expect(await codeOf(post(server.url, 'room-c', {}, agent))).toBeUndefined();
  });

  it('messages of all sockets of an address count together', async () => {
    await using server = await InProcessServer.start({
      limits: { socketsPerAddressMax: 50, pageMessageBurst: 0.4, pageMessagesPerS: 0 },
    });
    const clients = await server.connectMany(5);
    const codes = await Promise.all(clients.map((client) => client.errorCode('renewTransport')));
    const more = await Promise.all(
      clients.flatMap((client) => [1, 2, 3].map(() => client.errorCode('renewTransport'))),
    );
    const refused = [...codes, ...more].filter((code) => code === 'too-many');
    expect(refused).toHaveLength(0);
    expect(await clients[0].errorCode('renewTransport')).toBe('too-many');
    expect(await clients[4].errorCode('renewTransport')).toBe('too-many');
  });

  it('the bytes of answers count, over sockets and by HTTP', async () => {
    const limits = { socketsPerAddressMax: 50, pageAnswerBurstBytes: 20, pageAnswerBytesPerS: 0 };
    await using server = await InProcessServer.start({ limits: { ...limits, refusalDelayMs: 10 } });
    const [client, other] = await server.connectMany(2);
    await join(client, 'room-a');
    expect(await other.errorCode('stateSnapshot')).toBe('too-many');
    expect((await post(server.url, 'room-a')).status).toBe(429);
    expect((await fetch(`${server.url}/join`)).status).toBe(200);
  });
});

describe('LIMIT-10 sockets that never read', () => {
  /** Requests answers that are never read, until the server has cut the socket; answers pings. */
  async function neverRead(server: InProcessServer, sockets: readonly RawSocket[]): Promise<void> {
    let requests = 0;
    const request = (socket: RawSocket, name: string, body: string) => {
      requests += 1;
      socket.send(`42${requests}["${name}",${body}]`);
    };
    for (const socket of sockets) {
      request(socket, 'join', joinBody('wire'));
      socket.stopReading();
    }
    await waitUntil('a socket is cut', async () => {
      for (const socket of sockets) {
        // Large, and made quickly.
        for (let i = 0; i < 20; i += 1) {
          request(socket, 'stateSnapshot', `{"requestId":"r${requests}"}`);
        }
        socket.send('3');
      }
      await delay(20);
      return (await refusals(server)) > 0;
    });
  }

  it.each([
    ['with too much waiting for all of them', { pageWaitingBytes: 8 * 1024 }],
    ['and read nothing within the window', { readingWindowMs: 500, readingCheckMs: 50 }],
  ])('are closed, %s', async (_what, limits) => {
    await using server = await InProcessServer.start({
      limits: {
        socketsPerAddressMax: 50,
        sessionsPerSocketMax: 1_000,
        pageMessageBurst: 1e6,
        pageAnswerBurstBytes: 1e9,
        signalBacklogBytes: 1e9,
        pageWaitingBytes: 1e9,
        readingWindowMs: 600_000,
        ...limits,
      },
    });
    const [bystander, owner] = await server.connectMany(2);
    await join(bystander, 'bystander');
    await broadcast(owner, 'wire');
    for (const key of ['a', 'b', 'c', 'd']) {
      const message = { kind: 'data', topic: 'full', key, capturedAt: 1, data: 'x'.repeat(15_000) };
      await owner.request('setState', { messages: [message] });
    }
    const sockets = await Promise.all([1, 2, 3].map(() => RawSocket.open(server.url)));
    await neverRead(server, sockets);
    expect(await bystander.errorCode('requestKeyFrame')).toBeUndefined();
    for (const socket of sockets) socket.close();
  });
});

describe('LIMIT-11 rooms that strangers open', () => {
  const from = (address: string) => ({ 'X-Forwarded-For': address });
  const limits = {
    roomsMax: 60,
    roomsPerAddressMax: LIMITS.roomsPerAddressMax,
    sessionsMax: 200,
  };

  it('joins without a publisher keep no publisher and no viewer of a live room out', async () => {
    await using server = await InProcessServer.start({ limits, env: { TRUST_PROXY: '1' } });
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 100; i += 1) {
      codes.push(await codeOf(post(server.url, `x-${i}`, from(`203.0.113.${i % 10}`))));
    }
    expect(codes.filter((code) => code === 'too-many').length).toBeGreaterThan(0);
    const owner = await SignalClient.connect(server.url, from('198.51.100.1'));
    await broadcast(owner, 'main');
    // A viewer that waits in an evicted room joins again when its socket has gone.
    for (let i = 0; i < 200; i += 1) {
      await post(server.url, 'x-99', from(`203.0.113.${i % 100}`));
    }
    expect(await codeOf(post(server.url, 'x-99', from('198.51.100.7')))).toBe('too-many');
    for (let i = 0; i < 20; i += 1) {
      expect(await codeOf(post(server.url, 'main', from(`198.51.100.${i + 10}`)))).toBeUndefined();
    }
    expect(server.app.registry.existingRoom('main' as never).viewerCount).toBe(0);
    owner.close();
  });

  it('claims without a broadcast give way to a newcomer, whose pages learn it at once', async () => {
    await using server = await InProcessServer.start({ limits, env: { TRUST_PROXY: '1' } });
    const stranger = await SignalClient.connect(server.url, from('203.0.113.1'));
    const waiting = await SignalClient.connect(server.url, from('203.0.113.1'));
    await join(waiting, 'x-0');
    for (let i = 1; i < 42; i += 1) await claim(stranger, `x-${i}`);
    const owner = await SignalClient.connect(server.url, from('198.51.100.1'));
    await broadcast(owner, 'main');
    await waitUntil('the evicted page is disconnected', () => !waiting.connected);
    await claim(owner, 'main-2');
    // 42 in which nobody has been live, and the live one.
    expect(server.app.registry.roomCount).toBe(43);
    stranger.close();
    owner.close();
  });
});

describe('SEC-17 DNS rebinding', () => {
  const EVIL = 'evil.example:8088';
  const get = (url: string, path: string, host: string, method = 'GET') =>
    httpRequest(url, path, { method, headers: { Host: host } });

  it('a name that is not this server’s gets no page, no API, no websocket and no metrics', async () => {
    const logRecords: string[] = [];
    await using server = await InProcessServer.start({ env: { LOG_LEVEL: 'warn' }, logRecords });
    for (const [path, method] of [
      ['/', 'GET'],
      ['/publish', 'GET'],
      ['/join/studio', 'HEAD'],
      ['/favicon.svg', 'GET'],
      ['/nowhere', 'GET'],
      ['/api/rooms/studio/overlay', 'POST'],
      ['/socket.io/?EIO=4&transport=polling', 'GET'],
    ] as const) {
      const { status, body } = await get(server.url, path, EVIL, method);
      expect([path, status]).toEqual([path, 403]);
      expect(body.toString()).toContain(method === 'HEAD' ? '' : 'PUBLIC_HOSTS=evil.example');
    }
    const headers = { Host: EVIL, Origin: `http://${EVIL}` };
    expect(await codeOf(post(server.url, 'main', headers))).toBe('origin-refused');
    await expect(SignalClient.connect(server.url, headers)).rejects.toThrow('websocket error');
    await expect(SignalClient.connect(server.url, { Host: EVIL })).rejects.toThrow(
      'websocket error',
    );
    const metrics = `http://127.0.0.1:${server.app.metricsPort}`;
    expect((await get(metrics, '/metrics', EVIL)).status).toBe(403);
    expect((await get(metrics, '/metrics', 'localhost:1')).status).toBe(200);
    // They have no content, and checks come under any name.
    expect((await get(server.url, '/healthz', EVIL)).status).toBe(200);
    const refused = logRecords.filter((line) => line.includes('refused a page'));
    expect(refused).toHaveLength(1);
    expect(refused[0]).toContain(EVIL);
    expect(server.app.registry.roomCount).toBe(0);
  });

  it('without configuration, addresses and localhost work', async () => {
    await using server = await InProcessServer.start();
    for (const host of ['localhost', '127.0.0.1:8088', '192.168.1.20:8088', '[2001:db8::1]:8088']) {
      expect([host, (await get(server.url, '/join', host)).status]).toEqual([host, 200]);
    }
  });

  it('a name of PUBLIC_HOSTS or ALLOWED_ORIGINS works, with a proxy in front too', async () => {
    await using server = await InProcessServer.start({
      env: {
        PUBLIC_HOSTS: 'live.example.org, Video.example.org',
        ALLOWED_ORIGINS: 'https://embed.example',
        TRUST_PROXY: '127.0.0.1',
      },
    });
    for (const host of ['live.example.org', 'video.example.org:8443', 'embed.example']) {
      const headers = { Host: host, Origin: `https://${host}`, 'X-Forwarded-For': '198.51.100.1' };
      expect((await get(server.url, '/join', host)).status).toBe(200);
      expect(await codeOf(post(server.url, 'main', headers))).toBeUndefined();
      (await SignalClient.connect(server.url, headers)).close();
    }
    expect((await get(server.url, '/join', 'www.live.example.org')).status).toBe(403);
  });
});
