/** Below the protocol: frames, Engine.IO and Socket.IO packets that no client library makes. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { BystanderStream } from '#testkit/media/bystander-stream.ts';
import { growthPerRound, heapAfterCollection } from '#testkit/memory.ts';
import { OPCODE, RawSocket } from '#testkit/signalling/raw-socket.ts';
import { join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const placeholder = '{"_placeholder":true,"num":0}';
const JOIN = JSON.stringify({ requestId: 'a', ...PROTOCOL, room: 'wire', rtpCapabilities: {} });

let server: InProcessServer;
let picture: BystanderStream;
let bystander: SignalClient;
let pid: number | undefined;
const worker = () => server.app.pool.workers[0]?.worker;

beforeAll(async () => {
  server = await InProcessServer.start();
  const [seat] = server.app.pool.workers;
  if (!seat) throw new Error('there is a worker');
  ({ pid } = seat.worker);
  picture = await BystanderStream.start(seat.worker);
  bystander = await server.connect();
  await join(bystander, 'bystander');
});
afterAll(async () => {
  await picture[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function expectUnharmed(): Promise<void> {
  expect(await bystander.errorCode('requestKeyFrame')).toBeUndefined();
  expect((await worker()?.dump())?.pid).toBe(pid);
}

/** It still gets answers: what it sent was ignored. */
async function isAnswered(socket: RawSocket): Promise<boolean> {
  const ack = await socket.request('requestKeyFrame', '{"requestId":"after"}');
  return ack !== undefined;
}

type Act = (socket: RawSocket) => void;
const send =
  (...messages: (string | Uint8Array)[]): Act =>
  (socket) => {
    for (const message of messages) socket.send(message);
  };
const bytes = Buffer.alloc(1_000, 7);

const CLOSED: readonly [string, Act][] = [
  ['Engine.IO: an unknown packet', send('9')],
  ['Engine.IO: nothing', send('')],
  ['Engine.IO: a ping, which is the server’s to send', send('2')],
  ['Socket.IO: nothing', send('4')],
  ['Socket.IO: an unknown packet', send('49')],
  ['Socket.IO: no number', send('4\0')],
  ['Socket.IO: half a message', send('42["join"')],
  ['Socket.IO: no name', send('42[]')],
  ['Socket.IO: an object for a list', send('42{}')],
  ['Socket.IO: a text for a list', send('42"join"')],
  ['Socket.IO: a number with a sign for the ack', send(`42-1["join",${JOIN}]`)],
  ['Socket.IO: a number with an exponent for the ack', send(`421e3["join",${JOIN}]`)],
  ['Socket.IO: a reserved name', send('421["disconnect"]')],
  ['Socket.IO: another reserved name', send('421["newListener",{}]')],
  ['Socket.IO: a second connection', send('40')],
  ['Socket.IO: an error of the server', send('44{"message":"x"}')],
  ['Socket.IO: another room of the house', send(`42/admin,1["join",${JOIN}]`)],
  ['Socket.IO: leaving without closing', send('41')],
  ['binary that nothing announced', send(bytes)],
  ['binary in base64 that nothing announced', send('bAAAA')],
  ['binary that is announced and comes', send(`451-1["join",${placeholder}]`, bytes)],
  ['binary that is announced and never comes', send(`451-1["join",${placeholder}]`)],
  ['text in the place of binary', send(`451-1["join",${placeholder}]`, `422["join",${JOIN}]`)],
  ['more binary than can be', send(`4599999999999-1["join",${placeholder}]`)],
  ['less binary than none', send(`45-1-1["join",${placeholder}]`)],
  ['binary of no count', send(`45-1["join",${placeholder}]`)],
  [
    'a place for binary beyond its count',
    send('451-1["join",{"_placeholder":true,"num":9}]', bytes),
  ],
  ['a binary ack', send(`461-1[${placeholder}]`, bytes)],
  ['a frame without a mask', (socket) => socket.frame(OPCODE.text, '3', true, { masked: false })],
  ['a frame of a kind that does not exist', (socket) => socket.frame(OPCODE.unknown, 'x')],
  ['an announced terabyte', (socket) => socket.frame(OPCODE.text, 'x', true, { length: 2 ** 40 })],
  [
    'one byte more than fits',
    (socket) => socket.frame(OPCODE.text, '', true, { length: 64 * 1024 + 1 }),
  ],
  ['a fragment that continues nothing', (socket) => socket.frame(OPCODE.continuation, 'x')],
  [
    'fragments that together are too long',
    (socket) => {
      socket.frame(OPCODE.text, '4', false);
      for (let i = 0; i < 80; i += 1) {
        socket.frame(OPCODE.continuation, 'x'.repeat(1_000), false);
      }
    },
  ],
  ['a ping in fragments', (socket) => socket.frame(OPCODE.ping, 'x', false)],
  ['a ping that is too long', (socket) => socket.frame(OPCODE.ping, 'x'.repeat(126))],
  ['text that is no UTF-8', (socket) => socket.frame(OPCODE.text, Buffer.from([0x34, 0xff, 0xfe]))],
  ['a goodbye that is none', (socket) => socket.frame(OPCODE.close, Buffer.from([0x00, 0x01]))],
  ['binary by frames', (socket) => socket.frame(OPCODE.binary, bytes)],
];

const IGNORED: readonly [string, Act][] = [
  ['Engine.IO: a second greeting', send('0{"sid":"x"}')],
  ['Engine.IO: goodbye', send('1')],
  ['Engine.IO: an upgrade to nowhere', send('5')],
  ['Engine.IO: a thousand pongs', (socket) => send(...Array<string>(1_000).fill('3'))(socket)],
  ['Socket.IO: a request that wants no answer', send(`42["join",${JOIN}]`)],
  ['Socket.IO: a request without a payload', send('42["join"]')],
  ['Socket.IO: names of every object', send('42["__proto__",{}]', '42["constructor",{}]')],
  ['Socket.IO: a number for a name', send('42[1,{}]')],
  ['Socket.IO: an event called error', send('42["error",{"message":"x"}]')],
  ['Socket.IO: an answer to no question', send('431[]', '439007199254740991[null]')],
  ['Socket.IO: a house that does not exist', send('40/admin,')],
  [
    'a thousand pings',
    (socket) => {
      for (let i = 0; i < 1_000; i += 1) socket.frame(OPCODE.ping, 'x'.repeat(125));
    },
  ],
];

describe('SEC-4 SEC-10 what is not even a message', () => {
  test.each(CLOSED)('%s: closed', async (_what, act) => {
    const socket = await RawSocket.open(server.url);
    act(socket);
    expect(await isAnswered(socket)).toBe(false);
    await socket.closed;
    await expectUnharmed();
  });

  test.each(IGNORED)('%s: ignored', async (_what, act) => {
    const socket = await RawSocket.open(server.url);
    act(socket);
    expect(await isAnswered(socket)).toBe(true);
    socket.close();
    await expectUnharmed();
  });

  it('a socket that never enters is closed', async () => {
    await using quick = await InProcessServer.start({ limits: { connectTimeoutMs: 100 } });
    const silent = await RawSocket.openEngineIo(quick.url);
    const stranger = await RawSocket.openEngineIo(quick.url);
    stranger.send('40/admin,');
    await Promise.all([silent.closed, stranger.closed]);
    expect([silent.isOpen, stranger.isOpen]).toEqual([false, false]);
  });

  it('who asks and never reads is closed', async () => {
    await using small = await InProcessServer.start({ limits: { signalBacklogBytes: 100_000 } });
    const bystander = await small.connect();
    await join(bystander, 'bystander');
    const silent = await RawSocket.open(small.url);
    silent.stopReading();
    let asked = 0;
    // The kernel on both sides takes some megabytes first.
    while (silent.isOpen && asked < 20_000) {
      for (let i = 0; i < 200; i += 1) {
        asked += 1;
        silent.send(`42${asked}["join",${JOIN.replace('"a"', `"a${asked}"`)}]`);
      }
      expect(await bystander.errorCode('requestKeyFrame')).toBeUndefined();
    }
    await waitUntil('it is cut', () => {
      // Only a socket that writes hears of it.
      silent.send('3');
      return !silent.isOpen;
    });
    expect(await small.metric('onecast_refused_total{code="too-many"}')).toBe(1);
  });

  it('nothing of it stays in memory, and nobody else has lost a packet', async () => {
    const heap: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const sockets = await Promise.all(
        Array.from({ length: 30 }, () => RawSocket.open(server.url)),
      );
      for (const socket of sockets) {
        socket.frame(OPCODE.text, '4', false);
        for (let i = 0; i < 60; i += 1) {
          socket.frame(OPCODE.continuation, 'x'.repeat(1_000), false);
        }
      }
      await expectUnharmed();
      for (const socket of sockets) socket.close();
      await Promise.all(sockets.map(({ closed }) => closed));
      for (const [, act] of [...CLOSED, ...IGNORED]) {
        const socket = await RawSocket.open(server.url);
        act(socket);
        await isAnswered(socket);
        socket.close();
      }
      if (round >= 2) heap.push(heapAfterCollection());
    }
    // 30 × 60 kB in each round, if fragments stayed.
    expect(growthPerRound(heap)).toBeLessThan(200_000);
    expect(await picture.lost()).toEqual([]);
    await expectUnharmed();
  });
});
