/** Frames, Engine.IO and Socket.IO packets that no client library sends. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { BystanderStream } from '#testkit/media/bystander-stream.ts';
import { growthPerRound, heapAfterCollection } from '#testkit/memory.ts';
import { OPCODE, RawSocket } from '#testkit/signalling/raw-socket.ts';
import { join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const placeholder = '{"_placeholder":true,"num":0}';
const JOIN = JSON.stringify({ requestId: 'a', ...PROTOCOL, room: 'wire', rtpCapabilities: {} });

const server = sharedServer();
let stream: BystanderStream;
let bystander: SignalClient;
let pid: number;

beforeAll(async () => {
  const { worker } = server.worker();
  ({ pid } = worker);
  stream = await BystanderStream.start(worker);
  bystander = await server.connect();
  await join(bystander, 'bystander');
});
afterAll(async () => {
  await stream[Symbol.asyncDispose]();
});

async function expectUnharmed(): Promise<void> {
  expect(await bystander.errorCode('requestKeyFrame')).toBeUndefined();
  expect((await server.worker().worker.dump()).pid).toBe(pid);
}

/** Whether the socket still gets answers: what it sent was ignored. */
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
  ['an unknown Engine.IO packet', send('9')],
  ['an empty Engine.IO packet', send('')],
  ['an Engine.IO ping, which only the server may send', send('2')],
  ['an empty Socket.IO packet', send('4')],
  ['an unknown Socket.IO packet', send('49')],
  ['a Socket.IO packet without a type', send('4\0')],
  ['half a Socket.IO message', send('42["join"')],
  ['an event without a name', send('42[]')],
  ['an object in place of a list', send('42{}')],
  ['a string in place of a list', send('42"join"')],
  ['an ack id with a sign', send(`42-1["join",${JOIN}]`)],
  ['an ack id with an exponent', send(`421e3["join",${JOIN}]`)],
  ['a reserved event name', send('421["disconnect"]')],
  ['another reserved event name', send('421["newListener",{}]')],
  ['a second Socket.IO connect', send('40')],
  ['a Socket.IO error, which only the server may send', send('44{"message":"x"}')],
  ['an event for another namespace', send(`42/admin,1["join",${JOIN}]`)],
  ['a Socket.IO disconnect without closing', send('41')],
  ['binary data that was not announced', send(bytes)],
  ['base64 data that was not announced', send('bAAAA')],
  ['announced binary data', send(`451-1["join",${placeholder}]`, bytes)],
  ['an announcement of binary data and nothing else', send(`451-1["join",${placeholder}]`)],
  [
    'text in place of announced binary data',
    send(`451-1["join",${placeholder}]`, `422["join",${JOIN}]`),
  ],
  ['an announcement of far too many attachments', send(`4599999999999-1["join",${placeholder}]`)],
  ['an announcement of -1 attachments', send(`45-1-1["join",${placeholder}]`)],
  ['an announcement without a count', send(`45-1["join",${placeholder}]`)],
  [
    'a placeholder beyond the number of attachments',
    send('451-1["join",{"_placeholder":true,"num":9}]', bytes),
  ],
  ['a binary ack', send(`461-1[${placeholder}]`, bytes)],
  ['a frame without a mask', (socket) => socket.frame(OPCODE.text, '3', true, { masked: false })],
  ['a frame with an unknown opcode', (socket) => socket.frame(OPCODE.unknown, 'x')],
  [
    'a frame that announces a terabyte',
    (socket) => socket.frame(OPCODE.text, 'x', true, { length: 2 ** 40 }),
  ],
  [
    'a frame that announces one byte more than allowed',
    (socket) => socket.frame(OPCODE.text, '', true, { length: 64 * 1024 + 1 }),
  ],
  ['a continuation of no message', (socket) => socket.frame(OPCODE.continuation, 'x')],
  [
    'fragments that are too long together',
    (socket) => {
      socket.frame(OPCODE.text, '4', false);
      for (let i = 0; i < 80; i += 1) {
        socket.frame(OPCODE.continuation, 'x'.repeat(1_000), false);
      }
    },
  ],
  ['a fragmented ping', (socket) => socket.frame(OPCODE.ping, 'x', false)],
  ['a ping that is too long', (socket) => socket.frame(OPCODE.ping, 'x'.repeat(126))],
  [
    'text that is not UTF-8',
    (socket) => socket.frame(OPCODE.text, Buffer.from([0x34, 0xff, 0xfe])),
  ],
  ['an invalid close frame', (socket) => socket.frame(OPCODE.close, Buffer.from([0x00, 0x01]))],
  ['a binary frame', (socket) => socket.frame(OPCODE.binary, bytes)],
];

const IGNORED: readonly [string, Act][] = [
  ['a second Engine.IO open packet', send('0{"sid":"x"}')],
  ['an Engine.IO close packet', send('1')],
  ['an Engine.IO upgrade', send('5')],
  ['a thousand Engine.IO pongs', (socket) => send(...Array<string>(1_000).fill('3'))(socket)],
  ['a request without an ack', send(`42["join",${JOIN}]`)],
  ['a request without a payload', send('42["join"]')],
  ['events named like members of every object', send('42["__proto__",{}]', '42["constructor",{}]')],
  ['a number in place of an event name', send('42[1,{}]')],
  ['an event named error', send('42["error",{"message":"x"}]')],
  ['acks of no request', send('431[]', '439007199254740991[null]')],
  ['a connect to an unknown namespace', send('40/admin,')],
  [
    'a thousand websocket pings',
    (socket) => {
      for (let i = 0; i < 1_000; i += 1) socket.frame(OPCODE.ping, 'x'.repeat(125));
    },
  ],
];

describe('SEC-4 SEC-10 data that is no valid message', () => {
  test.each(CLOSED)('the server closes a socket that sends %s', async (_what, act) => {
    const socket = await RawSocket.open(server.url);
    act(socket);
    expect(await isAnswered(socket)).toBe(false);
    await socket.closed;
    await expectUnharmed();
  });

  test.each(IGNORED)('the server ignores %s', async (_what, act) => {
    const socket = await RawSocket.open(server.url);
    act(socket);
    expect(await isAnswered(socket)).toBe(true);
    socket.close();
    await expectUnharmed();
  });

  it('the server closes a socket that connects to no namespace', async () => {
    await using quick = await InProcessServer.start({ limits: { connectTimeoutMs: 100 } });
    const silent = await RawSocket.openEngineIo(quick.url);
    const stranger = await RawSocket.openEngineIo(quick.url);
    stranger.send('40/admin,');
    await Promise.all([silent.closed, stranger.closed]);
    expect([silent.isOpen, stranger.isOpen]).toEqual([false, false]);
  });

  it('the server closes a socket that sends requests and never reads the answers', async () => {
    await using small = await InProcessServer.start({ limits: { signalBacklogBytes: 100_000 } });
    const other = await small.connect();
    await join(other, 'bystander');
    const silent = await RawSocket.open(small.url);
    silent.stopReading();
    let requests = 0;
    // The kernels' buffers on both sides hold some megabytes first.
    while (silent.isOpen && requests < 20_000) {
      for (let i = 0; i < 200; i += 1) {
        requests += 1;
        silent.send(`42${requests}["join",${JOIN.replace('"a"', `"a${requests}"`)}]`);
      }
      expect(await other.errorCode('requestKeyFrame')).toBeUndefined();
    }
    await waitUntil('the socket is closed', () => {
      // Only a socket that writes notices the close.
      silent.send('3');
      return !silent.isOpen;
    });
    expect(await small.metric('onecast_refused_total{code="too-many"}')).toBe(1);
  });

  it('nothing of this stays in memory, and the bystander loses no packet', async () => {
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
    // It would grow by 30 × 60 kB a round if fragments stayed.
    expect(growthPerRound(heap)).toBeLessThan(200_000);
    expect(await stream.lost()).toEqual([]);
    await expectUnharmed();
  });
});
