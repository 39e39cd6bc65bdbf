// Tests a running Onecast from outside: its health, joining a room, and an answer from each ICE
// candidate of its transport. `node scripts/probe.mjs [http://host:port]`; exit code 0 if all is well.

import { randomBytes, randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIPv6 } from 'node:net';
import { io } from 'socket.io-client';
import { inRoot } from './host.mjs';
import { bindingRequest, isAnswer, isSuccess } from './stun.mjs';

const TIMEOUT_MS = 5000;
const base = process.argv[2] ?? 'http://127.0.0.1:8088';

/** Read as text, because this script also runs on a Node that can't import TypeScript. */
function protocolVersion() {
  const source = readFileSync(inRoot('protocol', 'version.ts'), 'utf8');
  const version = /PROTOCOL_VERSION = (\d+)/.exec(source)?.[1];
  if (!version) throw new Error('protocol/version.ts contains no version');
  return Number(version);
}

function withTimeout(what, work) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer`)), TIMEOUT_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function checkPage(path) {
  const response = await withTimeout(path, fetch(new URL(path, base)));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
}

async function join(socket, room) {
  const connected = new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  socket.connect();
  await withTimeout('socket', connected);
  const protocol = protocolVersion();
  const request = { requestId: randomUUID(), protocol, room, rtpCapabilities: {} };
  const result = await withTimeout(
    'join',
    new Promise((resolve) => socket.emit('join', request, resolve)),
  );
  if (!result.ok) throw new Error(`join: ${result.code} ${result.message}`);
  return result.value;
}

/** Sends a STUN binding request like a browser's, over UDP, or framed over TCP (RFC 4571). */
async function checkCandidate({ protocol, address, ip, port }, { usernameFragment, password }) {
  const request = bindingRequest(usernameFragment, password);
  const host = address ?? ip;
  const answer = new Promise((resolve, reject) => {
    if (protocol === 'udp') {
      const udp = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
      udp.on('error', reject);
      udp.on('message', (message) => {
        if (!isAnswer(message, request)) return;
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
  if (!isSuccess(await withTimeout(where, answer))) throw new Error(`${where}: refused`);
  console.log(`${where} answers`);
}

const options = { transports: ['websocket'], reconnection: false, autoConnect: false };
const socket = io(base, options);
try {
  await checkPage('/healthz');
  await checkPage('/readyz');
  const room = `probe-${randomBytes(6).toString('hex')}`;
  const { transport } = await join(socket, room);
  console.log(`joined ${room}`);
  for (const candidate of transport.iceCandidates) {
    await checkCandidate(candidate, transport.iceParameters);
  }
} catch (error) {
  console.error(`probe: ${error.message}`);
  process.exitCode = 1;
} finally {
  socket.close();
}
