/** Everything that HTTP and websockets have to pass before any of it is handled. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from '#config/limits.ts';
import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { AddressAdmission } from './address-admission.ts';
import { addressKey, type Trust } from './client-address.ts';
import { type Connection, answerOneAtATime } from './one-answer.ts';
import { hostRefusal, isOwnHost, type OwnHosts } from './own-hosts.ts';

export interface HttpGuardParts {
  readonly addresses: AddressAdmission;
  readonly own: OwnHosts;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly trust: Trust;
  /** Whether proxies are known by their addresses, and not only by their number. */
  readonly namesProxies: boolean;
  /** The address that limits count a request against. */
  addressOf(request: IncomingMessage): string;
  /** Logs a refused host. */
  hostRefused(headers: IncomingMessage['headers']): void;
  /** Puts the security headers on an answer. */
  setHeaders(request: IncomingMessage, response: ServerResponse): void;
}

/** Answers about the server's health have no content, so any name may ask for them. */
const HEALTH: ReadonlySet<string | undefined> = new Set(['/healthz', '/readyz']);

/** To be called after all other listeners of `http` have been added. */
export function guardHttp(http: Server, parts: HttpGuardParts): void {
  const { addresses, limits, metrics } = parts;

  /** After a while, and then the connection closes: a client that goes on at once gains nothing. */
  const refuseSlowly = (request: IncomingMessage, response: ServerResponse) => {
    metrics.refused('too-many');
    const timer = setTimeout(() => {
      response.setHeader('Retry-After', '1');
      refuse(request, response, 429, 'too-many', ERRORS['too-many'].message);
    }, limits.refusalDelayMs);
    response.once('close', () => clearTimeout(timer));
  };

  const refuseHost = (request: IncomingMessage, response: ServerResponse) => {
    metrics.refused('origin-refused');
    parts.hostRefused(request.headers);
    refuse(request, response, 403, 'origin-refused', hostRefusal(request.headers.host));
  };
  const inTurn = (address: string, socket: Socket, act: () => void) => {
    const wait = addresses.turn(address);
    if (wait === 0) {
      act();
      return;
    }
    const timer = setTimeout(() => {
      socket.off('close', stop);
      act();
    }, wait);
    const stop = () => clearTimeout(timer);
    socket.once('close', stop);
  };

  answerOneAtATime(http, {
    limits,
    metrics,
    accept(socket: Socket) {
      const { remoteAddress } = socket;
      // It has gone already.
      if (remoteAddress === undefined) return undefined;
      const address = addressKey(remoteAddress);
      // A proxy's own connections carry everybody's requests, which count one by one.
      const isProxy = parts.trust(remoteAddress, 0);
      if (isProxy && parts.namesProxies) return { address };
      const release = addresses.holdConnection(address);
      if (!release) return undefined;
      // Only its first request shows whether it really comes from a proxy.
      if (isProxy || addresses.mayConnect(address)) return { address, release };
      return { address, release, refusedForMs: limits.refusalDelayMs };
    },
    begin(connection, handle, request, response) {
      const address = parts.addressOf(request);
      connection.address = address;
      parts.setHeaders(request, response);
      if (isProxied(connection, request, parts)) {
        connection.release();
        const release = addresses.holdConnection(address);
        if (!release) {
          metrics.refused('too-many');
          refuse(request, response, 429, 'too-many', ERRORS['too-many'].message);
          return;
        }
        response.once('close', release);
      }
      // By method and not by path, which can be written in several ways.
      const isApi = isForProgram(request);
      if (isApi) {
        const before = request.socket.bytesWritten;
        response.once('close', () => {
          addresses.answered(address, request.socket.bytesWritten - before);
        });
      }
      if (!addresses.mayRequest(address) || (isApi && !addresses.hasAnswers(address))) {
        refuseSlowly(request, response);
        return;
      }
      inTurn(address, request.socket, () => {
        if (HEALTH.has(request.url) || isOwnHost(request.headers.host, parts.own)) handle();
        else refuseHost(request, response);
      });
    },
    beginUpgrade(connection, handle, request) {
      const { socket } = connection;
      connection.address = parts.addressOf(request);
      if (!addresses.mayRequest(connection.address)) return false;
      if (isProxied(connection, request, parts)) connection.release();
      inTurn(connection.address, socket, handle);
      return true;
    },
    overWaiting: (connections) => addresses.overWaiting(connections),
  });
}

function isProxied(
  { socket }: Connection,
  { headers }: IncomingMessage,
  { trust }: HttpGuardParts,
): boolean {
  return headers['x-forwarded-for'] !== undefined && trust(socket.remoteAddress ?? '', 0);
}

/** Only the APIs have other methods; their answers are JSON, and are made for each request. */
function isForProgram({ method }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** Answers without any handler, and closes the connection. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  code: ErrorCode,
  message: string,
): void {
  const asJson = isForProgram(request);
  const body = asJson ? JSON.stringify({ ok: false, code, message }) : `${message}\n`;
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    Connection: 'close',
    'Content-Length': Buffer.byteLength(body),
    'Content-Type': asJson ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
