/**
 * Keeps one socket from costing more than its share. Two sieves, one behind the other: everything
 * that arrives on the websocket, whatever it means to Socket.IO, and the messages among it.
 */
import type { Socket as EngineSocket } from 'engine.io';
import type { Server, Socket } from 'socket.io';
import type { Limits } from '#config/limits.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import type { RequestName } from '#protocol/signalling.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';

/** Engine.IO's own, as its `packet` and `packetCreate` events have it. */
interface Packet {
  readonly type: string;
  readonly data?: unknown;
}

/** The rawest event of each kind that Socket.IO, Engine.IO and ws let see. */
export function guardPackets(io: Server, limits: Limits, metrics: Metrics, log: Log): void {
  // Engine.IO makes its websocket server anew when the HTTP server begins to listen.
  io.httpServer.on('listening', () => limitFragments(io, limits));
  io.engine.on('connection', (raw: EngineSocket) => {
    const bucket = new TokenBucket(
      { burst: limits.packetBurst, perS: limits.packetsPerS },
      performance.now(),
    );
    let isCut = false;
    const cut = (code: ErrorCode, why: string) => {
      if (isCut) return;
      isCut = true;
      metrics.refused(code);
      log.info(`socket cut: ${why}`);
      // A closing handshake would leave the sender half a minute to go on.
      raw.request.socket.destroy();
    };
    const count = () => {
      if (!bucket.tryConsume(performance.now())) cut('too-many', 'too many packets');
    };
    raw.on('packet', (packet: Packet) => {
      count();
      // Attachments would be kept until the last one comes; no request has any.
      if (isBinary(packet)) cut('bad-request', 'binary');
    });
    watchBacklog(raw, limits, () => cut('too-many', 'it does not read'));
    // Without an answer to its closing frame ws would go on listening for half a minute.
    raw.once('close', () => raw.request.socket.destroySoon());
    // ws answers these itself; Engine.IO never hears of them.
    const webSocket: unknown = Reflect.get(raw.transport, 'socket');
    if (!isEmitter(webSocket)) throw new Error('Engine.IO keeps its websocket elsewhere');
    webSocket.on('ping', count);
    webSocket.on('pong', count);
  });
}

/** Binary itself, and Socket.IO's events (5) and acks (6) that announce some. */
function isBinary({ type, data }: Packet): boolean {
  return type === 'message' && (typeof data !== 'string' || /^[56]/.test(data));
}

/**
 * Who asks and never reads leaves the answers with us: with Engine.IO, and with the kernel's socket.
 * Looked at whenever a further one is sent, before it is added.
 */
function watchBacklog(raw: EngineSocket, limits: Limits, tooMuch: () => void): void {
  let waiting = 0;
  raw.on('packetCreate', ({ data }: Packet) => {
    if (waiting + raw.request.socket.writableLength > limits.signalBacklogBytes) tooMuch();
    if (typeof data === 'string') waiting += data.length;
  });
  raw.on('flush', () => {
    waiting = 0;
  });
}
const CARRY_OVERLAY: ReadonlySet<unknown> = new Set<RequestName>(['setState', 'ingest']);

/**
 * In front of parsing, for known names and unknown ones, with an ack and without. What is beyond
 * the bucket is refused; who goes on all the same is cut. A page stops at its first refusal and
 * waits, so it never gets there.
 */
export function guardMessages(socket: Socket, limits: Limits, metrics: Metrics, log: Log): void {
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
    // What came in the same breath is still handed on.
    if (cut) return;
    const now = performance.now();
    if ((CARRY_OVERLAY.has(event[0]) ? overlays : messages).tryConsume(now)) {
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
    // The refusals are on their way; nothing more is read.
    socket.conn.request.socket.destroySoon();
  });
}

/** A message in thousands of pieces costs a buffer each; ws allows 16,384 and Engine.IO has no say. */
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
