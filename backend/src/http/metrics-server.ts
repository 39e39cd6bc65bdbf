import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Limits } from '#config/limits.ts';
import { answerOneAtATime, type ReadingLimits } from '../admission/one-answer.ts';
import { hostRefusal, isOwnHost, type OwnHosts } from '../admission/own-hosts.ts';
import type { Metrics } from '../observability/metrics.ts';

export interface MetricsServerParts {
  readonly limits: ReadingLimits &
    Pick<Limits, 'headersTimeoutMs' | 'requestTimeoutMs' | 'metricsConnectionsMax'>;
  readonly metrics: Metrics;
  readonly own: OwnHosts;
  /** Logs a refused host. */
  hostRefused(headers: IncomingMessage['headers']): void;
}

/** `/metrics` on a port of its own, so that a proxy for the pages can't expose it. */
export class MetricsServer {
  readonly #server: Server;
  readonly #read: () => Promise<string>;
  #reading: Promise<string> | undefined;

  /** @throws if the port is in use */
  static async listen(
    { host, port }: { readonly host: string; readonly port: number },
    parts: MetricsServerParts,
    read: () => Promise<string>,
  ): Promise<MetricsServer> {
    const metrics = new MetricsServer(parts, read);
    metrics.#server.listen(port, host);
    await once(metrics.#server, 'listening');
    return metrics;
  }

  private constructor(parts: MetricsServerParts, read: () => Promise<string>) {
    const { limits, metrics } = parts;
    this.#read = read;
    this.#server = createServer((request, response) => {
      if (!isOwnHost(request.headers.host, parts.own)) {
        metrics.refused('origin-refused');
        parts.hostRefused(request.headers);
        response
          .writeHead(403, { 'Content-Type': 'text/plain' })
          .end(`${hostRefusal(request.headers.host)}\n`);
        return;
      }
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response
          .writeHead(404, { 'Content-Type': 'text/plain' })
          .end('The metrics are at /metrics.\n');
        return;
      }
      this.#scrape().then(
        (text) =>
          response.writeHead(200, { 'Content-Type': metrics.registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    answerOneAtATime(this.#server, {
      limits,
      metrics,
      accept: () => ({ address: '' }),
      begin: (_connection, handle) => handle(),
      beginUpgrade: () => false,
      overWaiting: () => [],
    });
    this.#server.headersTimeout = limits.headersTimeoutMs;
    this.#server.requestTimeout = limits.requestTimeoutMs;
    this.#server.maxConnections = limits.metricsConnectionsMax;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  /** Requests that arrive while the metrics are being read share one reading. */
  #scrape(): Promise<string> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
