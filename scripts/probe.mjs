// Asks a running Onecast from outside: health, joining a room, and an answer from every candidate of
// the media port it is told. `node scripts/probe.mjs [http://host:port]`; exit code 0 if all is well.

import { randomBytes, randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { io } from 'socket.io-client';
import { bindingRequest, isSuccess } from './stun.mjs';

const PATIENCE_MS = 5000;
const base = process.argv[2] ?? 'http://127.0.0.1:8088';

function within(what, work) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer`)), PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function ask(path) {
  const answer = await within(path, fetch(new URL(path, base)));
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
}

async function join(socket, room) {
  const connected = new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  socket.connect();
  await within('socket', connected);
  const request = { requestId: randomUUID(), protocol: 3, room, rtpCapabilities: {} };
  const result = await within(
    'join',
    new Promise((resolve) => socket.emit('join', request, resolve)),
  );
  if (!result.ok) throw new Error(`join: ${result.code} ${result.message}`);
  return result.value;
}

/** A STUN binding as a browser would ask it, over UDP or framed over TCP (RFC 4571). */
async function askMedia({ protocol, address, ip, port }, { usernameFragment, password }) {
  const request = bindingRequest(usernameFragment, password);
  const host = address ?? ip;
  const answer = new Promise((resolve, reject) => {
    if (protocol === 'udp') {
      const udp = createSocket('udp4');
      udp.on('error', reject);
      udp.on('message', (message) => {
        udp.close();
        resolve(message);
      });
      udp.send(request, port, host);
    } else {
      const tcp = connect(port, host);
      const size = Buffer.alloc(2);
      size.writeUInt16BE(request.length);
      tcp.on('error', reject);
      tcp.on('data', (data) => {
        tcp.destroy();
        resolve(data.subarray(2));
      });
      tcp.write(Buffer.concat([size, request]));
    }
  });
  const where = `media ${protocol} ${host}:${port}`;
  if (!isSuccess(await within(where, answer))) throw new Error(`${where}: refused`);
  console.log(`${where} answers`);
}

const options = { transports: ['websocket'], reconnection: false, autoConnect: false };
const socket = io(base, options);
try {
  await ask('/healthz');
  await ask('/readyz');
  const room = `probe-${randomBytes(6).toString('hex')}`;
  const { transport } = await join(socket, room);
  console.log(`joined ${room}`);
  for (const candidate of transport.iceCandidates) {
    await askMedia(candidate, transport.iceParameters);
  }
} catch (error) {
  console.error(`probe: ${error.message}`);
  process.exitCode = 1;
} finally {
  socket.close();
}
