import { createServer, type Server } from 'node:http';
import { type ErrorRequestHandler, type Express, type RequestHandler, Router } from 'express';
import { pinoHttp } from 'pino-http';
import type { Limits } from '#config/limits.ts';
import type { ErrorCode } from '#protocol/errors.ts';
import type { PageConfig } from '#protocol/signalling.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { type PageSource, pageRoutes } from './pages.ts';
import type { SecurityOptions } from './security-headers.ts';

export function createHttpServer(app: Express, limits: Limits, metrics: Metrics): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headersMaxBytes,
      connectionsCheckingInterval: limits.httpCheckIntervalMs,
    },
    app,
  );
  server.maxConnections = limits.httpConnectionsMax;
  server.on('drop', () => metrics.refused('too-many'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answer = faultOf(error.code);
    if (answer) metrics.refused(answer.code);
    if (answer && socket.writable) {
      socket.end(`HTTP/1.1 ${answer.status}\r\nConnection: close\r\n\r\n`);
    } else socket.destroy();
  });
  server.headersTimeout = limits.headersTimeoutMs;
  server.requestTimeout = limits.requestTimeoutMs;
  return server;
}

/** The answer to a request that Node could not parse. Undefined if the connection was merely cut. */
function faultOf(cause = ''): { code: ErrorCode; status: string } | undefined {
  switch (cause) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'too-slow', status: '408 Request Timeout' };
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'bad-request', status: '431 Request Header Fields Too Large' };
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    default:
      return cause.startsWith('HPE_')
        ? { code: 'bad-request', status: '400 Bad Request' }
        : undefined;
  }
}

export interface RouteOptions {
  readonly log: Log;
  readonly page: PageConfig;
  readonly pages: PageSource;
  readonly security: SecurityOptions;
  /** For programs, and for pages before they have a socket. */
  readonly apis: readonly RequestHandler[];
  isReady(): boolean;
}

export function mountRoutes(app: Express, options: RouteOptions): void {
  app.disable('x-powered-by');
  // What may be cached brings its own.
  app.disable('etag');
  app.use(healthRoutes(() => options.isReady()));
  // It costs each request more than the page itself.
  if (options.log.isLevelEnabled('debug')) app.use(requestLog(options.log));
  for (const api of options.apis) app.use(api);
  app.use(pageRoutes(options.pages, options.page, options.security));
  for (const assets of options.pages.assets) app.use(assets);
  app.use((_request, response) => {
    response.status(404).type('text').send('There is no such page.\n');
  });
  const failed: ErrorRequestHandler = (error, _request, response, _next) => {
    if (isBadUrl(error)) {
      response.status(400).type('text').send('The request was not understood.\n');
      return;
    }
    options.log.error({ err: error }, 'http request failed');
    if (response.headersSent) response.end();
    else response.status(500).type('text').send('Something went wrong on the server.\n');
  };
  app.use(failed);
}

/** Where a fragment or a query begins, encoded or not. */
const TOKEN_PLACES = /[?#;&]|%(?:25)*(?:23|26|3b|3f)|token/i;

/** Logs each request at level debug. */
function requestLog(log: Log): RequestHandler {
  return pinoHttp({
    logger: log,
    useLevel: 'debug',
    // The whole request would fill the log, so only the path is logged, and not all of a long one.
    // The query is left out, and whatever chat apps have moved from the fragment into the path: a
    // link may have a token there.
    serializers: {
      req: (request: { method: string; url: string }) => ({
        method: request.method,
        url: request.url.split(TOKEN_PLACES, 1)[0]?.slice(0, 256),
      }),
      res: (response: { statusCode: number }) => ({ statusCode: response.statusCode }),
    },
  });
}

/** Express throws this for a URL that can't be decoded. Such requests must not fill the log. */
function isBadUrl(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 400;
}

/** `/healthz`: the process is alive. `/readyz`: the server accepts broadcasts now. */
function healthRoutes(isReady: () => boolean): Router {
  const router = Router();
  router.get('/healthz', (_request, response) => {
    response.set('Cache-Control', 'no-store').json({ status: 'ok' });
  });
  router.get('/readyz', (_request, response) => {
    const ready = isReady();
    response
      .status(ready ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json({ status: ready ? 'ready' : 'not-ready' });
  });
  return router;
}
