/**
 * node message-flood.ts <host> <port> <messages a second>
 * A separate process with its own source address: one socket that sends requests at this rate, and
 * another one as soon as the server closes it. Prints what it did when its input ends.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const FROM = '127.0.0.2';
const TICK_MS = 5;
const [host = '', port = '', rate = ''] = process.argv.slice(2);
const perTick = (Number(rate) * TICK_MS) / 1_000;

const stats = { sent: 0, sockets: 0, cut: 0, refused: 0 };
const stop = new AbortController();

/** A masked WebSocket text frame of at most 65,535 bytes. A mask of zeros is valid. */
function frame(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(body.length < 126 ? 2 : 4);
  head[0] = 0x81;
  head[1] = 0x80 | (body.length < 126 ? body.length : 126);
  if (head.length === 4) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, Buffer.alloc(4), body]);
}

async function flood(): Promise<void> {
  const socket = connect({ host, port: Number(port), localAddress: FROM });
  socket.on('error', () => undefined);
  // Not once() of node:events, which an error would reject.
  const closed = new Promise<unknown[]>((resolve) => {
    socket.once('close', () => resolve([]));
  });
  const answered = new Promise<unknown[]>((resolve) => {
    socket.once('data', (answer) => resolve([answer]));
  });
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const [answer] = await Promise.race([answered, closed]);
  if (!String(answer).startsWith('HTTP/1.1 101')) {
    stats.refused += 1;
    socket.destroy();
    return;
  }
  stats.sockets += 1;
  socket.resume();
  socket.write(frame('40'));
  let due = 0;
  for (let id = 1; !socket.destroyed && !stop.signal.aborted; due += perTick) {
    const messages: Buffer[] = [];
    for (; id <= due; id += 1) {
      messages.push(frame(`42${id}["restartIce",{"requestId":"r${id}","transportId":"none"}]`));
    }
    stats.sent += messages.length;
    socket.write(Buffer.concat(messages));
    await delay(TICK_MS);
  }
  if (!stop.signal.aborted) stats.cut += 1;
  socket.destroy();
  await closed;
}

async function attack(): Promise<void> {
  while (!stop.signal.aborted) {
    const refusedBefore = stats.refused;
    await flood();
    // Without a socket it can't send; then it tries to connect at the rate of its messages.
    if (stats.refused > refusedBefore) await delay(1_000 / Number(rate));
  }
}

process.stdin.resume();
process.stdin.once('end', () => {
  stop.abort();
});
await attack();
process.stdout.write(JSON.stringify(stats));
