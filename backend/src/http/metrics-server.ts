import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Limits } from '#config/limits.ts';

/** `/metrics` on a port of its own, so that a proxy for the pages can't expose it. */
export class MetricsServer {
  readonly #server: Server;
  readonly #read: () => Promise<string>;
  #reading: Promise<string> | undefined;

  /** @throws if the port is in use */
  static async listen(
    { host, port }: { readonly host: string; readonly port: number },
    limits: Pick<Limits, 'headersTimeoutMs' | 'requestTimeoutMs' | 'metricsConnectionsMax'>,
    contentType: string,
    read: () => Promise<string>,
  ): Promise<MetricsServer> {
    const metrics = new MetricsServer(limits, contentType, read);
    metrics.#server.listen(port, host);
    await once(metrics.#server, 'listening');
    return metrics;
  }

  private constructor(
    limits: Pick<Limits, 'headersTimeoutMs' | 'requestTimeoutMs' | 'metricsConnectionsMax'>,
    contentType: string,
    read: () => Promise<string>,
  ) {
    this.#read = read;
    this.#server = createServer((request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response
          .writeHead(404, { 'Content-Type': 'text/plain' })
          .end('The metrics are at /metrics.\n');
        return;
      }
      this.#scrape().then(
        (text) => response.writeHead(200, { 'Content-Type': contentType }).end(text),
        () => response.writeHead(500).end(),
      );
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
