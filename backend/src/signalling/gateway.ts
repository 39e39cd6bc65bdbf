import { IncomingMessage, type Server as HttpServer } from 'node:http';
import { Server } from 'socket.io';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import type { ErrorCode } from '#protocol/errors.ts';
import type { AddressAdmission } from '../admission/address-admission.ts';
import { proxyWarning } from '../admission/client-address.ts';
import { guardMessages, guardPackets } from '../admission/flood-guard.ts';
import { originAllowed } from '../admission/origin.ts';
import type { OwnHosts } from '../admission/own-hosts.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RoomAdmission } from '../rooms/room-admission.ts';
import { bind } from './bind.ts';
import { blockedWebsocketLog, isBlockedWebsocket } from './blocked-websocket.ts';
import { createHandlers } from './handlers.ts';
import { SignallingSocket } from './signalling-socket.ts';

export interface GatewayParts {
  readonly admission: RoomAdmission;
  readonly addresses: AddressAdmission;
  readonly config: OwnHosts & Pick<Config, 'trustProxy'>;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The address that limits count a request against. */
  addressOf(request: IncomingMessage): string;
  /** Logs a refused host or origin. */
  hostRefused(headers: IncomingMessage['headers']): void;
}

/** The request of an error of Engine.IO. Its handshake must have failed, or there would be none. */
function requestOf(error: unknown): IncomingMessage | undefined {
  if (typeof error !== 'object' || error === null || !('req' in error)) return undefined;
  return error.req instanceof IncomingMessage ? error.req : undefined;
}

/** The Socket.IO server: one socket per page, websocket only, no media and no overlay on it. */
export class Gateway {
  readonly #io: Server;

  constructor(http: HttpServer, parts: GatewayParts) {
    const { admission, addresses, config, limits, log, metrics } = parts;
    const warnOfProxy = proxyWarning(config.trustProxy, log);
    const refusalOf = (request: IncomingMessage): ErrorCode | undefined => {
      warnOfProxy(request);
      if (!originAllowed(request, config)) {
        parts.hostRefused(request.headers);
        return 'origin-refused';
      }
      const release = addresses.holdSocket(parts.addressOf(request));
      if (!release) return 'too-many';
      if (request.socket.destroyed) release();
      else request.socket.once('close', release);
      return undefined;
    };
    this.#io = new Server(http, {
      transports: ['websocket'],
      serveClient: false,
      pingInterval: limits.pingIntervalMs,
      pingTimeout: limits.pingTimeoutMs,
      connectTimeout: limits.connectTimeoutMs,
      maxHttpBufferSize: limits.signalMaxBytes,
      perMessageDeflate: false,
      // Socket.IO's own recovery stays off: it can't restore transports, and sessions do that.
      // CORS does not apply to websockets, so the origin is checked here.
      allowRequest: (request, decide) => {
        const code = refusalOf(request);
        if (code) metrics.refused(code);
        decide(code, code === undefined);
      },
    });
    const reportBlocked = blockedWebsocketLog(log);
    this.#io.engine.on('connection_error', (error: unknown) => {
      const request = requestOf(error);
      if (!request || !isBlockedWebsocket(request)) return;
      metrics.websocketBlocked();
      reportBlocked();
    });
    guardPackets(this.#io, limits, addresses, metrics, log);
    this.#io.on('connection', (socket) => {
      const socketLog = log.child({ socketId: socket.id });
      const address = parts.addressOf(socket.request);
      const connection = new SignallingSocket(socket, address, limits);
      guardMessages(socket, limits, () => addresses.maySend(address), metrics, socketLog);
      bind(socket, createHandlers(connection, admission), {
        log: socketLog,
        metrics,
        answerMemory: (name) => connection.memory(name),
      });
      socket.on('disconnect', (reason) => {
        socketLog.debug({ reason }, 'socket closed');
        connection.detach();
        // A client that leaves Socket.IO's namespace could keep the connection and join it again.
        socket.conn.close();
      });
    });
  }

  get socketCount(): number {
    return this.#io.engine.clientsCount;
  }

  /** Informs every page that the server is about to stop. */
  announceDrain(retryInMs: number): void {
    this.#io.emit('draining', { retryInMs });
  }

  /** Disconnects every socket and closes the HTTP server below. */
  async close(): Promise<void> {
    await this.#io.close();
  }
}
