/**
 * One answer at a time on each HTTP connection, and a deadline for clients that don't read.
 *
 * Node begins an answer for every pipelined request, and sends no event to the answers that wait
 * behind another one when their connection has gone (nodejs/node#62534): whatever such an answer has opened
 * stays open for ever. So a request is handled only when the answer before it has left.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from '#config/limits.ts';
import type { Metrics } from '../observability/metrics.ts';
import { limitParsedRequests } from './parsed-chunks.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

export type ReadingLimits = Pick<
  Limits,
  'pipelinedRequestsMax' | 'readingCheckMs' | 'readingWindowMs' | 'readingBytesPerS'
>;

/** One TCP connection, from `accept` until it has closed; also after an upgrade to a websocket. */
export class Connection {
  readonly socket: Socket;
  /** The address that the connection counts against: behind a proxy, that of its latest request. */
  address: string;
  /** An answer is being made or sent. */
  answering = false;
  /** What it holds of its address's share; further calls have no effect. */
  release: () => void = () => undefined;
  /** Lets data through that is no HTTP any more. */
  pass: () => void = () => undefined;
  /** Requests that arrived during that answer. */
  readonly queued: (() => void)[] = [];
  /** Bytes that wait in front of the socket, in a layer above it. */
  buffered = 0;
  /** When the window began in which the client must read something, and what had been sent by then. */
  #behind: { readonly since: number; readonly sent: number } | undefined;

  constructor(socket: Socket, address: string) {
    this.socket = socket;
    this.address = address;
  }

  /** Bytes that the client has not taken from this process. */
  get waiting(): number {
    return this.buffered + this.socket.writableLength;
  }

  /**
   * Whether the client takes data more slowly than it must, or leaves the connection half-open after
   * the server has closed its side.
   */
  isTooSlow(limits: ReadingLimits, now: number): boolean {
    if (this.waiting === 0 && !this.socket.writableEnded) {
      this.#behind = undefined;
      return false;
    }
    const sent = bytesSent(this.socket);
    this.#behind ??= { since: now, sent };
    const elapsed = now - this.#behind.since;
    if (elapsed < limits.readingWindowMs) return false;
    const taken = sent - this.#behind.sent;
    this.#behind = { since: now, sent };
    return taken < (elapsed / 1_000) * limits.readingBytesPerS;
  }
}

const connections = new WeakMap<Socket, Connection>();

/** The connection of an open socket of a guarded server. */
export function connectionOf(socket: Socket): Connection | undefined {
  return connections.get(socket);
}

/** Bytes that the kernel has accepted, also of a write that is not complete yet. */
function bytesSent(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const dispatched: unknown = Reflect.get(socket, '_bytesDispatched');
  if (typeof handle === 'object' && handle !== null && typeof dispatched === 'number') {
    const unsent: unknown = Reflect.get(handle, 'writeQueueSize');
    if (typeof unsent === 'number') return dispatched - unsent;
  }
  // Coarser: a write counts only when all of it has left.
  return socket.bytesWritten - socket.writableLength;
}

/** Removes the listeners of an event, and returns a function that calls them all. */
function takeOver(http: Server, event: string): (...values: readonly unknown[]) => void {
  const listeners = http.listeners(event);
  http.removeAllListeners(event);
  return (...values) => {
    for (const listener of listeners) Reflect.apply(listener, http, values);
  };
}

export interface Accepted {
  /** The address that the connection counts against. */
  readonly address: string;
  /** Called once or more often when it counts no longer. */
  release?(): void;
  /** It is refused: not read, and closed after this time, so that its client can't go on at once. */
  readonly refusedForMs?: number;
}

export interface OneAnswerOptions {
  readonly limits: ReadingLimits;
  readonly metrics: Metrics;
  /** Admits a new connection, or refuses it; undefined: it is closed at once. */
  accept(socket: Socket): Accepted | undefined;
  /** Admits a request. `handle` passes it to the handlers; not calling it refuses the request. */
  begin(connection: Connection, handle: () => void, ...exchange: Parameters<Handle>): void;
  /** Admits an upgrade, as `begin`; false: the connection is closed. */
  beginUpgrade(connection: Connection, handle: () => void, request: IncomingMessage): boolean;
  /** The connections to close, because too much waits for one address. */
  overWaiting(connections: Iterable<Connection>): Iterable<Connection>;
}

/** What the client sends stays in the kernel, so the connection costs a descriptor and nothing else. */
function refuseUnread({ socket, release }: Connection, forMs: number): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null) {
    const readStop: unknown = Reflect.get(handle, 'readStop');
    if (typeof readStop === 'function') Reflect.apply(readStop, handle, []);
  }
  socket.on('error', () => undefined);
  socket.once('close', release);
  setTimeout(() => socket.resetAndDestroy(), forMs);
}

/** To be called after all other listeners of `http` have been added. */
export function answerOneAtATime(http: Server, options: OneAnswerOptions): void {
  const { limits, metrics } = options;
  const open = new Set<Connection>();
  const cut = (connection: Connection) => {
    metrics.refused('too-many');
    // Not `destroy`: the kernel would keep for minutes what the client does not take.
    connection.socket.resetAndDestroy();
  };

  const connect = takeOver(http, 'connection');
  http.on('connection', (socket: Socket) => {
    const admitted = options.accept(socket);
    if (!admitted) {
      metrics.refused('too-many');
      socket.resetAndDestroy();
      return;
    }
    const connection = new Connection(socket, admitted.address);
    connection.release = () => admitted.release?.();
    if (admitted.refusedForMs !== undefined) {
      metrics.refused('too-many');
      refuseUnread(connection, admitted.refusedForMs);
      return;
    }
    connections.set(socket, connection);
    open.add(connection);
    socket.once('close', () => {
      open.delete(connection);
      connection.queued.length = 0;
      connection.release();
    });
    connect(socket);
    // The one that is answered, and those that wait.
    const requestsMax = 1 + limits.pipelinedRequestsMax;
    connection.pass = limitParsedRequests(socket, requestsMax, () => cut(connection));
  });

  const handle = takeOver(http, 'request');
  const begin = (connection: Connection, ...[request, response]: Parameters<Handle>) => {
    connection.answering = true;
    response.once('close', () => {
      connection.answering = false;
      if (!connection.socket.destroyed) connection.queued.shift()?.();
    });
    options.begin(connection, () => handle(request, response), request, response);
  };
  const onRequest: Handle = (request, response) => {
    const connection = connections.get(request.socket);
    // Node goes on with the requests that had arrived before the connection was closed.
    if (!connection || connection.socket.destroyed) return;
    if (!connection.answering) begin(connection, request, response);
    else if (connection.queued.length < limits.pipelinedRequestsMax) {
      connection.queued.push(() => begin(connection, request, response));
    } else cut(connection);
  };
  http.on('request', onRequest);
  // Node would answer these itself, however many wait.
  http.on('checkExpectation', onRequest);

  // Without a listener Node answers an upgrade like any other request.
  if (http.listenerCount('upgrade') > 0) {
    const upgrade = takeOver(http, 'upgrade');
    http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const connection = connections.get(socket);
      if (!connection || connection.socket.destroyed) return;
      connection.pass();
      // Node has removed its own listener, and an error without a listener ends the process.
      socket.on('error', () => undefined);
      const handle = () => upgrade(request, socket, head);
      if (connection.answering || !options.beginUpgrade(connection, handle, request)) {
        cut(connection);
      }
    });
  }

  const check = setInterval(() => {
    const now = performance.now();
    const behind: Connection[] = [];
    for (const connection of open) {
      if (connection.isTooSlow(limits, now)) cut(connection);
      else if (connection.waiting > 0) behind.push(connection);
    }
    for (const connection of options.overWaiting(behind)) cut(connection);
  }, limits.readingCheckMs);
  check.unref();
  http.once('close', () => clearInterval(check));
}
