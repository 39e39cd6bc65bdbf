/**
 * node socket-attacks.ts <attack> <url>
 * Attacks over websockets from one address, with frames made by hand.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { LoadClient } from '#testkit/signalling/load-client.ts';
import { type Attempt, closed, connection, type Program, runProgram } from './program.ts';

const SOCKETS = 200;
/** Just within what one socket may send. */
const MESSAGES_PER_S = 9.5;
const FLOOD_PER_S = 1_000;
const TICK_MS = 5;
const PONG_MS = 2_000;
const FULL_ROOM = `attack-${randomBytes(4).toString('hex')}`;
/** LoadClient's number of the page that fills the room. */
const FILLER = 60_000;

const JOIN = JSON.stringify({
  protocol: PROTOCOL_VERSION,
  room: FULL_ROOM,
  rtpCapabilities: fixture.rtpCapabilities,
}).slice(1);

/** A masked WebSocket text frame of at most 65,535 bytes. A mask of zeros is valid. */
function frame(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(body.length < 126 ? 2 : 4);
  head[0] = 0x81;
  head[1] = 0x80 | (body.length < 126 ? body.length : 126);
  if (head.length === 4) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, Buffer.alloc(4), body]);
}

function request(id: number, name: string, rest: string): Buffer {
  return frame(`42${id}["${name}",{"requestId":"r${id}"${rest}]`);
}

/** A socket in Socket.IO's default namespace; undefined if the server refuses it. */
async function openSocket(attempt: Attempt): Promise<Socket | undefined> {
  const socket = connection(attempt);
  socket.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${attempt.url.host}\r\n` +
      'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  );
  const answer = new Promise<unknown>((resolve) => socket.once('data', resolve));
  const first = await Promise.race([answer, closed(socket)]);
  socket.pause();
  if (!String(first).startsWith('HTTP/1.1 101')) {
    attempt.count('refused');
    socket.destroy();
    return undefined;
  }
  attempt.count('sockets');
  socket.once('close', () => {
    if (!attempt.signal.aborted) attempt.count('cut');
  });
  socket.write(frame('40'));
  return socket;
}

/** A live room whose state is as large as a page may make it. */
async function fillRoom({ url }: Attempt): Promise<void> {
  const page = new LoadClient(url.origin, FILLER);
  await page.connected();
  const answer = await page.request('publish', { protocol: PROTOCOL_VERSION, room: FULL_ROOM });
  const { transport } = answer as { transport: { id: string } };
  await page.request('produce', {
    transportId: transport.id,
    kind: 'video',
    rtpParameters: fixture.simulcastVp8,
  });
  for (const key of ['a', 'b', 'c', 'd']) {
    const data = 'x'.repeat(15_000);
    const message = { kind: 'data', topic: 'full', key, capturedAt: 0, data };
    await page.request('setState', { messages: [message] });
  }
}

/** 1,000 messages a second from one socket, and from another one as soon as that is closed. */
const messages: Program = async (attempt) => {
  const { signal, count } = attempt;
  while (!signal.aborted) {
    const socket = await openSocket(attempt);
    if (!socket) {
      // Without a socket it can't send; then it tries to connect at the rate of its messages.
      await delay(1_000 / FLOOD_PER_S);
      continue;
    }
    socket.resume();
    let id = 1;
    for (let due = 0; !socket.destroyed && !signal.aborted; ) {
      due += (FLOOD_PER_S * TICK_MS) / 1_000;
      for (; id <= due; id += 1) {
        count('messages');
        socket.write(request(id, 'restartIce', ',"transportId":"none"}'));
      }
      await delay(TICK_MS);
    }
    socket.destroy();
  }
};

/** As many sockets as the server lets in, up to 200, each sending as much as a socket may. */
function overManySockets(name: string, { reads }: { readonly reads: boolean }): Program {
  return async (attempt) => {
    const { signal, count } = attempt;
    await fillRoom(attempt);
    const session = async () => {
      while (!signal.aborted) {
        const socket = await openSocket(attempt);
        if (!socket) {
          await delay(1_000);
          continue;
        }
        if (reads) socket.resume();
        // What never reads does not see the server's pings; it answers them all the same.
        const pongs = setInterval(() => socket.write(frame('3')), PONG_MS);
        socket.once('close', () => clearInterval(pongs));
        for (let id = 1; !socket.destroyed && !signal.aborted; id += 1) {
          const joins = id === 1 || name === 'join';
          count('messages');
          socket.write(joins ? request(id, 'join', `,${JOIN}`) : request(id, name, '}'));
          await delay(1_000 / MESSAGES_PER_S);
        }
        if (reads) socket.destroy();
        else await closed(socket);
      }
    };
    await Promise.all(Array.from({ length: SOCKETS }, session));
  };
}

await runProgram({
  messages,
  'unread-sockets': overManySockets('stateSnapshot', { reads: false }),
  joins: overManySockets('join', { reads: true }),
});
