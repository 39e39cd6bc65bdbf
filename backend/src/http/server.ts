import { createServer, type Server } from 'node:http';
import type { ErrorRequestHandler, Express } from 'express';
import { pinoHttp } from 'pino-http';
import type { Limits } from '../../../config/limits.ts';
import type { Log } from '../observability/log.ts';
import type { PageConfig } from '../protocol/signalling.ts';
import { healthRoutes } from './health.ts';
import { type PageSource, pageRoutes } from './pages.ts';
import { securityHeaders } from './security.ts';

export function createHttpServer(app: Express, limits: Limits): Server {
  const server = createServer(app);
  server.headersTimeout = limits.headersTimeoutMs;
  server.requestTimeout = limits.requestTimeoutMs;
  return server;
}

export interface RouteOptions {
  readonly dev: boolean;
  readonly log: Log;
  readonly page: PageConfig;
  readonly pages: PageSource;
  isReady(): boolean;
}

export function mountRoutes(app: Express, options: RouteOptions): void {
  app.disable('x-powered-by');
  app.use(healthRoutes(() => options.isReady()));
  app.use(
    pinoHttp({
      logger: options.log,
      useLevel: 'debug',
      // The whole request would fill the log; a path is at most so long. A query is no place for
      // a secret, and a link that was mended by hand may have one there all the same.
      serializers: {
        req: (request: { method: string; url: string }) => ({
          method: request.method,
          url: request.url.split('?', 1)[0]?.slice(0, 256),
        }),
        res: (response: { statusCode: number }) => ({ statusCode: response.statusCode }),
      },
    }),
  );
  app.use(securityHeaders(options.dev));
  app.use(pageRoutes(options.pages, options.page));
  app.use(options.pages.assets);
  app.use((_request, response) => {
    response.status(404).type('text').send('There is no such page.\n');
  });
  const failed: ErrorRequestHandler = (error, _request, response, _next) => {
    options.log.error({ err: error }, 'http request failed');
    if (response.headersSent) response.end();
    else response.status(500).type('text').send('Something went wrong on the server.\n');
  };
  app.use(failed);
}
