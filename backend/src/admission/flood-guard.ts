/**
 * Limits what one socket can cost, in two stages: `guardPackets` counts everything that arrives on the
 * websocket, and `guardMessages` counts the Socket.IO messages in it.
 */
import type { Socket as EngineSocket } from 'engine.io';
import type { Server, Socket } from 'socket.io';
import type { Limits } from '#config/limits.ts';
import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import type { RequestName } from '#protocol/signalling.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { AddressAdmission } from './address-admission.ts';
import { connectionOf } from './one-answer.ts';

/** A packet of Engine.IO, as in its `packet` and `packetCreate` events. */
interface Packet {
  readonly type: string;
  readonly data?: unknown;
}

/** Counts with the lowest-level events that Socket.IO, Engine.IO and ws expose. */
export function guardPackets(
  io: Server,
  limits: Limits,
  addresses: AddressAdmission,
  metrics: Metrics,
  log: Log,
): void {
  // Engine.IO creates its websocket server again when the HTTP server begins to listen.
  io.httpServer.on('listening', () => limitFragments(io, limits));
  io.engine.on('connection', (raw: EngineSocket) => {
    const bucket = new TokenBucket(
      { burst: limits.packetBurst, perS: limits.packetsPerS },
      performance.now(),
    );
    let isCut = false;
    const cut = (code: ErrorCode, reason: string) => {
      if (isCut) return;
      isCut = true;
      metrics.refused(code);
      log.info(`socket cut: ${reason}`);
      // With a closing handshake the client could go on sending for half a minute.
      raw.request.socket.destroy();
    };
    const count = () => {
      if (!bucket.tryConsume(performance.now())) cut('too-many', 'too many packets');
    };
    raw.on('packet', (packet: Packet) => {
      count();
      // Socket.IO would keep attachments until the last one arrives, and no request has any.
      if (isBinary(packet)) cut('bad-request', 'binary');
    });
    watchBacklog(raw, limits, addresses, () => cut('too-many', 'the client does not read'));
    // If the client does not answer the closing frame, ws would go on reading for half a minute.
    raw.once('close', () => raw.request.socket.destroySoon());
    // ws answers pings and pongs itself, without an event of Engine.IO.
    const webSocket: unknown = Reflect.get(raw.transport, 'socket');
    if (!isEmitter(webSocket)) throw new Error('Engine.IO keeps its websocket elsewhere');
    webSocket.on('ping', count);
    webSocket.on('pong', count);
  });
}

/** Binary data, and Socket.IO's events (5) and acks (6) that announce binary attachments. */
function isBinary({ type, data }: Packet): boolean {
  return type === 'message' && (typeof data !== 'string' || /^[56]/.test(data));
}

/**
 * The answers to a client that never reads pile up in Engine.IO and in Node's socket. The backlog is
 * checked for each packet that is sent, before that packet is added. The cost of answers counts for
 * the address, pushes do not: others cause them.
 */
function watchBacklog(
  raw: EngineSocket,
  limits: Limits,
  addresses: AddressAdmission,
  onExceeded: () => void,
): void {
  const connection = connectionOf(raw.request.socket);
  if (!connection) throw new Error('a socket of no known connection');
  raw.on('packetCreate', ({ data }: Packet) => {
    if (connection.waiting > limits.signalBacklogBytes) onExceeded();
    if (typeof data !== 'string') return;
    connection.buffered += data.length;
    if (data.startsWith(SOCKET_IO_ACK)) addresses.answered(connection.address, data.length);
  });
  raw.on('flush', () => {
    connection.buffered = 0;
  });
}

/** The type of Socket.IO's packets that answer a request. */
const SOCKET_IO_ACK = '3';

/** Requests that carry overlay data. They have a rate of their own. */
const OVERLAY_REQUESTS: ReadonlySet<unknown> = new Set<RequestName>(['setState', 'ingest']);

/**
 * Counts every message before it is parsed, whether its name is known and whether it has an ack or
 * not. Messages beyond the rate are refused, and a client that goes on after several refusals is cut.
 * Our pages stop at the first refusal and wait, so they are never cut.
 * @param maySend counts the message for the socket's address; false: the address sends too much
 */
export function guardMessages(
  socket: Socket,
  limits: Limits,
  maySend: () => boolean,
  metrics: Metrics,
  log: Log,
): void {
  const begun = performance.now();
  const messages = new TokenBucket(
    { burst: limits.messageBurst, perS: limits.messagesPerS },
    begun,
  );
  const overlays = new TokenBucket(
    { burst: limits.overlayRequestBurst, perS: limits.overlayRequestsPerS },
    begun,
  );
  const violations: number[] = [];
  let cut = false;
  socket.use((event, next) => {
    // Socket.IO still passes on messages that had arrived before the cut.
    if (cut) return;
    const now = performance.now();
    const own = OVERLAY_REQUESTS.has(event[0]) ? overlays : messages;
    if (own.tryConsume(now) && maySend()) {
      next();
      return;
    }
    metrics.refused('too-many');
    const ack: unknown = event.at(-1);
    if (typeof ack === 'function') {
      ack({ ok: false, code: 'too-many', message: ERRORS['too-many'].message });
    }
    violations.push(now);
    while (now - (violations[0] ?? now) > limits.violationWindowMs) violations.shift();
    if (violations.length < limits.violationsMax) return;
    cut = true;
    log.info('socket cut: too many messages');
    // Sends the refusals that are still buffered, but reads nothing more.
    socket.conn.request.socket.destroySoon();
  });
}

/**
 * Each fragment of a message costs a buffer. ws allows 16,384 fragments, and Engine.IO has no option
 * for it.
 */
function limitFragments(io: Server, { messageFragmentsMax }: Limits): void {
  const webSockets: unknown = Reflect.get(io.engine, 'ws');
  const options: unknown =
    typeof webSockets === 'object' && webSockets !== null
      ? Reflect.get(webSockets, 'options')
      : undefined;
  if (typeof options !== 'object' || options === null) {
    throw new Error('Engine.IO keeps its websocket server elsewhere');
  }
  Reflect.set(options, 'maxFragments', messageFragmentsMax);
}

interface Emitter {
  on(event: string, listener: () => void): unknown;
}

function isEmitter(value: unknown): value is Emitter {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, 'on') === 'function'
  );
}
