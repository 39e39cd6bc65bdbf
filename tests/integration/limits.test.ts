import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, test } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { broadcast, join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { rawHttp } from '#testkit/http.ts';
import { OPCODE, RawSocket } from '#testkit/signalling/raw-socket.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const { messageBurst, messagesPerS, violationsMax, packetBurst, packetsPerS } = LIMITS;
/** The product's own limits, which test servers raise. */
const REAL_LIMITS = { messageBurst, messagesPerS, packetBurst, packetsPerS };
const refusals = (server: InProcessServer) =>
  server.metric('onecast_refused_total{code="too-many"}');

describe('LIMIT-1 messages of one socket', () => {
  it('the server refuses messages beyond the bucket, then closes the socket; nobody else notices', async () => {
    await using server = await InProcessServer.start({ limits: REAL_LIMITS });
    const [flooder, bystander] = await server.connectMany(2);
    await join(bystander, 'room-a');
    // Fewer than the packets at which the socket is closed without an answer.
    const requests = Array.from({ length: 60 }, () => flooder.raw('leave', null));
    const answers = await Promise.allSettled(requests);
    // Some of them are in flight when the socket is closed.
    expect(answers.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(
      messageBurst + violationsMax,
    );
    expect(await server.metric('onecast_refused_total{code="bad-request"}')).toBe(messageBurst);
    expect(flooder.connected).toBe(false);
    expect(await refusals(server)).toBe(violationsMax);
    expect(await bystander.errorCode('renewTransport')).toBeUndefined();
  });

  test.each([
    ['with an unknown name', '2["who-knows",{}]'],
    ['without an ack', '2["join",{}]'],
    ['with an ack', '21["join",{}]'],
  ])('messages %s count as well', async (_what, packet) => {
    await using server = await InProcessServer.start({ limits: REAL_LIMITS });
    const client = await server.connect();
    for (let i = 0; i < messageBurst + violationsMax; i += 1) client.writePacket(`4${packet}`);
    await waitUntil('the socket is closed', () => !client.connected);
    expect(await refusals(server)).toBe(violationsMax);
  });

  it('one refusal does not close the socket', async () => {
    await using server = await InProcessServer.start({
      limits: { ...REAL_LIMITS, messagesPerS: 0 },
    });
    const client = await server.connect();
    for (let i = 0; i < messageBurst; i += 1) await client.errorCode('renewTransport');
    expect(await client.errorCode('renewTransport')).toBe('too-many');
    expect(client.connected).toBe(true);
  });
});

describe('LIMIT-2 packets that never become a message', () => {
  const FLOODS: Record<string, (socket: RawSocket) => void> = {
    'pongs to no ping': (socket) => socket.frame(OPCODE.text, '3'),
    'other namespaces': (socket) => socket.frame(OPCODE.text, '40/admin,'),
    'acks of no request': (socket) => socket.frame(OPCODE.text, '431[]'),
    'websocket pings': (socket) => socket.frame(OPCODE.ping),
    'websocket pongs': (socket) => socket.frame(OPCODE.pong),
  };

  test.each(Object.keys(FLOODS))(
    'the server closes a socket that floods it with %s',
    async (kind) => {
      await using server = await InProcessServer.start({ limits: REAL_LIMITS });
      const bystander = await server.connect();
      const socket = await RawSocket.open(server.url);
      for (let i = 0; i < packetBurst * 2; i += 1) FLOODS[kind]?.(socket);
      await socket.closed;
      expect(await refusals(server)).toBeGreaterThanOrEqual(1);
      expect(bystander.connected).toBe(true);
    },
  );

  it('the server closes a socket that sends a message in thousands of fragments', async () => {
    // No ping in between: a socket that does not answer one is closed as well.
    const limits = { ...REAL_LIMITS, pingIntervalMs: 3_600_000 };
    await using server = await InProcessServer.start({ limits });
    const [socket, few] = await Promise.all([
      RawSocket.open(server.url),
      RawSocket.open(server.url),
    ]);
    socket.frame(OPCODE.text, '4', false);
    for (let i = 0; i <= server.limits.messageFragmentsMax; i += 1) {
      socket.frame(OPCODE.continuation, 'x', false);
    }
    few.frame(OPCODE.text, '4', false);
    for (let i = 0; i < 8; i += 1) few.frame(OPCODE.continuation, 'x', false);
    await socket.closed;
    expect(few.isOpen).toBe(true);
    few.close();
  });
});

describe('LIMIT-3 sockets of one address', () => {
  const refused = async (url: string, headers?: Record<string, string>) =>
    SignalClient.connect(url, headers).then(
      (client) => {
        client.close();
        return false;
      },
      () => true,
    );

  it('the server limits how many sockets an address has at the same time', async () => {
    await using server = await InProcessServer.start({ limits: { socketsPerAddressMax: 3 } });
    const open = await server.connectMany(3);
    expect(await refused(server.url)).toBe(true);
    expect(await refusals(server)).toBe(1);
    open[0]?.close();
    await waitUntil('another socket is accepted again', async () => !(await refused(server.url)));
    expect(open[1]?.connected).toBe(true);
  });

  it('the server limits how many sockets an address opens in ten seconds', async () => {
    await using server = await InProcessServer.start({ limits: { connectsPerAddressMax: 20 } });
    const tried = await Promise.all(Array.from({ length: 50 }, () => refused(server.url)));
    expect(tried.filter(Boolean)).toHaveLength(30);
  });

  it('the operator can change both limits', async () => {
    await using server = await InProcessServer.start({
      env: { MAX_SOCKETS_PER_ADDRESS: '1', MAX_CONNECTS_PER_ADDRESS: '2' },
    });
    await server.connect();
    expect(await refused(server.url)).toBe(true);
  });

  it('the server believes X-Forwarded-For from a trusted proxy only', async () => {
    const limits = { socketsPerAddressMax: 1 };
    const from = (address: string) => ({ 'x-forwarded-for': address });
    await using behind = await InProcessServer.start({ limits, env: { TRUST_PROXY: '127.0.0.1' } });
    const first = await SignalClient.connect(behind.url, from('198.51.100.1'));
    expect(await refused(behind.url, from('198.51.100.2'))).toBe(false);
    expect(await refused(behind.url, from('198.51.100.1'))).toBe(true);
    // What a client writes itself comes before what the proxy has added.
    expect(await refused(behind.url, from('203.0.113.7, 198.51.100.1'))).toBe(true);
    first.close();
    await using alone = await InProcessServer.start({ limits });
    const one = await SignalClient.connect(alone.url, from('198.51.100.1'));
    expect(await refused(alone.url, from('198.51.100.2'))).toBe(true);
    one.close();
  });
});

describe('LIMIT-4 slow HTTP', () => {
  const QUICK = { headersTimeoutMs: 300, requestTimeoutMs: 400, httpCheckIntervalMs: 50 };

  async function* dripping(): AsyncGenerator<string> {
    yield 'GET /join HTTP/1.1\r\nHost: x\r\n';
    for (;;) {
      await delay(20);
      yield 'X-Slow: 1\r\n';
    }
  }

  it('the server closes slow requests and serves others meanwhile', async () => {
    await using server = await InProcessServer.start({ limits: QUICK });
    const slow = Promise.all([
      rawHttp(server.url, dripping()),
      rawHttp(server.url, (async function* nothing() {})()),
    ]);
    expect((await fetch(`${server.url}/join`)).status).toBe(200);
    const [drip, silent] = await slow;
    expect(drip).toMatch(/^HTTP\/1\.1 408 /);
    expect(silent).toMatch(/^(?:HTTP\/1\.1 408 .*)?$/s);
    expect(await server.metric('onecast_refused_total{code="too-slow"}')).toBeGreaterThan(0);
    expect((await fetch(`${server.url}/join`)).status).toBe(200);
  });

  it('the server refuses headers that are too long', async () => {
    await using server = await InProcessServer.start();
    const answer = await rawHttp(
      server.url,
      (async function* huge() {
        yield `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(LIMITS.headersMaxBytes)}\r\n\r\n`;
      })(),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(await server.metric('onecast_refused_total{code="bad-request"}')).toBe(1);
  });
});

describe('LIMIT-5 rooms and sessions', () => {
  it('the server limits how many rooms an address opens, but not how many it enters', async () => {
    await using server = await InProcessServer.start({
      limits: { roomsPerAddressMax: 3, idleUnusedRoomMs: 50 },
    });
    const clients = await server.connectMany(3);
    await Promise.all(clients.map((client, i) => join(client, `room-${i}`)));
    const late = await server.connect();
    expect(await late.errorCode('publish', { ...PROTOCOL, room: 'room-x' })).toBe('too-many');
    await broadcast(late, 'room-1');
    expect(server.app.registry.roomCount).toBe(3);
    await clients[0]?.request('leave');
    await waitUntil('the unused room is forgotten', () => server.app.registry.roomCount < 3);
    await join(await server.connect(), 'room-x');
  });

  it('the server keeps a room that was live longer than one that never was', async () => {
    await using server = await InProcessServer.start({ limits: { idleUnusedRoomMs: 50 } });
    const [owner, viewer] = await server.connectMany(2);
    const { epoch } = await broadcast(owner, 'used');
    await owner.request('endBroadcast', { epoch });
    await join(viewer, 'unused');
    await viewer.request('leave');
    await waitUntil('the unused room is forgotten', () => server.app.registry.roomCount === 1);
    expect([...server.app.registry.rooms()].map(({ id }) => id)).toEqual(['used']);
  });

  it('2,000 joins leave as many sessions and transports as one address may have', async () => {
    await using server = await InProcessServer.start({
      limits: { socketsPerAddressMax: 1_000, sessionsPerSocketMax: 0.01 },
    });
    const attempts = 2_000;
    for (let done = 0; done < attempts; done += 100) {
      const client = await server.connect();
      // The last join on each socket leaves a session that survives the cut.
      await Promise.allSettled(Array.from({ length: 100 }, () => join(client, 'room-a')));
      client.cut();
    }
    const most = server.limits.socketsPerAddressMax * server.limits.sessionsPerSocketMax;
    expect(server.app.registry.sessionCount).toBe(most);
    expect((await server.mediaInUse()).transports).toBe(most);
  });

  it('the server limits the sessions of all addresses together', async () => {
    await using server = await InProcessServer.start({
      limits: { sessionsMax: 3 },
      env: { TRUST_PROXY: '1' },
    });
    const clients = await Promise.all(
      [1, 2, 3, 4].map((i) =>
        SignalClient.connect(server.url, { 'x-forwarded-for': `198.51.100.${i}` }),
      ),
    );
    const codes = await Promise.all(
      clients.map((client) =>
        join(client, 'room-a').then(
          () => 'in',
          (error: { code: string }) => error.code,
        ),
      ),
    );
    expect(codes.toSorted()).toEqual(['in', 'in', 'in', 'too-many']);
    for (const client of clients) client.close();
  });
});
